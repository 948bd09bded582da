"""Keeps Ctrl-C out of an event loop's own steps while a caller's thread drives it."""

from __future__ import annotations

import asyncio
import signal
import threading


class Interrupt:
    """While it is entered on the main thread, Ctrl-C stops the loop instead of being raised somewhere inside it.

    Raised inside, it could end the step of somebody else's task, or lose one. A second Ctrl-C is raised where the
    program is: something in the loop blocks, and does not come back to it. Where the program has a handler of its own,
    and on another thread, it does nothing.

    Attributes:
        came: Whether there was one; whoever entered then raises ``KeyboardInterrupt`` afterwards.
    """

    __slots__ = ("_loop", "_on", "came")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._on = False
        self.came = False

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._on = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if self._on:
                signal.signal(signal.SIGINT, self._take)

    def __exit__(self, *failure: object) -> None:
        if self._on:
            found = signal.signal(signal.SIGINT, signal.default_int_handler)
            if found != self._take:  # Somebody put another there meanwhile.
                signal.signal(signal.SIGINT, found)

    def _take(self, number: int, frame: object) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        # From another stack than the loop's own, and perhaps while it waits: so as from another thread.
        self._loop.call_soon_threadsafe(self._loop.stop)
