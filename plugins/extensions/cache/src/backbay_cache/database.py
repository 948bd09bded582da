"""The file: entries by key, and the bytes they take together; where those are too many, the least recently used go.

A ``Database`` belongs to one thread. Other threads and processes have their own on the same file: it is in WAL mode,
each change is one transaction, and who is killed in the middle of one has changed nothing.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import cache_error

TIMEOUT = 1.0
"""Seconds to wait for others who write; then the call goes on without."""

SCHEMA = 1
"""Edition of the tables below, as ``PRAGMA user_version`` has it."""

_APPLICATION = 0x42624361
"""What ``PRAGMA application_id`` is, so that a file of somebody else is never taken for a cache."""

_OVERHEAD = 256
"""Bytes that an entry takes besides its body, roughly."""

_TABLES = """
CREATE TABLE entry (
    key BLOB PRIMARY KEY NOT NULL,
    backend TEXT NOT NULL,
    model TEXT,
    made REAL NOT NULL,
    used INTEGER NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX entry_by_use ON entry (used, size);
CREATE TABLE whole (bytes INTEGER NOT NULL, uses INTEGER NOT NULL);
INSERT INTO whole VALUES (0, 0);
CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN UPDATE whole SET bytes = bytes + new.size; END;
CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN UPDATE whole SET bytes = bytes - old.size; END;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept under a key.

    Attributes:
        key: SHA-256 of what was asked.
        backend: Id of the backend, for people.
        model: The model that was asked for, for people.
        body: The answer.
    """

    key: bytes
    backend: str
    model: str | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a cache holds.

    Attributes:
        entries: Answers in it.
        bytes: What they take together, in bytes.
        hits: How often one of them was given.
        oldest: When the oldest was made, in seconds since 1970; ``None`` if there is none.
        by_backend: Backend, model (``None``: none was named), answers, bytes, and hits; the largest first.
    """

    entries: int
    bytes: int
    hits: int
    oldest: float | None
    by_backend: tuple[tuple[str, str | None, int, int, int], ...]


class Database:
    """One file, opened; made if it is not there.

    Args:
        path: The file.
        timeout: Seconds to wait for others who write.

    Raises:
        CacheError: The file is somebody else's, or of a newer version. It was left as it is.
        OSError, sqlite3.Error: It cannot be opened.
    """

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        self.path = path
        _make_file(path)
        self._connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            self._check()
            self._set_up(timeout)
        except BaseException:
            self._connection.close()
            raise

    def get(self, key: bytes, *, since: float = 0.0) -> bytes | None:
        """Return the body under a key that was made after ``since`` (seconds since 1970), or ``None``."""
        row = self._connection.execute("SELECT body FROM entry WHERE key = ? AND made >= ?", (key, since)).fetchone()
        return None if row is None else bytes(row[0])

    def touch(self, key: bytes) -> None:
        """Say that an entry was used."""
        with self._writing():
            self._connection.execute("UPDATE entry SET used = ?, hits = hits + 1 WHERE key = ?", (self._tick(), key))

    def put(self, entry: Entry, *, max_bytes: int) -> bool:
        """Keep an entry instead of the one under its key; let the least recently used go while there is too much.

        Returns:
            Whether it is kept: it is not if it alone takes more than ``max_bytes``.
        """
        size = len(entry.body) + _OVERHEAD
        if size > max_bytes:
            return False
        row = (entry.key, entry.backend, entry.model, time.time(), size, entry.body)
        with self._writing():
            self._connection.execute("DELETE FROM entry WHERE key = ?", (entry.key,))
            self._evict(max_bytes - size)
            self._connection.execute(
                "INSERT INTO entry (key, backend, model, made, size, body, used) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, self._tick()),
            )
        return True

    def stats(self) -> Stats:
        """Return what is in it."""
        rows = self._connection.execute(
            "SELECT backend, model, count(*), sum(size), sum(hits), min(made) FROM entry GROUP BY 1, 2 ORDER BY 4 DESC"
        ).fetchall()
        return Stats(
            entries=sum(row[2] for row in rows),
            bytes=sum(row[3] for row in rows),
            hits=sum(row[4] for row in rows),
            oldest=min((row[5] for row in rows), default=None),
            by_backend=tuple((row[0], row[1], row[2], row[3], row[4]) for row in rows),
        )

    def clear(self) -> int:
        """Remove all entries, and give their room back to the disk. Returns how many there were."""
        with self._writing():
            gone = self._connection.execute("DELETE FROM entry").rowcount
        with suppress(sqlite3.OperationalError):  # Somebody reads it now: the room is used again.
            self._connection.execute("VACUUM")
        return gone

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _evict(self, room: int) -> None:
        excess = self._connection.execute("SELECT bytes FROM whole").fetchone()[0] - room
        gone = []
        for key, size in self._connection.execute("SELECT key, size FROM entry ORDER BY used"):
            if excess <= 0:
                break
            gone.append((key,))
            excess -= size
        self._connection.executemany("DELETE FROM entry WHERE key = ?", gone)

    def _tick(self) -> int:
        # A counter, since two uses may fall into one tick of a clock, and clocks are set back.
        self._connection.execute("UPDATE whole SET uses = uses + 1")
        return int(self._connection.execute("SELECT uses FROM whole").fetchone()[0])

    def _check(self) -> bool:
        """Return whether the tables are there."""
        application = self._pragma("application_id")
        empty = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if application != _APPLICATION and not (empty and application == 0):
            raise cache_error(self.path, "no_cache")
        if self._pragma("user_version") > SCHEMA:
            raise cache_error(self.path, "newer")
        return not empty

    def _set_up(self, timeout: float) -> None:
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        _to_wal(self._connection, timeout)
        if self._check():
            return
        with self._writing():
            if self._check():  # Somebody else made them while we waited.
                return
            for statement in _statements(_TABLES):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # A full disk has rolled back already.
                self._connection.execute("ROLLBACK")
            raise


def _make_file(path: Path) -> None:
    """Make the file for its owner alone, since prompts may be told from answers; journals get its permissions."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _to_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch to WAL. While others open the same new file SQLite refuses at once instead of waiting."""
    end = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as failure:
            if failure.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: ``executescript`` would end the transaction."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
