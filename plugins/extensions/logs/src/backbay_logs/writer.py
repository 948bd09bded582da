"""What is seen goes into a queue, and a thread writes it: no call waits for a disk, and none fails by it."""

from __future__ import annotations

import atexit
import os
import queue
import sqlite3
import threading
import warnings
from pathlib import Path

from backbay.sqlitefile import ForkGuard

from .database import Database
from .errors import ERRORS, LogError, LogWarning
from .records import Record, Seen, made

_FORKS = ForkGuard()

WAITING = 10_000
"""Records that may wait to be written; what comes while there are more is left out."""

_AT_ONCE = 256
"""Records that are written in one transaction at most."""

_LAST = 5.0
"""Seconds that the end of a program waits for what is not written yet."""


class Writer:
    """Writes into one log. The file is opened, and the thread begun, with the first record.

    Args:
        path: The log.
        max_bytes: Bytes that all records together may take.
        data: Whether files are logged with their data.
    """

    def __init__(self, path: Path, *, max_bytes: int, data: bool) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._data = data
        self._warned: set[str] = set()
        self._starting = threading.Lock()
        self._pid = 0
        self._queue: queue.SimpleQueue[Seen | threading.Event | None]
        self._thread: threading.Thread | None
        self._database: Database | None = None
        self._begin()
        atexit.register(self.close)

    def put(self, seen: Seen) -> None:
        """Take a record, to be written soon. Never waits, and never raises."""
        if self._pid != os.getpid():
            self._begin()  # A forked child has no thread, and what its parent has yet to write is not its own.
        if self._queue.qsize() >= WAITING:
            self._warn("slow", f"Calls come faster than they can be logged; some are left out. The log is {self.path}.")
            return
        self._queue.put(seen)
        if self._thread is None and self._starting.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._starting.release()

    def flush(self, seconds: float = _LAST) -> bool:
        """Wait until all that was put is written; return whether it is."""
        if self._thread is None or self._pid != os.getpid() or not self._thread.is_alive():
            return self._queue.empty()
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def close(self) -> None:
        """Write what waits, and close the file. May be called again."""
        atexit.unregister(self.close)
        if self._thread is not None and self._pid == os.getpid():
            self._queue.put(None)
            self._thread.join(_LAST)
            self._thread = None

    def _begin(self) -> None:
        if self._database is not None:
            _FORKS.leave(self._database)
        self._pid = os.getpid()
        self._queue = queue.SimpleQueue()
        self._thread = None
        self._database = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="backbay-logs", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        work = self._queue
        try:
            while True:
                taken = [work.get()]
                while len(taken) < _AT_ONCE and not work.empty():
                    taken.append(work.get())
                self._write([each for each in taken if isinstance(each, Seen)])
                for each in taken:
                    if isinstance(each, threading.Event):
                        each.set()
                if None in taken:
                    return
        finally:
            self._shut()

    def _write(self, seen: list[Seen]) -> None:
        records = [record for each in seen if (record := self._made(each)) is not None]
        if not records:
            return
        try:
            with _FORKS.no_fork():
                if self._database is None:
                    self._database = Database(self.path)
                self._database.add(records, max_bytes=self._max_bytes)
        except LogError as failure:
            self._failed(failure)
        except (sqlite3.Error, OSError) as failure:
            self._failed(ERRORS.translated(failure, self.path))

    def _made(self, seen: Seen) -> Record | None:
        try:
            return made(seen, data=self._data)
        except Exception as failure:  # noqa: BLE001 (one record that cannot be made is not the end of the log)
            self._warn("record", f"A call of {seen.record.backend} could not be logged: {type(failure).__name__}.")
            return None

    def _failed(self, failure: LogError) -> None:
        # It is tried again with the next records, since a disk may have room again.
        self._shut()
        self._warn("file", f"Calls go on and are not logged. {failure.message} {failure.hint or ''}".rstrip())

    def _shut(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with _FORKS.no_fork():
                database.close()

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            try:
                warnings.warn(text, LogWarning, stacklevel=2)
            except LogWarning:  # Where warnings are errors, this one still harms no call.
                return
