"""A batch, run: items to the engine, outcomes to the journal, and a word on how it stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from backbay import BackbayError, Usage

from . import records
from .budget import Budget
from .committing import Committer
from .course import Course
from .engine import Engine, Outcome, Target
from .errors import CONTINUE
from .feed import Feed, Sent
from .keeper import Keeper
from .pacing import Pacer
from .rows import Result, State, Totals
from .rules import Rules
from .setup import Opened
from .summary import Control, Progress, Reason

Report = Callable[[Progress], None]


class Run(Course):
    """One run of a batch.

    Args:
        opened: The batch.
        keeper: What keeps it.
        engine: What asks.
        target: Who is asked.
        rules: What bounds it.
        model: The model whose price estimates go by, or ``None``.
        control: Says when to stop.

    Attributes:
        asked: Lines that this run has a result of.
    """

    def __init__(
        self,
        opened: Opened,
        keeper: Keeper,
        engine: Engine,
        target: Target,
        *,
        rules: Rules,
        before: Totals,
        model: str | None,
        control: Control,
    ) -> None:
        budget = Budget(
            max_tokens=rules.max_tokens,
            max_cost=rules.max_cost,
            price=rules.price,
            model=model,
            tokens=before.input + before.output,
            cost=before.cost + _unpriced(rules, before, model),
        )
        pacer = Pacer(rules.concurrency, per_minute=rules.per_minute, tokens_per_minute=rules.tokens_per_minute)
        feed = Feed(keeper, pacer, budget, 2 * rules.concurrency + 16)
        super().__init__(engine, target, rules, feed=feed, pacer=pacer, budget=budget)
        self._batch = opened.batch
        self._before = before
        self._control = control
        self._committer = Committer(keeper, kept=self._kept, under_way=lambda: len(feed.under_way), failed=self._broken)
        self._consumer: asyncio.Task[None] | None = None
        self._failure: BackbayError | None = None
        self._began = time.monotonic()
        self._answered = self._failed = 0
        self.asked = 0

    @property
    def cost(self) -> float | None:
        """US dollars so far, of all runs; ``None`` if no price is known."""
        return None if self._rules.price is None else self._budget.cost

    async def run(self) -> None:
        """Run to the end, or until something stops it.

        Raises:
            BackbayError: The engine, or the storage, failed as a whole; what was kept stays.
        """
        self._control.listen(self._controlled)
        self._consumer = asyncio.create_task(self._consume())
        self._controlled()
        try:
            await asyncio.wait([self._consumer])
        finally:
            self._feed.end()
            self._consumer.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._consumer, return_exceptions=True)
            self._committer.flush()
        failure = self._failure or self._feed.failure
        if failure is not None:
            raise failure
        if not self._consumer.cancelled():
            self._consumer.result()
        if self._feed.out_of_budget:
            self.stopped, self.reason = "budget", f"The budget is used up. {CONTINUE}"

    def progress(self) -> Progress:
        """Return how it stands."""
        before, seconds = self._before, time.monotonic() - self._began
        waiting = before.waiting - self.asked
        rate = self.asked / seconds if seconds > 0 else 0.0
        return Progress(
            lines=before.lines,
            answered=before.answered + self._answered,
            failed=before.failed + before.bad + self._failed,
            under_way=len(self._feed.under_way),
            window=int(self._pacer.window),
            paused=self._pacer.paused,
            tokens=self._budget.tokens,
            cost=self.cost,
            seconds=seconds,
            rate=rate,
            left=waiting / rate if rate > 0 else None,
        )

    def _keep(self, sent: Sent, outcome: Outcome) -> None:
        """Have a line's result kept."""
        place, usage, failure = sent.place, outcome.usage, outcome.failure
        number = place.number
        sent.settled = True
        self.asked += 1
        cost = self._count(sent, outcome)
        if failure is None:
            record = records.answered(self._batch, number, place.custom_id or outcome.custom_id, outcome.body or b"{}")
            state = State.ANSWERED
            self._answered += 1
        else:
            record = records.failed(self._batch, number, place.custom_id, failure)
            state = State.GIVEN_UP if failure.retryable else State.FAILED
            self._failed += 1
        given = None if usage is None else usage.input
        made = None if usage is None else usage.output
        self._committer.add(Result(number, state, outcome.attempts, given, made, cost, record))

    def _leave(self, sent: Sent, outcome: Outcome) -> None:
        """Leave a line for the next run."""
        self._budget.release(sent.place.number)
        self._feed.done(sent.place.number)

    def _kept(self, numbers: list[int]) -> None:
        for number in numbers:
            self._feed.done(number)
        self._feed.pump()

    def _stop(self, stopped: Reason, reason: str) -> None:
        super()._stop(stopped, f"{reason} {CONTINUE}")

    def _broken(self, failure: BackbayError) -> None:
        """The storage failed: nothing can be kept, so nothing more is to be paid for."""
        self._failure = failure
        self._feed.end()
        if self._consumer is not None:
            self._consumer.cancel()

    def _controlled(self) -> None:
        if self._control.stopping:
            self._stop("interrupted", "It was interrupted.")
        if self._control.aborting and self._consumer is not None:
            self._consumer.cancel()


def _unpriced(rules: Rules, before: Totals, model: str | None) -> float:
    """Return the cost of earlier answers that were given when no price was known."""
    if rules.price is None or not before.unpriced_input + before.unpriced_output:
        return 0.0
    return rules.price(model, Usage(before.unpriced_input, before.unpriced_output)) or 0.0
