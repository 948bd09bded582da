"""One call's way through its attempts: limits, retries, and what every error gets to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from .errors import (
    BackbayError,
    ClosedError,
    ConfigurationError,
    LimitExceededError,
    ProtocolError,
    RequestError,
    TransportError,
)
from .folding import Fold
from .limits import Limits, Watch
from .request import Request
from .retry import RetryPolicy

if TYPE_CHECKING:
    from .errors import Phase

T = TypeVar("T")

ASKING: ContextVar[Call | None] = ContextVar("ASKING", default=None)
"""The call of a backend made of backends, while it asks one of them: so it knows of each attempt as it is made."""


class Call:
    """What is known of one call while it runs. The driver writes ``phase`` and ``request_id``.

    Args:
        closed: One value, which becomes true when the backend is closed.

    Attributes:
        backend: The backend's id.
        model: The model asked for, or ``None``.
        request: The request; ``None`` for a model list, a health probe and embeddings.
        watch: The call's limits; made when the call first does I/O.
        attempts: How often the request was sent so far.
        phase: Where the call is.
        request_id: The vendor's id of the request, once known.
        dropped: Options that were left out by the caller's leave.
        asked: In a backend made of backends, the call of the one that was asked last; else ``None``.
    """

    __slots__ = (
        "_closed",
        "_limits",
        "_parent",
        "_watch",
        "asked",
        "attempts",
        "backend",
        "dropped",
        "model",
        "phase",
        "request",
        "request_id",
    )

    def __init__(
        self,
        backend: str,
        model: str | None,
        limits: Limits,
        *,
        request: Request | None = None,
        dropped: tuple[str, ...] = (),
        closed: Sequence[bool] = (False,),
    ) -> None:
        self._closed = closed
        self.backend = backend
        self.model = model
        self.request = request
        self.dropped = dropped
        self.attempts = 0
        self.phase: Phase = "prepare"
        self.request_id: str | None = None
        self._limits = limits
        self._watch: Watch | None = None
        self.asked: Call | None = None
        self._parent = ASKING.get()
        if self._parent is not None:
            self._parent.asked = self

    @property
    def served_by(self) -> str | None:
        """Id of the backend that was asked last, where one was chosen among several; else ``None``."""
        asked = self.asked
        return None if asked is None else asked.served_by or asked.backend

    def count(self) -> None:
        """Count an attempt, for those above too."""
        self.attempts += 1
        if self._parent is not None:
            self._parent.count()

    @property
    def watch(self) -> Watch:
        """The watch over this call's limits; it starts when first asked for, on the running loop."""
        if self._watch is None:
            self._watch = Watch(self._limits)
        return self._watch

    async def attempt(self, once: Callable[[], Awaitable[T]], retry: RetryPolicy) -> T:
        """Await ``once()`` again and again, until it succeeds or must not be retried.

        Raises:
            BackbayError: The last failure, told all that this call knows.
        """
        while True:
            self.count()
            try:
                result = await self.watch.wait(once())
            except Exception as failure:
                error = self.explain(failure)
                pause = None
                if not isinstance(error, LimitExceededError):
                    pause = retry.pause(error, self.attempts, self.watch.remaining)
                if pause is None or not retry.granted(error):
                    if error is failure:
                        raise
                    raise error from failure
            else:
                retry.succeeded()
                return result
            try:
                await self.watch.wait(asyncio.sleep(pause))
            except LimitExceededError as failure:
                raise self.explain(failure) from error

    def explain(self, failure: Exception, fold: Fold | None = None) -> BackbayError:
        """Return ``failure`` as an error that says what the call knows, and has the partial answer.

        An exception that is not ours (a defect of a plugin) becomes a ``ProtocolError``; chain it.
        """
        error = failure if isinstance(failure, BackbayError) else foreign(failure)
        if self._closed[0] and isinstance(error, TransportError):
            # What broke the connection was the backend's own closing; to try again would send the call once more.
            error = ClosedError("The backend was closed while the call was under way.")
        refused = isinstance(error, RequestError | ConfigurationError)  # These say that nothing was sent.
        if self.asked is not None and not refused:
            self.asked.explain(error)
        error.backend = error.backend or self.backend
        error.model = error.model or self.model
        if not refused:
            error.attempts = max(error.attempts, self.attempts)
        error.phase = error.phase or self.phase
        error.request_id = error.request_id or self.request_id
        if error.partial is None and fold is not None and not fold.empty:
            error.partial = fold.response()
        return error

    def close(self) -> None:
        """Stop the watch."""
        if self._watch is not None:
            self._watch.close()


def foreign(failure: Exception) -> BackbayError:
    """Return the error for an exception that a backend should not have let out."""
    return ProtocolError(
        f"The backend raised {type(failure).__name__}: {failure}", hint="This is a defect of its plugin."
    )
