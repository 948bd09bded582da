"""The file of a cache as a program uses it: on a thread of its own, and never a danger to a call."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from backbay.sqlitefile import ForkGuard

from .database import Database, Entry
from .errors import ERRORS, CacheError, CacheWarning

T = TypeVar("T")

_FORKS = ForkGuard()


class Store:
    """One file, opened when first used. What goes wrong is one warning; then nothing is found, and nothing kept.

    Work is done in the order in which it was asked for, so what was put is found by the next who looks.

    Args:
        path: The file.
        max_bytes: Bytes that all entries together may take.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._warned = False
        self._off = self._closed = False
        self._database: Database | None = None
        self._begin()

    async def get(self, key: bytes, *, ttl: float | None) -> bytes | None:
        """Return the body under a key that is not older than ``ttl`` seconds (``None``: of any age), or ``None``."""

        def look(database: Database) -> bytes | None:
            return database.get(key, since=0.0 if ttl is None else time.time() - ttl)

        future = self._submit(look)
        return None if future is None else await asyncio.wrap_future(future)

    def touch(self, key: bytes) -> None:
        """Say that an entry was used; done later."""
        self._submit(lambda database: database.touch(key))

    def put(self, entry: Entry) -> None:
        """Keep an entry; done later, and before the program ends."""
        self._submit(lambda database: database.put(entry, max_bytes=self.max_bytes))

    async def close(self) -> None:
        """Do what is left to do, and close the file."""
        if self._pid == os.getpid() and not self._closed:
            with suppress(RuntimeError):  # The program is ending, and does what is left to do.
                await asyncio.wrap_future(self._thread.submit(self._close))
            self._thread.shutdown(wait=False)
        self._off = self._closed = True

    def _begin(self) -> None:
        if self._database is not None:
            _FORKS.leave(self._database)
        self._pid = os.getpid()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backbay-cache")
        self._database = None

    def _submit(self, work: Callable[[Database], T]) -> Future[T | None] | None:
        if self._off:
            return None
        if self._pid != os.getpid():
            self._begin()  # A forked child has no thread, and must not touch its parent's connection.
        try:
            return self._thread.submit(self._do, work)
        except RuntimeError:  # The program is ending.
            return None

    def _do(self, work: Callable[[Database], T]) -> T | None:
        if self._off:
            return None
        try:
            with _FORKS.no_fork():
                if self._database is None:
                    self._database = Database(self.path)
                return work(self._database)
        except CacheError as failure:
            self._give_up(failure)
        except (sqlite3.Error, OSError) as failure:
            self._give_up(ERRORS.translated(failure, self.path))
        return None

    def _give_up(self, failure: CacheError) -> None:
        # Who waited too long for another may have more luck with the next call.
        if failure.code != "locked":
            self._off = True
            self._close()
        if not self._warned:
            self._warned = True
            hint = "" if failure.code == "locked" else f" {failure.hint or ''}"
            self._warn(f"Calls go on without the cache. {failure.message}{hint}".rstrip())

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with _FORKS.no_fork():
                database.close()

    def _warn(self, text: str) -> None:
        try:
            warnings.warn(text, CacheWarning, stacklevel=2)
        except CacheWarning:  # Where warnings are errors, this one still harms no call.
            return
