"""A stream for a ``for`` loop, read ahead on the bridge's loop: a burst does not cross threads for each event."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Self

from .bridge import check_thread, get_bridge, run, submit
from .errors import ClosedError
from .events import Event, Text
from .folding import Fold
from .response import Response
from .stream import EventStream

AHEAD = 64
"""Events that are read before the caller asks for them. When they are there, reading waits, and so does the vendor."""


class _Ahead:
    """What was read ahead: filled on the loop, emptied by the caller's thread."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._room = asyncio.Event()
        self._paused = False
        self._failure: BaseException | None = None
        self._done = False

    async def fill(self) -> None:
        """Read the stream to its end, its failure, or its closing."""
        failure: BaseException | None = None
        try:
            async for event in self._stream:
                if self._put(event):
                    await self._room.wait()
        except BaseException as caught:  # noqa: BLE001 (handed to the caller's thread)
            failure = caught
        with self._changed:
            self._failure, self._done = failure, True
            self._changed.notify_all()

    def _put(self, event: Event) -> bool:
        """Keep an event; return whether to wait for room."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()
            if len(self._events) >= AHEAD:
                self._paused = True
                self._room.clear()
            return self._paused

    def take(self) -> Event | None:
        """Wait for the next event; ``None`` at the end. Raises what reading raised, after all that came before it."""
        with self._changed:
            while not self._events and not self._done:
                self._changed.wait()
            if not self._events:
                if self._failure is not None:
                    raise self._failure
                return None
            event = self._events.popleft()
            resume = self._paused and len(self._events) <= AHEAD // 2
            if resume:
                self._paused = False
        if resume:
            get_bridge().loop.call_soon_threadsafe(self._room.set)
        return event


class SyncStream(Iterator[Event]):
    """One answer as it comes, for a ``for`` loop. As ``EventStream``, with blocking methods.

    Up to ``AHEAD`` events are read before they are asked for; ``partial`` and ``response`` know only those that the
    caller got.
    """

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._fold = Fold()
        self._ahead: _Ahead | None = None
        self._beginning = threading.Lock()
        self._closed = False
        self._finalizer: weakref.finalize[..., SyncStream] | None = None

    @property
    def response(self) -> Response:
        """The whole answer, once the stream has ended.

        Raises:
            ClosedError: The stream has not ended yet, or was closed before it did; ``partial`` has what came.
        """
        if self._fold.ended:
            return self.partial
        if self._ahead is None:
            return self._stream.response
        raise ClosedError("The stream has not ended; read it to its end, or use partial.")

    @property
    def partial(self) -> Response:
        """What has come so far; its ``finish`` is ``None`` until the stream has ended."""
        known = self._stream.partial
        if self._ahead is None:
            return known
        return replace(self._fold.response(), attempts=known.attempts, dropped=known.dropped, served_by=known.served_by)

    def collect(self) -> Response:
        """Read to the end; return the whole answer. Raises what reading raises."""
        if self._ahead is None:
            return run(self._stream.collect())
        with self:
            for _ in self:
                continue
        return self.response

    def texts(self) -> Iterator[str]:
        """Yield only the pieces of the answer's text."""
        for event in self:
            if isinstance(event, Text):
                yield event.delta

    def __next__(self) -> Event:
        if self._closed:
            raise ClosedError("The stream is closed.")
        with self._beginning:
            if self._ahead is None:
                self._ahead = self._begin()
        check_thread()
        event = self._ahead.take()
        if event is None:
            raise StopIteration
        self._fold.add(event)
        return event

    def _begin(self) -> _Ahead:
        check_thread()
        bridge, stream = get_bridge(), self._stream
        bridge.streams.add(stream)
        ahead = _Ahead(stream)
        filling = submit(ahead.fill(), bridge)
        # One that nobody closes and nobody holds any more must not keep its connection.
        self._finalizer = weakref.finalize(self, _abandon, bridge.loop, stream, filling)
        self._finalizer.atexit = False
        return ahead

    def close(self) -> None:
        """Close the connection, now. May be called again, and after the end."""
        run(self._stream.aclose())
        if self._finalizer is not None:
            self._finalizer()
        self._closed = not self._fold.ended

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _abandon(loop: asyncio.AbstractEventLoop, stream: EventStream, filling: Future[None]) -> None:
    filling.cancel()
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: loop.create_task(stream.aclose()))
