"""The log as one reads it: listed, searched, shown."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .database import UNSTORABLE, Database
from .errors import ERRORS, LogError
from .records import Record
from .switch import default_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; ``None`` is anything.

    Attributes:
        words: Words of prompt or answer, in the language of SQLite's FTS5 (``"a phrase"``, ``AND``, ``OR``, ``NOT``,
            ``beginning*``); what is none in it is taken as words that must all be there.
        model: A part of the model's name.
        backend: How the backend's id begins.
        since: The earliest time, in seconds since 1970.
        errors: Only calls that ended with an error.
        limit: Records at most, the newest ones.
    """

    words: str | None = None
    model: str | None = None
    backend: str | None = None
    since: float | None = None
    errors: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A record that was looked for, and where in it the words stand; ``""`` without words."""

    record: Record
    excerpt: str = ""


class Log:
    """A log that is there, or may be: one that is not is empty, and is not made.

    Args:
        file: Its file; ``None`` for the default one.
    """

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self.file = default_file() if file is None else Path(file).expanduser()

    def find(self, query: Query | None = None) -> list[Found]:
        """Return what is looked for, the oldest first.

        Raises:
            LogError: The file cannot be read.
        """
        query = query or Query()
        if not self.file.exists():
            return []
        with self._open() as database:
            return [_found(row) for row in reversed(_select(database.connection, query))]

    def records(self) -> Iterator[Record]:
        """Yield all records, the oldest first, without holding them all.

        Raises:
            LogError: The file cannot be read.
        """
        if not self.file.exists():
            return
        with self._open() as database:
            for row in database.connection.execute("SELECT id, document FROM record ORDER BY id"):
                yield _record(row[0], row[1])

    def get(self, number: int) -> Record:
        """Return the record of a number.

        Raises:
            LogError: There is none (``code`` is ``"unknown_record"``), or the file cannot be read.
        """
        row = None
        if self.file.exists() and abs(number) < 1 << 63:
            with self._open() as database:
                row = database.connection.execute("SELECT document FROM record WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise LogError(
                f"There is no record {number} in {self.file}.", code="unknown_record", hint="`backbay logs list`"
            )
        return _record(number, row[0])

    def count(self) -> tuple[int, int]:
        """Return how many records there are, and the bytes that they take.

        Raises:
            LogError: The file cannot be read.
        """
        if not self.file.exists():
            return 0, 0
        with self._open() as database:
            row = database.connection.execute("SELECT (SELECT count(*) FROM record), bytes FROM whole").fetchone()
            return int(row[0]), int(row[1])

    def clear(self) -> int:
        """Remove all records; return how many there were.

        Raises:
            LogError: The file cannot be written.
        """
        if not self.file.exists():
            return 0
        with self._open() as database:
            return database.clear()

    @contextmanager
    def _open(self) -> Iterator[Database]:
        try:
            database = Database(self.file)
            try:
                yield database
            finally:
                database.close()
        except (sqlite3.Error, OSError) as failure:
            raise ERRORS.translated(failure, self.file) from None


def _select(connection: sqlite3.Connection, query: Query) -> list[tuple[int, str, str]]:
    conditions = {
        "model LIKE ? ESCAPE '\\'": None if query.model is None else f"%{_literal(query.model)}%",
        "backend LIKE ? ESCAPE '\\'": None if query.backend is None else f"{_literal(query.backend)}%",
        "time >= ?": query.since,
        "failed = ?": True if query.errors else None,
    }
    wanted = {condition: value for condition, value in conditions.items() if value is not None}
    where = "".join(f" AND {condition}" for condition in wanted)
    end = [*wanted.values(), -1 if query.limit is None else query.limit]
    if query.words is None:
        # Nothing of a caller's is in these statements but in place of a question mark.
        listing = f"SELECT id, document, '' FROM record WHERE 1{where} ORDER BY id DESC LIMIT ?"  # noqa: S608
        return connection.execute(listing, end).fetchall()
    searching = (
        "SELECT id, document, snippet(words, -1, '[', ']', ' ... ', 16) FROM words JOIN record ON id = words.rowid "  # noqa: S608
        f"WHERE words MATCH ?{where} ORDER BY id DESC LIMIT ?"
    )
    words = query.words.translate(UNSTORABLE)
    try:
        return connection.execute(searching, [words, *end]).fetchall()
    except sqlite3.OperationalError as failure:
        # The only thing in it that can be wrong is the language of the words.
        if failure.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
    return connection.execute(searching, [as_words(words), *end]).fetchall()


def as_words(text: str) -> str:
    """Return a query for all words of a text, in which nothing means anything but itself."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in text.split()) or '""'


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _found(row: tuple[int, str, str]) -> Found:
    return Found(record=_record(row[0], row[1]), excerpt=row[2])


def _record(number: int, document: str) -> Record:
    return replace(Record.from_document(json.loads(document)), id=number)
