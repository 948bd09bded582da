"""What each outcome means for the calls that follow: pace, budget, what is asked for again, and when to stop."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

from backbay import BackbayError

from .budget import Budget
from .engine import Engine, Failure, Outcome, Target
from .errors import CONTINUE, BatchEngineError
from .feed import Feed, Sent
from .pacing import Pacer
from .rules import Rules
from .summary import Reason

_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_MOST_SLOWED = 20
"""How often one line may be answered that there are too many calls; then it is the line's own trouble."""


class Course(ABC):
    """Items to an engine and outcomes from it, until there are no more or something stops it.

    Args:
        engine: What asks.
        target: Who is asked.
        rules: What bounds it.
        feed: Hands out the items.
        pacer: Says when; the same as the feed's.
        budget: Says whether; likewise.

    Attributes:
        stopped: Why it stopped before the end, or ``None``.
        reason: The same in a sentence, or ``None``.
    """

    def __init__(
        self, engine: Engine, target: Target, rules: Rules, *, feed: Feed, pacer: Pacer, budget: Budget
    ) -> None:
        self._engine = engine
        self._target = target
        self._rules = rules
        self._feed = feed
        self._pacer = pacer
        self._budget = budget
        self._answered_at = time.monotonic()
        self._failed_in_a_row = 0
        self.stopped: Reason | None = None
        self.reason: str | None = None

    @abstractmethod
    def _keep(self, sent: Sent, outcome: Outcome) -> None:
        """Keep a line's result, which is its last."""

    @abstractmethod
    def _leave(self, sent: Sent, outcome: Outcome) -> None:
        """Leave a line without a result: no call of this account can be answered now."""

    async def _consume(self) -> None:
        """Run the engine to its end.

        Raises:
            BackbayError: It failed as a whole.
        """
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
            self._leave(sent, outcome)
            self._stop("account", f"{failure.message} The next line would fail alike.")
        elif failure.retryable and sent.tries + 1 < self._rules.tries:
            sent.tries += 1
            self._feed.put_back(outcome.number, min(_FIRST_DELAY * 2.0 ** (sent.tries - 1), _LONGEST_DELAY))
        else:
            self._failed_in_a_row += 1
            self._keep(sent, outcome)
            if 0 < self._rules.stop_after <= self._failed_in_a_row:
                said = f"{self._failed_in_a_row} lines failed one after another, at last with: {failure.message}"
                self._stop("failures", said)
        self._feed.pump()

    def _count(self, sent: Sent, outcome: Outcome) -> float | None:
        """Count what a line used in place of what was set aside; return its cost in US dollars, if that is known."""
        place, usage = sent.place, outcome.usage
        if outcome.failure is not None:
            self._budget.release(place.number)
            return None
        expected = self._budget.expected(place.prompt, place.answer)
        self._pacer.ended(expected, None if usage is None else usage.total, outcome.attempts)
        return self._budget.used(place.number, usage, outcome.model)

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
            self._stop("patience", f"{said}: {failure.message}")

    def _stop(self, stopped: Reason, reason: str) -> None:
        """Begin nothing more."""
        if self.stopped is None:
            self.stopped, self.reason = stopped, reason
        self._feed.end()
