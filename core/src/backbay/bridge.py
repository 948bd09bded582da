"""The bridge from threads to one event loop.

A caller who is alone drives the loop on its own thread until its call is done, so that no thread waits for another.
Where there are several, or a stream is open, a daemon thread drives it and all of them wait. The loop is made when
first needed, and anew in a forked child. A blocking call on a running loop's own thread would stop that loop for ever,
so it is refused.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from ._interrupt import Interrupt
from .errors import LoopError
from .limits import ASKED
from .stream import EventStream

T = TypeVar("T")

GRACE = 0.1
"""Seconds without a caller after which the bridge's thread drives the loop: for what calls left behind, and timers."""

CROWDED = 0.05
"""Seconds in which no caller drives the loop after one had to leave it to the thread: it would have to again."""


class _Turn:
    """A caller's turn at the loop.

    Attributes:
        thread: Whose it is.
        over: Whether the loop is to be left to the bridge's thread, since others need it too.
    """

    __slots__ = ("over", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.over = False


class Bridge:
    """The loop, and its thread.

    Attributes:
        loop: The loop.
        streams: Streams that are read on it.
        retired: Whether a step of the loop was lost to an exception from outside, so that a new bridge must be made.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self.retired = False
        self._helm = threading.Lock()  # Who has it drives the loop.
        self._state = threading.RLock()  # Guards what follows. Garbage may be collected, and call, while it is held.
        self._turn: _Turn | None = None
        self._turns = 0
        self._guests: set[Future[Any]] = set()  # What the thread serves.
        self._crowded_until = 0.0
        self._serving = False  # Whether the thread has the helm, or is about to.
        self._closing = False
        self._due = threading.Event()  # Wakes the thread.
        self._thread = threading.Thread(target=self._run, name="backbay-sync", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; return its result.

        Raises:
            LoopError: This thread is in the middle of another call, and the garbage collector made this one.
        """
        turn, task = _Turn(), None
        try:
            if not self._begin(turn):
                return _result(self.submit(coroutine))
            with self._helm:
                task = self.loop.create_task(coroutine)
                self._drive(turn, task)
                rest = None if task.done() else self._as_guest(task)
        except LoopError:
            coroutine.close()
            raise
        finally:
            if self._turn is turn:
                # At once: an interrupt before this would leave everybody else waiting for ever.
                self._turn = None
                self._leave(task)
                if task is None:
                    coroutine.close()
        try:
            if rest is not None:
                self._wait(task, rest)
            return task.result()
        finally:
            del task  # Its exception knows this frame.

    def _begin(self, turn: _Turn) -> bool:
        """Take the turn; return whether the loop is free for it."""
        with self._state:
            if self._turn is not None and self._turn.thread == turn.thread:
                raise LoopError("A synchronous call was made while its own thread was in the middle of another.")
            crowded = self._crowded_until and time.monotonic() < self._crowded_until
            if self._guests or self._turn is not None or self._closing or crowded:
                return False
            self._turn = turn
            self._turns += 1
            self._due.clear()
            if self._serving:
                self.loop.call_soon_threadsafe(self.loop.stop)
            return True

    def _drive(self, turn: _Turn, task: asyncio.Task[Any]) -> None:
        """Drive the loop until a task is done, or the turn is over."""
        interrupt = Interrupt(self.loop)
        task.add_done_callback(_stop)
        try:
            with interrupt:
                while not (task.done() or turn.over or interrupt.came):
                    self._go(task)
            if interrupt.came:
                task.cancel()
                raise KeyboardInterrupt
        finally:
            task.remove_done_callback(_stop)

    def _go(self, task: asyncio.Task[Any]) -> None:
        try:
            self.loop.run_forever()
        except BaseException:
            # What a task raises to end the program comes here, and is its result too. All else was raised from outside,
            # in the midst of the loop: a step of it may be lost.
            if not task.done():
                self.retired = True
                self._close()
                task.cancel()
            elif not task.cancelled():
                task.exception()
            raise

    def _leave(self, task: asyncio.Task[Any] | None) -> None:
        clean = task is not None and task.done() and not task.cancelled() and task.exception() is None
        if self._guests or self._closing or not clean:
            # What a failure leaves behind, such as a connection to be closed, does not wait for the time of grace.
            self._due.set()

    def _as_guest(self, task: asyncio.Task[Any]) -> Future[None]:
        """Leave a task to the bridge's thread; return what is done when the task is."""
        rest: Future[None] = Future()
        rest.add_done_callback(self._guests.discard)
        self._guests.add(rest)
        task.add_done_callback(lambda _: rest.set_result(None))
        return rest

    def _wait(self, task: asyncio.Task[Any], rest: Future[None]) -> None:
        try:
            rest.result()
        except BaseException:
            self.loop.call_soon_threadsafe(task.cancel)
            raise

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine, which the bridge's thread serves."""
        with self._state:
            future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
            self._guests.add(future)
            future.add_done_callback(self._guests.discard)
            turn = self._turn
            if turn is not None:
                turn.over = True
                self._crowded_until = time.monotonic() + CROWDED
                self.loop.call_soon_threadsafe(self.loop.stop)
            elif not self._serving:
                self._due.set()
        return future

    def stop(self) -> None:
        """End the loop; waits two seconds at most."""
        if self.pid == os.getpid() and self._thread.is_alive():
            self._close()
            self._thread.join(2.0)

    def _close(self) -> None:
        with self._state:
            self._closing = True
            if self._turn is not None:
                self._turn.over = True
        with suppress(RuntimeError):  # The loop is closed already.
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._due.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while self._wait_until_due():
            # What a task raises to end the program is its result too, and its caller gets it.
            with self._helm, suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()
            with self._state:
                self._serving = False
        with self._helm:
            self._clean_up()

    def _wait_until_due(self) -> bool:
        """Wait until this thread is to drive the loop; return whether it is, or else to close it."""
        seen = -1
        while True:
            asked = bool(self._guests and self._turn is None) or self._due.wait(GRACE)
            with self._state:
                asked = asked or self._due.is_set()
                self._due.clear()
                if self._turn is None and self._closing:
                    return False
                if self._turn is None and (self._guests or asked or self._turns == seen):
                    self._serving = True
                    return True
                seen = self._turns

    def _clean_up(self) -> None:
        # A stop that came while nobody drove the loop would end the first of these.
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        # Before the loop closes their generators, each by itself and in any order.
        for stream in list(self.streams):
            self.loop.run_until_complete(stream.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


_lock = threading.Lock()
_bridge: Bridge | None = None


def get_bridge() -> Bridge:
    """Return this process's bridge."""
    global _bridge
    with _lock:
        if _bridge is None or _bridge.pid != os.getpid() or _bridge.retired:
            _bridge = Bridge()
            atexit.register(_bridge.stop)
        return _bridge


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def check_thread() -> None:
    """Raise ``LoopError`` if this is the thread of a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise LoopError(
        "A synchronous call on an event loop's own thread would block that loop.",
        hint="Await the asynchronous method, or make the call with asyncio.to_thread.",
    )


def submit(coroutine: Coroutine[Any, Any, T], bridge: Bridge) -> Future[T]:
    """Start a coroutine on a bridge's loop. Its call's limits count from now, however late the loop comes to it."""
    before = ASKED.set([time.monotonic()])
    try:
        return bridge.submit(coroutine)
    finally:
        ASKED.reset(before)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the bridge's loop; return its result. An interrupt (Ctrl-C) cancels it.

    Raises:
        LoopError: This is the thread of a running event loop.
    """
    try:
        check_thread()
    except LoopError:
        coroutine.close()
        raise
    before = ASKED.set([time.monotonic()])
    try:
        return get_bridge().call(coroutine)
    finally:
        ASKED.reset(before)


def _stop(task: asyncio.Task[Any]) -> None:
    task.get_loop().stop()


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
