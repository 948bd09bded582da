"""The file: records with an index of their words, and the oldest ones gone when all take too many bytes.

A ``Database`` belongs to one thread; see ``backbay.sqlitefile``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from backbay.sqlitefile import SQLiteFile

from .errors import ERRORS, LogError
from .records import Record

TIMEOUT = 5.0
"""Seconds to wait for others who write. Nobody waits for the one who does."""

SCHEMA = 1
"""Edition of the tables below, as ``PRAGMA user_version`` has it."""

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


class Database(SQLiteFile):
    """One file, opened; made if it is not there.

    Args:
        path: The file.
        timeout: Seconds to wait for others who write.

    Raises:
        LogError: The file is somebody else's, or of a newer version. It was left as it is.
        OSError, sqlite3.Error: It cannot be opened.
    """

    application = 0x42624C67
    schema = SCHEMA
    tables = _TABLES

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        super().__init__(path, timeout=timeout)

    def refused(self, *, newer: bool) -> LogError:
        """Return the error for a file that is no log, or one of a newer version."""
        return ERRORS.of(self.path, "newer" if newer else "no_log")

    def add(self, records: Sequence[Record], *, max_bytes: int) -> None:
        """Add records, all or none; let the oldest go while all take more than ``max_bytes``.

        One that alone takes more is left out.
        """
        with self.writing():
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
        with self.writing():
            gone = self.connection.execute("DELETE FROM record").rowcount
            self.connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
        self.give_room_back()
        return gone

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
