"""The file: entries by key, and the bytes they take together; where those are too many, the least recently used go.

A ``Database`` belongs to one thread; see ``backbay.sqlitefile``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from backbay.sqlitefile import SQLiteFile

from .errors import ERRORS, CacheError

TIMEOUT = 1.0
"""Seconds to wait for others who write; then the call goes on without."""

SCHEMA = 1
"""Edition of the tables below, as ``PRAGMA user_version`` has it."""

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


class Database(SQLiteFile):
    """One file, opened; made if it is not there.

    Args:
        path: The file.
        timeout: Seconds to wait for others who write.

    Raises:
        CacheError: The file is somebody else's, or of a newer version. It was left as it is.
        OSError, sqlite3.Error: It cannot be opened.
    """

    application = 0x42624361
    schema = SCHEMA
    tables = _TABLES
    settings = ("PRAGMA trusted_schema = OFF",)

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        super().__init__(path, timeout=timeout)

    def refused(self, *, newer: bool) -> CacheError:
        """Return the error for a file that is no cache, or one of a newer version."""
        return ERRORS.of(self.path, "newer" if newer else "no_cache")

    def get(self, key: bytes, *, since: float = 0.0) -> bytes | None:
        """Return the body under a key that was made after ``since`` (seconds since 1970), or ``None``."""
        row = self.connection.execute("SELECT body FROM entry WHERE key = ? AND made >= ?", (key, since)).fetchone()
        return None if row is None else bytes(row[0])

    def touch(self, key: bytes) -> None:
        """Say that an entry was used."""
        with self.writing():
            self.connection.execute("UPDATE entry SET used = ?, hits = hits + 1 WHERE key = ?", (self._tick(), key))

    def put(self, entry: Entry, *, max_bytes: int) -> bool:
        """Keep an entry instead of the one under its key; let the least recently used go while there is too much.

        Returns:
            Whether it is kept: it is not if it alone takes more than ``max_bytes``.
        """
        size = len(entry.body) + _OVERHEAD
        if size > max_bytes:
            return False
        row = (entry.key, entry.backend, entry.model, time.time(), size, entry.body)
        with self.writing():
            self.connection.execute("DELETE FROM entry WHERE key = ?", (entry.key,))
            self._evict(max_bytes - size)
            self.connection.execute(
                "INSERT INTO entry (key, backend, model, made, size, body, used) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, self._tick()),
            )
        return True

    def stats(self) -> Stats:
        """Return what is in it."""
        rows = self.connection.execute(
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
        with self.writing():
            gone = self.connection.execute("DELETE FROM entry").rowcount
        self.give_room_back()
        return gone

    def _evict(self, room: int) -> None:
        excess = self.connection.execute("SELECT bytes FROM whole").fetchone()[0] - room
        gone = []
        for key, size in self.connection.execute("SELECT key, size FROM entry ORDER BY used"):
            if excess <= 0:
                break
            gone.append((key,))
            excess -= size
        self.connection.executemany("DELETE FROM entry WHERE key = ?", gone)

    def _tick(self) -> int:
        # A counter, since two uses may fall into one tick of a clock, and clocks are set back.
        self.connection.execute("UPDATE whole SET uses = uses + 1")
        return int(self.connection.execute("SELECT uses FROM whole").fetchone()[0])
