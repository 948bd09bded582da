"""When a failed attempt is made again, and after what pause. Core is the only one who retries."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, fields
from typing import Self

from .errors import BackbayError, ConnectionLostError

LONGEST_RETRY_AFTER = 120.0
"""Seconds. A vendor that asks for a longer pause gets no retry: the error, with ``retry_after``, goes to the caller."""

SPENT = "It was not tried again: too many calls of this backend fail, and its budget of retries is spent."
"""The hint of an error that would have been retried, had the budget not been spent."""


_now = time.monotonic


class RetryBudget:
    """How many retries all calls of a backend may make together, so that they do not multiply an outage.

    A bucket of tokens, full at first. A retry takes one; where none is left, the failure goes to the caller. Calls that
    succeed and time that passes put tokens back: a vendor that fails now and then never empties the bucket, and one
    that is down sees at most ``capacity`` further requests, and ``per_second``, however many calls there are.

    Args:
        capacity: Tokens at most; with 0 nothing is ever retried.
        per_success: Tokens that a call which succeeds puts back.
        per_second: Tokens that each second puts back.

    Raises:
        ValueError: A number is negative, or is none.
    """

    __slots__ = ("_seen", "_tokens", "capacity", "per_second", "per_success")

    def __init__(self, capacity: float = 50.0, *, per_success: float = 0.1, per_second: float = 0.2) -> None:
        for name, value in (("capacity", capacity), ("per_success", per_success), ("per_second", per_second)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value!r}; give a number, 0 or more")
        self.capacity = capacity
        self.per_success = per_success
        self.per_second = per_second
        # Without a lock, which a fork could leave locked: threads that meet here cost a token more or less.
        self._tokens = float(capacity)
        self._seen: float | None = None

    @property
    def left(self) -> float:
        """Tokens that are there now."""
        now = _now()
        if self._seen is not None:
            self._add((now - self._seen) * self.per_second)
        self._seen = now
        return self._tokens

    def take(self) -> bool:
        """Take the token for one retry; return whether there was one."""
        if self.left < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def succeeded(self) -> None:
        """Say that a call succeeded."""
        if self._tokens < self.capacity:
            self._add(self.per_success)

    def _add(self, tokens: float) -> None:
        self._tokens = min(self._tokens + tokens, self.capacity)

    def __repr__(self) -> str:
        return f"<RetryBudget {self.left:.1f} of {self.capacity:g}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a call is made again before its first event.

    Attributes:
        retries: Further attempts after the first; 0 for none.
        first_pause: Seconds before the first retry; doubles each time.
        longest_pause: Seconds that the doubling stops at.
        longest_retry_after: Seconds of pause that a vendor may ask for; for a longer one there is no retry. A short one
            suits a backend of ``fallback``, where another one can be asked meanwhile.
        budget: What bounds the retries of all calls together; ``None`` for nothing. By default each policy has its own,
            so each backend has; backends that are given one policy share it.
    """

    retries: int = 2
    first_pause: float = 0.5
    longest_pause: float = 8.0
    longest_retry_after: float = LONGEST_RETRY_AFTER
    budget: RetryBudget | None = field(default_factory=RetryBudget, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise ValueError(f"retries is {self.retries!r}; give 0 or a positive whole number")

    @classmethod
    def of(cls, policy: RetryPolicy) -> Self:
        """Return ``policy`` as one of this class; both share its budget."""
        return cls(**{item.name: getattr(policy, item.name) for item in fields(RetryPolicy)})

    def pause(self, error: BackbayError, attempt: int, remaining: float | None) -> float | None:
        """Return the seconds to wait before the next attempt, or ``None`` for no further one.

        Args:
            error: What the attempt failed with.
            attempt: How many attempts were made, from 1.
            remaining: Seconds until the call's limits run out, or ``None``.
        """
        if not error.retryable or attempt > self.retries:
            return None
        if _stale(error):
            return 0.0
        asked = error.retry_after
        if asked is not None and asked > self.longest_retry_after:
            return None
        if asked is not None:
            seconds = asked
        else:
            # Up to a quarter less, so that many callers do not come back together.
            seconds = min(self.first_pause * 2.0 ** (attempt - 1), self.longest_pause) * random.uniform(0.75, 1.0)  # noqa: S311 (no secret)
        return None if remaining is not None and seconds >= remaining else seconds

    def granted(self, error: BackbayError) -> bool:
        """Whether the budget has a retry left, which then is taken; otherwise the error's hint says so."""
        # That a server closed an idle connection says nothing of an outage.
        if self.budget is None or _stale(error) or self.budget.take():
            return True
        error.hint = f"{error.hint} {SPENT}" if error.hint else SPENT
        return False

    def succeeded(self) -> None:
        """Say that a call succeeded, which puts something back into the budget."""
        if self.budget is not None:
            self.budget.succeeded()


def _stale(error: BackbayError) -> bool:
    return isinstance(error, ConnectionLostError) and error.stale
