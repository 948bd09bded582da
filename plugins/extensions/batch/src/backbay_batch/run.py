"""A batch, run: items to the engine, outcomes to the journal, and what each outcome means for those that follow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from backbay import BackbayError, Usage

from . import records
from .budget import Budget
from .committing import Committer
from .engine import Engine, Failure, Outcome, Target
from .errors import CONTINUE, BatchEngineError
from .feed import Feed, Sent
from .keeper import Keeper
from .pacing import Pacer
from .rows import Result, State, Totals
from .rules import Rules
from .setup import Opened
from .summary import Control, Progress, Reason

_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_MOST_SLOWED = 20
"""How often one line may be answered that there are too many calls; then it is the line's own trouble."""

Report = Callable[[Progress], None]


class Run:
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
        stopped: Why it stopped before the end, or ``None``.
        reason: The same in a sentence, or ``None``.
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
        self._batch = opened.batch
        self._engine = engine
        self._target = target
        self._rules = rules
        self._before = before
        self._control = control
        self._budget = Budget(
            max_tokens=rules.max_tokens,
            max_cost=rules.max_cost,
            price=rules.price,
            model=model,
            tokens=before.input + before.output,
            cost=before.cost + self._unpriced(before, model),
        )
        self._pacer = Pacer(rules.concurrency, per_minute=rules.per_minute, tokens_per_minute=rules.tokens_per_minute)
        self._feed = Feed(keeper, self._pacer, self._budget, 2 * rules.concurrency + 16)
        self._committer = Committer(
            keeper, kept=self._kept, under_way=lambda: len(self._feed.under_way), failed=self._broken
        )
        self._consumer: asyncio.Task[None] | None = None
        self._failure: BackbayError | None = None
        self._began = self._answered_at = time.monotonic()
        self._answered = self._failed = self._failed_in_a_row = 0
        self.asked = 0
        self.stopped: Reason | None = None
        self.reason: str | None = None

    @property
    def cost(self) -> float | None:
        """US dollars so far, of all runs; ``None`` if no price is known."""
        return None if self._rules.price is None else self._budget.cost

    def _unpriced(self, before: Totals, model: str | None) -> float:
        """Return the cost of earlier answers that were given when no price was known."""
        if self._rules.price is None or not before.unpriced_input + before.unpriced_output:
            return 0.0
        return self._rules.price(model, Usage(before.unpriced_input, before.unpriced_output)) or 0.0

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
        waiting = before.lines - before.answered - before.failed - before.bad - self.asked
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

    async def _consume(self) -> None:
        outcomes = self._engine.run(self._feed, self._target)
        try:
            async for outcome in outcomes:
                self._settle(outcome)
        except BackbayError:
            raise
        except Exception as failure:
            raise BatchEngineError(
                f"The engine failed: {type(failure).__name__}: {failure}", hint=CONTINUE
            ) from failure
        finally:
            if isinstance(outcomes, AsyncGenerator):
                await outcomes.aclose()
        if not self._feed.ended:
            raise BatchEngineError("The engine ended before all lines were asked for.", hint=CONTINUE)

    def _settle(self, outcome: Outcome) -> None:
        sent = self._feed.under_way.get(outcome.number)
        if sent is None or sent.settled:
            return  # An engine may lose a worker, ask again, and hear from it after all.
        failure = outcome.failure
        if failure is None:
            self._pacer.answered(sent.at)
            self._answered_at = time.monotonic()
            self._failed_in_a_row = 0
            self._keep(sent, outcome)
        elif failure.slow_down and sent.slowed < _MOST_SLOWED:
            self._slow_down(sent, failure)
        elif failure.account:
            self._leave(sent)
            self._stop("account", f"{failure.message} The next line would fail alike. {CONTINUE}")
        elif failure.retryable and sent.tries + 1 < self._rules.tries:
            sent.tries += 1
            self._feed.put_back(outcome.number, min(_FIRST_DELAY * 2.0 ** (sent.tries - 1), _LONGEST_DELAY))
        else:
            self._failed_in_a_row += 1
            self._keep(sent, outcome)
            if 0 < self._rules.stop_after <= self._failed_in_a_row:
                said = f"{self._failed_in_a_row} lines failed one after another, at last with: {failure.message}"
                self._stop("failures", f"{said} {CONTINUE}")
        self._feed.pump()

    def _slow_down(self, sent: Sent, failure: Failure) -> None:
        """Have all calls wait, and the line be asked for again; but not for ever."""
        sent.slowed += 1
        self._pacer.slow_down(failure.retry_after, sent.at)
        self._feed.put_back(sent.place.number, 0.0)
        silent = time.monotonic() - self._answered_at
        if max(silent, self._pacer.paused) > self._rules.patience:
            said = f"The vendor has had too many calls for {silent:.0f} s, with nothing answered"
            if self._pacer.paused > self._rules.patience:
                said = f"The vendor asks to wait for {self._pacer.paused:.0f} s"
            self._stop("patience", f"{said}: {failure.message} {CONTINUE}")

    def _keep(self, sent: Sent, outcome: Outcome) -> None:
        """Have a line's result kept."""
        place, usage, failure = sent.place, outcome.usage, outcome.failure
        number = place.number
        sent.settled = True
        self.asked += 1
        if failure is None:
            expected = self._budget.expected(place.prompt, place.answer)
            self._pacer.ended(expected, None if usage is None else usage.total, outcome.attempts)
            cost = self._budget.used(number, usage, outcome.model)
            record = records.answered(self._batch, number, place.custom_id or outcome.custom_id, outcome.body or b"{}")
            state = State.ANSWERED
            self._answered += 1
        else:
            self._budget.release(number)
            cost, record = None, records.failed(self._batch, number, place.custom_id, failure)
            state = State.GIVEN_UP if failure.retryable else State.FAILED
            self._failed += 1
        given = None if usage is None else usage.input
        made = None if usage is None else usage.output
        self._committer.add(Result(number, state, outcome.attempts, given, made, cost, record))

    def _leave(self, sent: Sent) -> None:
        """Leave a line for the next run."""
        self._budget.release(sent.place.number)
        self._feed.done(sent.place.number)

    def _kept(self, numbers: list[int]) -> None:
        for number in numbers:
            self._feed.done(number)
        self._feed.pump()

    def _stop(self, stopped: Reason, reason: str) -> None:
        if self.stopped is None:
            self.stopped, self.reason = stopped, reason
        self._feed.end()

    def _broken(self, failure: BackbayError) -> None:
        """The storage failed: nothing can be kept, so nothing more is to be paid for."""
        self._failure = failure
        self._feed.end()
        if self._consumer is not None:
            self._consumer.cancel()

    def _controlled(self) -> None:
        if self._control.stopping:
            self._stop("interrupted", f"It was interrupted. {CONTINUE}")
        if self._control.aborting and self._consumer is not None:
            self._consumer.cancel()
