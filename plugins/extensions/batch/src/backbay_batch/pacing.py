"""How fast calls are made: as many at once as the vendor bears, and within rates that the caller sets. No I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

FIRST_WINDOW = 4.0
"""Calls at once to begin with; doubled with each round of answers until the vendor says that it is too many."""

_CUT = 0.8
_GROWTH = 0.05
# Of the window: what a sign leaves of it, and what a round of answers adds. In benchmarks/batch_scaling.py halves, and
# one call a round, use a seventh of what a vendor gives where two thousand calls are under way; these nine tenths.

_SPREAD = 1.2
_LATE = 0.02
# Calls that a pause held back do not all go at once, but over a little less than an answer takes; none later by more
# seconds than a timer may be late.

_NEWEST = 0.05
# The weight of the newest answer in what answers take.

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_MINUTE = 60.0


class Bucket:
    """A rate: what comes in evenly, and goes out with each call.

    No minute, wherever it begins, has more than ``per_minute``: what may go at once is taken off the rate.

    Args:
        per_minute: How much a minute has.
        now: The clock, in seconds.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._most = max(1.0, per_minute / _MINUTE)
        # One at a time needs nothing taken off: as many fit into a minute as there are intervals in it.
        self._rate = (per_minute if self._most == 1.0 else per_minute - self._most) / _MINUTE
        self._level = self._most
        self._seen = now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until ``amount`` may go; more than there can ever be may go when all is there."""
        self._level = min(self._most, self._level + (now - self._seen) * self._rate)
        self._seen = now
        missing = min(amount, self._most) - self._level
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self, amount: float) -> None:
        """Take it out; below zero if there is not as much. A negative amount puts some back."""
        self._level = min(self._most, self._level - amount)


class Pacer:
    """Says when the next call may be made.

    The window (calls at once) grows with answers: at first by one with each, after the first sign that it is too large
    by a twentieth with each round, and by one at least. A sign (429, 503, 529) takes a fifth off it, once for all calls
    that were under way together, and all calls pause: as long as the vendor asks, or else half a second, doubling up to
    30 seconds until something is answered. From the first sign on, calls are spread over the time that an answer takes.

    Args:
        concurrency: Calls at once, at most.
        per_minute: Requests a minute at most; ``None`` for no limit.
        tokens_per_minute: Tokens a minute at most, of prompts and answers together; ``None`` for no limit.
        clock: Gives the time in seconds.

    Attributes:
        window: Calls at once that are allowed now.
        signs: How often the vendor said that there are too many calls.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self._clock = clock
        self._most = float(concurrency)
        self._requests = None if per_minute is None else Bucket(per_minute, now)
        self._tokens = None if tokens_per_minute is None else Bucket(tokens_per_minute, now)
        self._growing = True
        self._cut_at = -math.inf
        self._until = -math.inf
        self._pause = _FIRST_PAUSE
        self._takes: float | None = None
        self._next = -math.inf
        self.window = min(FIRST_WINDOW, self._most)
        self.signs = 0

    @property
    def paused(self) -> float:
        """Seconds for which no call is made; 0 if calls may be made."""
        return max(0.0, self._until - self._clock())

    def wait(self, under_way: int, tokens: int) -> float:
        """Return the seconds until a call may be made; infinity if another one must end first.

        Args:
            under_way: Calls that are under way.
            tokens: What the call is expected to use.
        """
        if under_way >= int(self.window):
            return math.inf
        if self._requests is None and self._tokens is None and self._until == -math.inf:
            return 0.0
        now = self._clock()
        found = max(0.0, self._until - now, self._next - now)
        if self._requests is not None:
            found = max(found, self._requests.wait(1.0, now))
        if self._tokens is not None:
            found = max(found, self._tokens.wait(tokens, now))
        return found

    def sent(self, tokens: int) -> None:
        """Say that a call is made which is expected to use some tokens."""
        if not self._growing and self._takes is not None:
            self._next = max(self._next, self._clock() - _LATE) + self._takes / (self.window * _SPREAD)
        if self._requests is not None:
            self._requests.take(1.0)
        if self._tokens is not None:
            self._tokens.take(tokens)

    def ended(self, expected: int, used: int | None, attempts: int) -> None:
        """Say what a call used, and how often it was sent in truth.

        Args:
            expected: The tokens that ``sent`` was told.
            used: Those that the vendor counted; ``None`` if it did not say.
            attempts: How often it was sent.
        """
        if self._tokens is not None and used is not None:
            self._tokens.take(used - expected)
        if self._requests is not None and attempts > 1:
            self._requests.take(attempts - 1.0)

    def answered(self, made_at: float) -> None:
        """Say that a call was answered, which was made at ``made_at``, by the clock."""
        took = self._clock() - made_at
        self._takes = took if self._takes is None else self._takes + _NEWEST * (took - self._takes)
        self._pause = _FIRST_PAUSE
        if self.window < self._most:
            step = 1.0 if self._growing else max(1.0 / self.window, _GROWTH)
            self.window = min(self._most, self.window + step)

    def slow_down(self, retry_after: float | None, made_at: float) -> None:
        """Say that the vendor has too many calls.

        Args:
            retry_after: Seconds that it asked to wait; ``None`` if it did not say.
            made_at: When the call was made, by the clock.
        """
        now = self._clock()
        first = made_at >= self._cut_at
        if first:
            self.signs += 1
            self._growing = False
            self.window = max(1.0, self.window * _CUT)
            self._cut_at = now
        if retry_after is not None:
            self._until = max(self._until, now + retry_after)
        elif first:
            self._until = max(self._until, now + self._pause)
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
