"""When a failed attempt is made again, and after what pause. Core is the only one who retries."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .errors import BackbayError

LONGEST_RETRY_AFTER = 120.0
"""Seconds. A vendor that asks for a longer pause gets no retry: the error, with ``retry_after``, goes to the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a call is made again before its first event.

    Attributes:
        retries: Further attempts after the first; 0 for none.
        first_pause: Seconds before the first retry; doubles each time.
        longest_pause: Seconds that the doubling stops at.
    """

    retries: int = 2
    first_pause: float = 0.5
    longest_pause: float = 8.0

    def __post_init__(self) -> None:
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise ValueError(f"retries is {self.retries!r}; give 0 or a positive whole number")

    def pause(self, error: BackbayError, attempt: int, remaining: float | None) -> float | None:
        """Return the seconds to wait before the next attempt, or ``None`` for no further one.

        Args:
            error: What the attempt failed with.
            attempt: How many attempts were made, from 1.
            remaining: Seconds until the call's limits run out, or ``None``.
        """
        if not error.retryable or attempt > self.retries:
            return None
        asked = error.retry_after
        if asked is not None and asked > LONGEST_RETRY_AFTER:
            return None
        if asked is not None:
            seconds = asked
        else:
            # Up to a quarter less, so that many callers do not come back together.
            seconds = min(self.first_pause * 2.0 ** (attempt - 1), self.longest_pause) * random.uniform(0.75, 1.0)  # noqa: S311 (no secret)
        return None if remaining is not None and seconds >= remaining else seconds
