"""Who looks on at one call, and how they are told: one after the other, and of one end alone."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    import asyncio

    from ..attempt import Call
    from ..errors import BackbayError
    from ..events import Event
    from ..jobs import JobResult
    from ..response import Embeddings, Ranking, Response


T = TypeVar("T")


class HookWarning(UserWarning):
    """A hook failed; the call went on."""


class Observer:
    """Looks on at one call, from before anything is sent to its end: what an ``observe_call`` hook returns.

    A subclass has the methods that it wants. One of ``on_response``, ``on_job``, ``on_error`` and ``on_close`` comes
    last, and once.
    """

    def on_event(self, event: Event) -> None:
        """See each event of a stream. Keep it quick: it runs for every chunk."""

    def on_response(self, response: Response | Embeddings | Ranking) -> None:
        """See a whole answer, streamed or not."""

    def on_job(self, result: JobResult) -> None:
        """See how a job went whose answer was relayed to its end; nobody read it but for its counts of tokens."""

    def on_error(self, error: BackbayError) -> None:
        """See the error that the call ends with."""

    def on_close(self, attempts: int | None) -> None:
        """See that the call ended with neither: it was cancelled, its stream was closed early, or nobody holds it.

        Args:
            attempts: How often the request was sent; 0 for a stream that nobody read; ``None`` if that is not known.
        """


class Observation:
    """All that look on at one call. What one of them raises is a warning, and the others are told all the same."""

    __slots__ = ("_observers", "over")

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self.over = False

    @property
    def wants_events(self) -> bool:
        """Whether one of them looks at events."""
        return any(type(each).on_event is not Observer.on_event for each in self._observers)

    def on_event(self, event: Event) -> None:
        """Tell them of an event."""
        self._tell("on_event", event)

    def on_response(self, response: Response | Embeddings | Ranking) -> None:
        """Tell them of a whole answer, unless the call is over already."""
        self._end("on_response", response)

    def on_job(self, result: JobResult) -> None:
        """Tell them of a job that came to its end, unless the call is over already."""
        self._end("on_job", result)

    def on_error(self, error: BackbayError) -> None:
        """Tell them of an error, unless the call is over already."""
        self._end("on_error", error)

    def on_close(self, attempts: int | None = None) -> None:
        """Tell them that the call is let go of, unless it is over already."""
        self._end("on_close", attempts)

    def _end(self, name: str, fact: object) -> None:
        if not self.over:
            self.over = True
            self._tell(name, fact)

    def _tell(self, name: str, fact: object) -> None:
        for each in self._observers:
            try:
                getattr(each, name)(fact)
            except Exception as failure:  # noqa: BLE001 (who looks on never harms the call)
                said = f"{name} of a {type(each).__name__} raised {type(failure).__name__}: {failure}"
                warnings.warn(said, HookWarning, stacklevel=2)


def let_go(observation: Observation, loop: asyncio.AbstractEventLoop | None, attempts: int | None) -> None:
    """Tell, from a destructor, that nobody holds a call any more.

    Args:
        observation: Who looks on.
        loop: The call's loop, or ``None``.
        attempts: How often the request was sent; ``None`` if that is not known.
    """
    # Garbage is collected at any moment, also while an observer holds a lock of its own: so not here and now.
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(observation.on_close, attempts)
    else:
        observation.on_close(attempts)


async def follow(observation: Observation | None, call: Call, answer: Awaitable[T]) -> T:
    """Await the answer of a call, vectors or a ranking; tell those who look on how it ends."""
    if observation is None:
        return await answer
    try:
        found = await answer
    except Exception as failure:
        error = call.explain(failure)
        observation.on_error(error)
        raise
    except BaseException:
        observation.on_close(call.attempts)
        raise
    observation.on_response(cast("Embeddings | Ranking", found))
    return found
