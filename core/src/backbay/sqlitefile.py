"""A SQLite file that an extension keeps for itself: opened safely, shared by processes, and with its failures in words.

A file belongs to one thread. Other threads and processes have their own on the same file: it is in WAL mode, each
change is one transaction, and who is killed in the middle of one has changed nothing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from .errors import BackbayError

E = TypeVar("E", bound=BackbayError)

RETRY = 0.01
"""Seconds between two tries to switch to WAL."""

REASONS = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
    sqlite3.SQLITE_CANTOPEN: "unreachable",
    sqlite3.SQLITE_PERM: "unreachable",
    sqlite3.SQLITE_CORRUPT: "damaged",
}
"""Words by primary result code (https://www.sqlite.org/rescode.html); a file that may not grow is an I/O error."""


def reason(failure: sqlite3.Error, *, foreign: str) -> str:
    """Return why SQLite failed, in a word.

    Args:
        failure: What it raised.
        foreign: The word for a file that is no database at all.

    Returns:
        ``foreign``, ``"locked"``, ``"read_only"``, ``"full"``, ``"unreachable"``, ``"damaged"``, or ``"failed"``.
    """
    code = getattr(failure, "sqlite_errorcode", -1) & 0xFF
    return foreign if code == sqlite3.SQLITE_NOTADB else REASONS.get(code, "failed")


@dataclass(frozen=True, slots=True)
class FileErrors(Generic[E]):
    """What can be wrong with a file, as errors of its extension.

    Attributes:
        error: The class of the errors.
        foreign: The code for a file of somebody else's.
        said: What an error says, and its hint (``None`` for none), by code: those of ``reason``, and ``"newer"``.
    """

    error: type[E]
    foreign: str
    said: Mapping[str, tuple[str, str | None]]

    def of(self, path: Path, code: str, detail: str = "") -> E:
        """Return the error for one of the codes."""
        message, hint = self.said[code]
        detail = f" ({detail})" if detail else ""
        return self.error(f"{message}{detail} It is {path}.", code=code, hint=hint, retryable=code == "locked")

    def translated(self, failure: sqlite3.Error | OSError, path: Path) -> E:
        """Return what SQLite, or the system, says about a file."""
        if isinstance(failure, OSError):
            return self.of(path, "unreachable", failure.strerror or type(failure).__name__)
        code = reason(failure, foreign=self.foreign)
        return self.of(path, code, type(failure).__name__ if code == "failed" else "")


class SQLiteFile(ABC):
    """One file, opened; made for its owner alone if it is not there.

    Args:
        path: The file.
        timeout: Seconds to wait for others who write.

    Attributes:
        application: What ``PRAGMA application_id`` is, so that a file of somebody else is never taken for this one's.
        schema: Edition of the tables, as ``PRAGMA user_version`` has it.
        tables: The statements that make them.
        settings: Statements for each connection, before anything else.
        path: As given.
        connection: SQLite's connection, without transactions of its own.

    Raises:
        BackbayError: The file is somebody else's, or of a newer version: what ``refused`` returns. It stays as it is.
        OSError, sqlite3.Error: It cannot be opened.
    """

    application: ClassVar[int]
    schema: ClassVar[int]
    tables: ClassVar[str]
    settings: ClassVar[Sequence[str]] = ()

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path = path
        _make_file(path)
        self.connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            self._is_made()
            self._set_up(timeout)
        except BaseException:
            self.connection.close()
            raise

    @abstractmethod
    def refused(self, *, newer: bool) -> BackbayError:
        """Return the error for a file of a newer version, or else for one of somebody else's."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make one transaction of what is done within; nothing of it stays if that raises."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # A full disk has rolled back already.
                self.connection.execute("ROLLBACK")
            raise

    def give_room_back(self) -> None:
        """Give the room of what was removed back to the disk, unless somebody reads the file: it is used again then."""
        with suppress(sqlite3.OperationalError):
            self.connection.execute("VACUUM")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _is_made(self) -> bool:
        """Return whether the tables are there."""
        application = self._pragma("application_id")
        empty = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if application != self.application and not (empty and application == 0):
            raise self.refused(newer=False)
        if self._pragma("user_version") > self.schema:
            raise self.refused(newer=True)
        return not empty

    def _set_up(self, timeout: float) -> None:
        for statement in (*self.settings, "PRAGMA synchronous = NORMAL"):
            self.connection.execute(statement)
        switch_to_wal(self.connection, timeout)
        if self._is_made():
            return
        with self.writing():
            if self._is_made():  # Somebody else made them while we waited.
                return
            for statement in _statements(self.tables):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA application_id = {self.application}")
            self.connection.execute(f"PRAGMA user_version = {self.schema}")

    def _pragma(self, name: str) -> int:
        return int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])


def switch_to_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Let readers not wait for writers. A file that cannot have a WAL stays as it is, and works more slowly.

    Args:
        connection: To the file.
        timeout: Seconds to try: while others open the same new file SQLite refuses at once, instead of waiting.

    Raises:
        sqlite3.OperationalError: It did not work within that, or for another reason.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as failure:
            if reason(failure, foreign="") != "locked" or time.monotonic() >= end:
                raise
            time.sleep(RETRY)
        else:
            return


class ForkGuard:
    """A lock between forks and SQLite: a child that is made in the middle of a call of it may wait for ever.

    One for each extension: a fork waits for all of them, and none of them for another.
    """

    def __init__(self) -> None:
        self._inside = threading.RLock()
        self._left: list[object] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._inside.acquire,
                after_in_parent=self._inside.release,
                after_in_child=self._inside.release,
            )

    @contextmanager
    def no_fork(self) -> Iterator[None]:
        """Let nobody fork meanwhile."""
        with self._inside:
            yield

    def leave(self, connection: object) -> None:
        """Keep a parent's connection in its child, unused and open: to close it there would harm the parent's.

        Source: https://www.sqlite.org/howtocorrupt.html, section 2.6.
        """
        self._left.append(connection)


def _make_file(path: Path) -> None:
    """Make the file for its owner alone, since prompts may be told from it; journals get its permissions."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: ``executescript`` would end the transaction."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
