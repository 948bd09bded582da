"""What a call reports to: the hooks, and those that look on at this one call."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

from ..stream import Listener
from .observing import HookWarning, Observation, let_go

if TYPE_CHECKING:
    from pluggy import HookRelay

    from ..attempt import Call
    from ..backend import Backend
    from ..request import Request

T = TypeVar("T")


def listener(hook: HookRelay, wanted: Collection[str], backend: Backend, request: Request) -> Listener:
    """Return a listener that reports to those of the hooks that are ``wanted``."""

    def quietly(name: str, **facts: object) -> None:
        try:
            getattr(hook, name)(backend=backend, request=request, **facts)
        except Exception as failure:  # noqa: BLE001 (a hook that looks on never harms the call)
            warnings.warn(f"a {name} hook raised {type(failure).__name__}: {failure}", HookWarning, stacklevel=2)

    return Listener(
        on_event=(lambda event: quietly("on_event", event=event)) if "on_event" in wanted else None,
        on_response=(lambda response: quietly("after_response", response=response))
        if "after_response" in wanted
        else None,
        on_error=(lambda error: quietly("on_error", error=error)) if "on_error" in wanted else None,
    )


class Observed(Listener):
    """A listener that says so, when nobody holds it any more and the call has not come to an end."""

    __slots__ = ("_call", "_loop", "_observation")

    def __init__(self, listener: Listener, observation: Observation, call: Call | None = None) -> None:
        # Whatever is called must not hold this object, or it would wait for a collection of garbage.
        super().__init__(
            _both(listener.on_event, observation.on_event if observation.wants_events else None),
            _both(listener.on_response, observation.on_response),
            _both(listener.on_error, observation.on_error),
            lambda: observation.on_close(None if call is None else call.attempts),
        )
        self._observation = observation
        self._call = call
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def __del__(self) -> None:
        if not self._observation.over:
            let_go(self._observation, self._loop, None if self._call is None else self._call.attempts)


def _both(first: Callable[[T], None] | None, second: Callable[[T], None] | None) -> Callable[[T], None] | None:
    if first is None or second is None:
        return first or second

    def both(fact: T) -> None:
        first(fact)
        second(fact)

    return both
