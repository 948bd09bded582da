"""Writes the log in a thread of its own, so that a reader of it who stalls keeps no request waiting."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

MOST_WAITING = 4 * 1024 * 1024
"""Bytes that may wait for whoever reads the log; what comes beyond is lost, and counted."""

IDLE = 1.0
"""Seconds without a line after which the thread ends; the next line begins another one."""


class LogWriter:
    """What is written, in order, by a thread that lives while there is something to write.

    Args:
        stream: Where to; ``None`` for standard error.
        lost: Gives the line that tells of so many lost ones.
    """

    def __init__(self, stream: TextIO | None, lost: Callable[[int], bytes]) -> None:
        self._stream = stream
        self._tell_lost = lost
        self._changed = threading.Condition()
        self._lines: list[bytes] = []
        self._size = 0
        self._lost = 0
        self._thread: threading.Thread | None = None

    def put(self, lines: Sequence[bytes]) -> None:
        """Have lines written soon; returns at once."""
        size = sum(map(len, lines))
        with self._changed:
            if self._size + size > MOST_WAITING:
                self._lost += len(lines)
                return
            self._lines += lines
            self._size += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="backbay-log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait until all is written, but no longer than some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._lines or self._lost, IDLE):
                    self._thread = None
                    return
                lines, self._lines = self._lines, []
                size = sum(map(len, lines))
                if self._lost:
                    lines.append(self._tell_lost(self._lost))
                    self._lost = 0
            write(self._stream, b"".join(lines))
            with self._changed:
                self._size -= size
                self._changed.notify_all()


def takes(stream: TextIO | None) -> bool:
    """Whether a line can be written without waiting for whoever reads: a pipe has room for one if it has for any."""
    try:
        number = (stream or sys.stderr).fileno()
    except (OSError, ValueError, AttributeError):
        return True
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(0))


def write(stream: TextIO | None, data: bytes) -> None:
    """Write all of it. A reader that is gone, or a disk that is full, ends nothing.

    Past the stream's own buffer where that can be: a thread that waits within it would keep the process from ending.
    """
    with contextlib.suppress(OSError, ValueError):
        stream = stream or sys.stderr
        try:
            number = stream.fileno()
        except (OSError, ValueError, AttributeError):
            stream.write(data.decode())
            stream.flush()
            return
        stream.flush()
        while data:
            data = data[os.write(number, data) :]
