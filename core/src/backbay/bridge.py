"""The bridge from threads to one event loop, which runs on a daemon thread of its own.

The loop is made when first needed, and anew in a forked child. A blocking call on a running loop's own thread would
stop that loop for ever, so it is refused.
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
from typing import Any, TypeVar

from .errors import LoopError
from .limits import ASKED
from .stream import EventStream

T = TypeVar("T")


class Bridge:
    """The loop and its thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._thread = threading.Thread(target=self._run, name="backbay-sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            # Before the loop closes their generators, each by itself and in any order.
            for stream in list(self.streams):
                self.loop.run_until_complete(stream.aclose())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def stop(self) -> None:
        """End the loop; waits two seconds at most."""
        if self.pid == os.getpid() and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(2.0)


_lock = threading.Lock()
_bridge: Bridge | None = None


def get_bridge() -> Bridge:
    """Return this process's bridge."""
    global _bridge
    with _lock:
        if _bridge is None or _bridge.pid != os.getpid():
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
        return asyncio.run_coroutine_threadsafe(coroutine, bridge.loop)
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
    future = submit(coroutine, get_bridge())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
