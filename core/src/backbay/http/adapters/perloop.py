"""One thing a running event loop, closed before that loop ends, and never shared with a forked child."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, Protocol, TypeVar


class Closes(Protocol):
    """Anything with ``aclose``."""

    async def aclose(self) -> None:
        """Let go of everything."""


C = TypeVar("C", bound=Closes)

_process = object()
"""Stands for this process. A number would have to be asked of the system for each call."""


def _begin_process() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_process)


class PerLoop(Generic[C]):
    """Makes and keeps one ``C`` for each event loop.

    A loop that ``asyncio.run`` made closes its asynchronous generators before it ends; one such generator, kept beside
    each ``C``, closes it at that moment, so that two runs in a row leave nothing behind.
    """

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._process = _process
        self._kept: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[C, AsyncGenerator[None, None]]]
        self._kept = weakref.WeakKeyDictionary()

    async def get(self) -> C:
        """Return the running loop's ``C``."""
        if self._process is not _process:
            # A forked child must not touch its parent's connections, not even to close them.
            _forgotten.append(self._kept)
            self._kept, self._process = weakref.WeakKeyDictionary(), _process
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is not None:
            return kept[0]
        made = self._make()
        guard = _close_at_end(made, weakref.ref(self))
        self._kept[loop] = (made, guard)
        await guard.__anext__()
        return made

    def forget(self) -> None:
        """Keep the running loop's ``C`` no longer: it knows its loop, so a weak key alone would keep both for ever."""
        self._kept.pop(asyncio.get_running_loop(), None)

    async def aclose(self) -> None:
        """Close the running loop's ``C``, if there is one."""
        kept = self._kept.pop(asyncio.get_running_loop(), None)
        if kept is not None and self._process is _process:
            await kept[1].aclose()


_forgotten: list[object] = []


async def _close_at_end(made: Closes, keeper: weakref.ref[PerLoop[Any]]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        kept = keeper()
        if kept is not None:
            kept.forget()
        await made.aclose()
