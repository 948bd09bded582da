"""Three limits on a call's time, and the watch that keeps them at the cost of one timer a call."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import TypeVar

from .errors import InvalidRequestError, LimitExceededError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a call may take; each in seconds, ``None`` for no limit, and none may be 0 or less.

    Attributes:
        total: From the call to the last byte, retries and their pauses included.
        first_event: From the call to the first event; keep-alive bytes do not count.
        idle: Between bytes, once the first event came.
    """

    total: float | None = None
    first_event: float | None = None
    idle: float | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            good = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            if not good or (value is not None and not (0 < value < math.inf)):
                raise InvalidRequestError(f"limits.{item.name} is {value!r}; give seconds above 0, or None for none.")

    def over(self, defaults: Limits) -> Limits:
        """Return these limits, with those of ``defaults`` where none is set."""
        if self is NO_LIMITS:
            return defaults
        return Limits(
            total=defaults.total if self.total is None else self.total,
            first_event=defaults.first_event if self.first_event is None else self.first_event,
            idle=defaults.idle if self.idle is None else self.idle,
        )


LimitsInput = Limits | Mapping[str, float | None] | None
"""What a call takes as limits: ``Limits``, or a mapping of its fields."""

NO_LIMITS = Limits()


def as_limits(value: LimitsInput) -> Limits:
    """Return ``value`` as ``Limits``.

    Raises:
        InvalidRequestError: A name is unknown, or a value is no positive number of seconds.
    """
    if value is None:
        return NO_LIMITS
    if isinstance(value, Limits):
        return value
    names = [item.name for item in fields(Limits)]
    if not isinstance(value, Mapping) or set(value) - set(names):
        raise InvalidRequestError(f"limits is {value!r}; give Limits or a mapping with {', '.join(names)}, in seconds.")
    return Limits(**value)


ASKED: ContextVar[list[float] | None] = ContextVar("ASKED", default=None)
"""When a blocking call was made, by ``time.monotonic``, until its watch has taken it: the loop may come to it later."""


class Watch:
    """Keeps one call's limits. Only the time in which the call waits for the backend counts towards ``idle``.

    One timer a call looks at deadlines that move, so that a chunk costs two attribute writes instead of a timer.
    """

    __slots__ = (
        "_callers",
        "_expired",
        "_first",
        "_idle_since",
        "_limits",
        "_loop",
        "_off",
        "_start",
        "_timer",
        "_waiter",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        if asked := ASKED.get():
            self._start -= max(0.0, time.monotonic() - asked.pop())
        self._first = limits.first_event is not None
        self._idle_since: float | None = None
        self._waiter: asyncio.Task[object] | None = None
        self._callers = False
        self._timer: asyncio.TimerHandle | None = None
        self._expired: tuple[str, float] | None = None
        # The idle limit may be looked at early: then the timer need not be set anew when it begins.
        due = [each for each in (limits.total, limits.first_event, limits.idle) if each is not None]
        self._off = not due
        if due:
            self._timer = self._loop.call_at(self._start + min(due), self._look)

    @property
    def remaining(self) -> float | None:
        """Seconds until ``total`` (or, before the first event, ``first_event``) runs out; ``None`` for no limit."""
        ends = [end for _, end, _ in self._deadlines(idle=False)]
        return max(0.0, min(ends) - self._loop.time()) if ends else None

    def now(self) -> float:
        """Return the time of the loop, in seconds."""
        return self._loop.time()

    def task(self) -> asyncio.Task[object] | None:
        """Return the running task; by the loop that is known, which spares a question to the system."""
        return asyncio.current_task(self._loop)

    def first_event(self) -> None:
        """Say that the first event came: ``first_event`` is met, ``idle`` begins."""
        self._first = False
        idle = self._limits.idle
        if idle is not None and self._idle_since is None:
            self._idle_since = self._loop.time()
            # A timer that is due before then looks at it in time, and a new one costs more than all else here.
            if self._timer is None or self._timer.when() > self._idle_since + idle:
                self._arm()

    def byte(self) -> None:
        """Say that bytes came."""
        if self._idle_since is not None:
            self._idle_since = self._loop.time()

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await, and raise ``LimitExceededError`` when a limit runs out first."""
        if self._off:
            return await awaitable
        if self._expired is not None:
            _drop(awaitable)
            self._raise_if_expired()
        self._waiter = task = self.task()
        self.byte()
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._expired is not None and task is not None and task.uncancel() <= 0:
                self._raise_if_expired()
            raise
        finally:
            self._waiter = None

    def pause(self) -> None:
        """Say that what is awaited from here on is the caller's own, so that it does not count towards ``idle``."""
        self._callers = True

    def resume(self) -> None:
        """Say that the backend is awaited again."""
        self._callers = False
        if self._idle_since is not None:
            self._idle_since = self._loop.time()

    @property
    def expired(self) -> bool:
        """Whether a limit ran out."""
        return self._expired is not None

    def check(self) -> None:
        """Raise ``LimitExceededError`` if a limit ran out while nobody waited."""
        if not self._off:
            self._raise_if_expired()

    def close(self) -> None:
        """Keep the limits no longer."""
        self._off = True
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _deadlines(self, *, idle: bool) -> list[tuple[str, float, float]]:
        limits, found = self._limits, []
        if limits.total is not None:
            found.append(("total", self._start + limits.total, limits.total))
        if self._first and limits.first_event is not None:
            found.append(("first_event", self._start + limits.first_event, limits.first_event))
        if idle and self._idle_since is not None and limits.idle is not None:
            found.append(("idle", self._idle_since + limits.idle, limits.idle))
        return found

    def _arm(self) -> None:
        self._disarm()
        due = [end for _, end, _ in self._deadlines(idle=True)]
        if due:
            self._timer = self._loop.call_at(min(due), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        for name, end, seconds in self._deadlines(idle=True):
            if end > now:
                continue
            if name == "idle" and (self._waiter is None or self._callers):
                # The caller is slow, not the backend: begin to count when it asks again.
                self._idle_since = now
                continue
            self._expired = (name, seconds)
            if self._waiter is not None:
                self._waiter.cancel()
            return
        self._arm()

    def _raise_if_expired(self) -> None:
        if self._expired is not None:
            name, seconds = self._expired
            error = LimitExceededError(f"The limit {name} of {seconds:g} s ran out.", limit=name, seconds=seconds)
            error.retryable = True
            raise error


def _drop(awaitable: Awaitable[object]) -> None:
    # A coroutine that is never awaited would be a warning.
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()
