"""A circuit breaker: an upstream that fails again and again is left out for a while, and then tried by one request."""

from __future__ import annotations

import time
from collections.abc import Callable

from backbay.errors import (
    BackbayError,
    LimitExceededError,
    OverloadedError,
    ProtocolError,
    ServerError,
    TransportError,
    UnsupportedError,
)

from ..config import Routing

FAILURES = (TransportError, LimitExceededError, OverloadedError, ServerError, ProtocolError)
"""What says that an upstream does not work, whoever asks. A rate limit or a refused request does not."""


def is_failure(error: BackbayError) -> bool:
    """Whether an error says that the upstream does not work."""
    return isinstance(error, FAILURES) and not isinstance(error, UnsupportedError)


class Breaker:
    """Counts one upstream's failures in a row.

    Args:
        routing: How many failures open it, and for how long.
        now: A monotonic clock, in seconds.

    Attributes:
        silent: Whether it last failed because nobody answered, so that a health check can show that it is well again.
            One that answers with errors may answer a health check all the while.
    """

    __slots__ = ("_failures", "_now", "_probing", "_rest", "_routing", "_until", "silent")

    def __init__(self, routing: Routing, now: Callable[[], float] = time.monotonic) -> None:
        self._routing = routing
        self._now = now
        self._failures = 0
        self._rest = routing.breaker_rest
        self._until: float | None = None
        self._probing = False
        self.silent = False

    @property
    def state(self) -> str:
        """``closed``: all is well. ``open``: it is left out. ``half_open``: one request may try."""
        if self._until is None:
            return "closed"
        return "open" if self._until > self._now() else "half_open"

    @property
    def remaining(self) -> float:
        """Seconds until it may be tried again; 0 if it may now."""
        return 0.0 if self._until is None else max(0.0, self._until - self._now())

    @property
    def lets_through(self) -> bool:
        """Whether a request may be sent now."""
        return self._until is None or (self._until <= self._now() and not self._probing)

    def begin(self) -> None:
        """Say that a request is sent."""
        if self._until is not None:
            self._probing = True

    def succeeded(self) -> None:
        """Say that the upstream works."""
        self._failures = 0
        if self._until is not None:
            self._until = None
            self._probing = False
            self._rest = self._routing.breaker_rest

    def failed(self, error: BackbayError) -> None:
        """Say that the upstream failed."""
        self.silent = isinstance(error, TransportError)
        self._failures += 1
        if self._until is not None and self._probing:
            self._rest = min(self._rest * 2, self._routing.breaker_longest_rest)
            self._open()
        elif self._until is None and self._failures >= self._routing.breaker_failures:
            self._open()

    def gave_up(self) -> None:
        """Say that a request ended without a word about the upstream: its client left, or was at fault."""
        self._probing = False

    def _open(self) -> None:
        self._until = self._now() + self._rest
        self._probing = False
