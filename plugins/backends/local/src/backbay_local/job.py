"""One piece of work on its way from an engine's thread to an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from .refusals import raised_by_engine

Chunk = Mapping[str, object]
"""A decoded JSON object from the engine."""

Emit = Callable[[Chunk], bool]
"""Takes a chunk on the engine's thread; returns whether to stop."""


class Server(Protocol):
    """What is used of ``xllamacpp.Server``."""

    def handle_chat_completions(self, body: dict[str, object], callback: Emit) -> None:
        """Answer a chat request; call back with each chunk, on the calling thread."""

    def handle_completions(self, body: dict[str, object], callback: Emit) -> None:
        """Continue a text as it is; call back with each chunk, on the calling thread."""

    def handle_embeddings(self, body: dict[str, object]) -> dict[str, object]:
        """Return vectors, or ``{"error": ...}``."""

    def handle_metrics(self) -> object:
        """Return counts of what the engine has done; it counts them between two pieces of work."""


Work = Callable[[Server, Emit], None]


class Job(AsyncIterator[Chunk]):
    """Runs ``work`` on an engine's thread, and gives its chunks to the loop on which it was made.

    A chunk costs an append; the loop is woken only if it waits. What is not taken stays in memory, which the model's
    context bounds.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._arrived: deque[Chunk | BaseException] = deque()
        self._stopped = False

    def run(self, server: Server) -> None:
        """Do the work, on the thread that calls. Never raises."""
        try:
            if not self._stopped:
                self._work(server, self._emit)
            self._put(StopAsyncIteration())
        except BaseException as failure:  # noqa: BLE001 (goes on to the loop, whatever it is)
            # The traceback holds the server, which must be freed when the engine is closed, and not later.
            self._put(raised_by_engine(failure.with_traceback(None)))

    def stop(self) -> None:
        """Stop at the next chunk, or do not begin. From any thread."""
        self._stopped = True

    def fail(self, failure: BaseException) -> None:
        """Stop, and let the reader raise ``failure``. From any thread."""
        self._stopped = True
        self._put(failure)

    async def __anext__(self) -> Chunk:
        while not self._arrived:
            # Cleared first, looked at again after: what arrives in between sets it again.
            self._ready.clear()
            if not self._arrived:
                await self._ready.wait()
        item = self._arrived.popleft()
        if isinstance(item, BaseException):
            raise item
        return item

    def _emit(self, chunk: Chunk) -> bool:
        if not self._stopped:
            self._put(chunk)
        return self._stopped

    def _put(self, item: Chunk | BaseException) -> None:
        self._arrived.append(item)
        if not self._ready.is_set():
            try:
                self._loop.call_soon_threadsafe(self._ready.set)
            except RuntimeError:
                # The loop is closed: nobody will read this.
                self._stopped = True
