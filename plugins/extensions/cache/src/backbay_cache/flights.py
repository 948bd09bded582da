"""Calls that are under way, so that equal ones at once ask once.

The work is done by a task of its own, for all who read it: a slow reader, one that leaves and one that is cancelled
make no difference to the others. It ends when nobody reads any more. Readers may be on several loops.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from backbay import BackbayError, ClosedError

T = TypeVar("T")

Work = Callable[[Callable[[T], None]], Awaitable[None]]
"""Does the work, and gives each thing that comes of it to a function."""


@dataclass(frozen=True, slots=True)
class _Over:
    """Nothing more comes. ``failure`` is why, or ``None`` if all went well."""

    failure: BaseException | None


class Flight(Generic[T]):
    """One call that is under way."""

    def __init__(self, work: Work[T], ended: Callable[[Flight[T]], None]) -> None:
        self._lock = threading.Lock()
        self._items: list[T] = []
        self._over: _Over | None = None
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._readers = 1
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(work))
        # Also where it never began, since its loop ended first.
        self._task.add_done_callback(self._done)

    def join(self) -> bool:
        """Read it too; returns whether it can still be joined."""
        with self._lock:
            if self._readers == 0 or self._over is not None:
                return False
            self._readers += 1
            return True

    async def item(self, number: int) -> T | _Over:
        """Wait for the item of a number, or for the end."""
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                if number < len(self._items):
                    return self._items[number]
                if self._over is not None:
                    return self._over
                sleeper: asyncio.Future[None] = loop.create_future()
                self._sleepers.append((loop, sleeper))
            await sleeper

    async def leave(self) -> None:
        """Read it no more. The last one who leaves ends the work, and waits for that."""
        with self._lock:
            self._readers -= 1
            last = self._readers == 0
        if last and not self._task.done():
            await self.end()

    async def end(self) -> None:
        """End the work."""
        if self._loop is asyncio.get_running_loop():
            self._task.cancel()
            await asyncio.wait([self._task])
        else:
            with suppress(RuntimeError):  # That loop is closed, and so the work is over.
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def _run(self, work: Work[T]) -> None:
        try:
            await work(self._add)
        except Exception as failure:  # noqa: BLE001 (whoever reads raises it)
            self._finish(failure)
        else:
            self._finish(None)

    def _done(self, task: asyncio.Task[None]) -> None:
        if self._over is None:
            self._finish(ClosedError("The call was ended before its answer came.", retryable=True))

    def _add(self, item: T) -> None:
        with self._lock:
            self._items.append(item)
        self._wake()

    def _finish(self, failure: BaseException | None) -> None:
        self._ended(self)
        with self._lock:
            self._over = _Over(failure)
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            sleepers, self._sleepers = self._sleepers, []
        for loop, sleeper in sleepers:
            if loop is self._loop:
                _rouse(sleeper)
            else:
                with suppress(RuntimeError):  # Its loop is closed.
                    loop.call_soon_threadsafe(_rouse, sleeper)


class Flights(Generic[T]):
    """All calls of a backend that are under way, by what they ask."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._named: dict[Hashable, Flight[T]] = {}
        self._all: set[Flight[T]] = set()

    async def read(self, name: Hashable, work: Work[T]) -> AsyncGenerator[tuple[T, bool], None]:
        """Yield what comes of ``work``, or of the equal work under way; and whether it was our own.

        Where the work of another fails before anything came of it, we do our own: its limits, its luck and its
        cancellation are not ours. Close the generator.

        Raises:
            BackbayError: Our own work failed, or that of another in its middle.
        """
        alone = False
        while True:
            flight, own = self._start(None, work) if alone else self._join(name, work)
            seen = 0
            try:
                while not isinstance(found := await flight.item(seen), _Over):
                    seen += 1
                    yield found, own
            finally:
                await flight.leave()
            if found.failure is None:
                return
            if own:
                raise found.failure
            if seen:
                # Each its own, since what a call knows is written into the error that it ends with.
                raise copy.copy(found.failure) if isinstance(found.failure, BackbayError) else found.failure
            alone = True

    async def close(self) -> None:
        """End all work."""
        with self._lock:
            left = list(self._all)
        for flight in left:
            await flight.end()

    def _join(self, name: Hashable, work: Work[T]) -> tuple[Flight[T], bool]:
        with self._lock:
            flight = self._named.get(name)
            if flight is not None and flight.join():
                return flight, False
            return self._start(name, work)

    def _start(self, name: Hashable | None, work: Work[T]) -> tuple[Flight[T], bool]:
        def ended(flight: Flight[T]) -> None:
            with self._lock:
                self._all.discard(flight)
                if name is not None and self._named.get(name) is flight:
                    del self._named[name]

        flight = Flight(work, ended)
        with self._lock:
            self._all.add(flight)
            if name is not None:
                self._named[name] = flight
        return flight, True


def _rouse(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
