"""The file: records with an index of their words, and the oldest ones gone when all take too many bytes.

A ``Database`` belongs to one thread. Other threads and processes have their own on the same file: it is in WAL mode,
each change is one transaction, and who is killed in the middle of one has changed nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import log_error
from .records import Record

TIMEOUT = 5.0
"""Seconds to wait for others who write. Nobody waits for the one who does."""

SCHEMA = 1
"""Edition of the tables below, as ``PRAGMA user_version`` has it."""

_APPLICATION = 0x42624C67
"""What ``PRAGMA application_id`` is, so that a file of somebody else is never taken for a log."""

_OVERHEAD = 256
"""Bytes that a record takes besides its texts, roughly."""

_TABLES = """
CREATE TABLE record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    backend TEXT NOT NULL,
    model TEXT,
    failed INTEGER NOT NULL,
    size INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    answer TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX record_by_time ON record (time);
CREATE TABLE whole (bytes INTEGER NOT NULL);
INSERT INTO whole VALUES (0);
CREATE VIRTUAL TABLE words USING fts5 (
    prompt, answer, content = 'record', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER record_added AFTER INSERT ON record BEGIN
    INSERT INTO words (rowid, prompt, answer) VALUES (new.id, new.prompt, new.answer);
    UPDATE whole SET bytes = bytes + new.size;
END;
CREATE TRIGGER record_gone AFTER DELETE ON record BEGIN
    INSERT INTO words (words, rowid, prompt, answer) VALUES ('delete', old.id, old.prompt, old.answer);
    UPDATE whole SET bytes = bytes - old.size;
END;
"""

UNSTORABLE = dict.fromkeys(range(55296, 57344), "�") | {0: " "}
"""What SQLite's texts cannot hold. The document, which is ASCII, has it all the same."""


class Database:
    """One file, opened; made if it is not there.

    Args:
        path: The file.
        timeout: Seconds to wait for others who write.

    Raises:
        LogError: The file is somebody else's, or of a newer version. It was left as it is.
        OSError, sqlite3.Error: It cannot be opened.
    """

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        self.path = path
        _make_file(path)
        self.connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            self._check()
            self._set_up(timeout)
        except BaseException:
            self.connection.close()
            raise

    def add(self, records: Sequence[Record], *, max_bytes: int) -> None:
        """Add records, all or none; let the oldest go while all take more than ``max_bytes``.

        One that alone takes more is left out.
        """
        with self._writing():
            for record in records:
                document = json.dumps(record.document(), ensure_ascii=True)
                prompt, answer = record.prompt.translate(UNSTORABLE), record.text.translate(UNSTORABLE)
                # The texts stand in the document, in columns of their own, and most of them in the index.
                size = len(document) + 2 * len(prompt.encode()) + 2 * len(answer.encode()) + _OVERHEAD
                failed = record.error is not None
                if size > max_bytes:
                    continue
                self._evict(max_bytes - size)
                self.connection.execute(
                    "INSERT INTO record (time, backend, model, failed, size, prompt, answer, document) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (record.time, record.backend, record.model, failed, size, prompt, answer, document),
                )

    def clear(self) -> int:
        """Remove all records, and give their room back to the disk. Returns how many there were."""
        with self._writing():
            gone = self.connection.execute("DELETE FROM record").rowcount
            self.connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
        with suppress(sqlite3.OperationalError):  # Somebody reads it now: the room is used again.
            self.connection.execute("VACUUM")
        return gone

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _evict(self, room: int) -> None:
        excess = self.connection.execute("SELECT bytes FROM whole").fetchone()[0] - room
        if excess <= 0:
            return
        last = None
        for number, size in self.connection.execute("SELECT id, size FROM record ORDER BY id"):
            if excess <= 0:
                break
            last = number
            excess -= size
        self.connection.execute("DELETE FROM record WHERE id <= ?", (last,))

    def _check(self) -> bool:
        """Return whether the tables are there."""
        application = self._pragma("application_id")
        empty = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if application != _APPLICATION and not (empty and application == 0):
            raise log_error(self.path, "no_log")
        if self._pragma("user_version") > SCHEMA:
            raise log_error(self.path, "newer")
        return not empty

    def _set_up(self, timeout: float) -> None:
        self.connection.execute("PRAGMA synchronous = NORMAL")
        _to_wal(self.connection, timeout)
        if self._check():
            return
        with self._writing():
            if self._check():  # Somebody else made them while we waited.
                return
            for statement in _statements(_TABLES):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self.connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _pragma(self, name: str) -> int:
        return int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # A full disk has rolled back already.
                self.connection.execute("ROLLBACK")
            raise


def _make_file(path: Path) -> None:
    """Make the file for its owner alone, since prompts and answers are in it; journals get its permissions."""
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
