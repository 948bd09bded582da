"""The connection to the key store: transactions, and every failure of a database as an error of Backbay's."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from backbay.errors import BackbayError, ConfigurationError, OverloadedError, ServerError
from backbay.sqlitefile import switch_to_wal

from . import address
from .schema import upgrade

_BUSY = 5.0
"""Seconds that a transaction waits for others to end."""

_TICK = 100_000_000
"""Nanoseconds for which a file that was written may be written again without its time showing it; far more than any
clock of a file system needs."""

_LOCK = 0x62627631
"""The advisory lock of PostgreSQL under which tables are made."""

_PASSING = ("40", "55P03", "57", "53300", "08")
"""States of PostgreSQL that pass: serialisation, lock, shutdown, too many connections, connection.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html (read 2026-11-21).
"""


class Database:
    """A key store that is open. Its methods block: they are called from one thread, not from the event loop's.

    Args:
        url: As ``Keys.open`` takes it.

    Raises:
        ConfigurationError: The URL, the file, its permissions or its version do not do; nothing is left open.
        OverloadedError: It is locked by somebody else, or cannot be reached.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = address.read(url)
        self.path: Path | None = None
        self.offset = 0.0
        """Seconds that the server's clock is ahead of this machine's; 0 for a file."""
        if self.url.get_backend_name() == "sqlite":
            self.path = Path(str(self.url.database))
            address.prepare_file(self.path)
        self._engine = create_engine(self.url, **_options(self.url))
        if self.path is not None:
            event.listen(self._engine, "connect", _configure)
            event.listen(self._engine, "begin", _begin)
        try:
            with self.transaction() as connection:
                if self.path is None:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                upgrade(connection)
        except BaseException as failure:
            self._engine.dispose()
            if isinstance(failure, ServerError):
                raise ConfigurationError(failure.message, hint=failure.hint) from failure.__cause__
            raise

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return str(self.path) if self.path is not None else self.url.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Connection]:
        """Run one transaction: it is written as a whole where the block ends, and not at all if it raises.

        Args:
            reading: Nothing is written, so that nobody is waited for.

        Raises:
            OverloadedError: The database is locked, shutting down, or cannot be reached: a later try may work.
            ServerError: It is full, read-only, or broken: somebody must look at it.
        """
        try:
            with self._engine.connect() as connection:
                connection.execution_options(reading=reading)
                with connection.begin():
                    yield connection
        except SQLAlchemyError as failure:
            raise self._typed(failure) from failure

    def tell_time(self, connection: Connection) -> None:
        """Measure ``offset``, so that processes on several machines count in the same windows."""
        if self.path is None:
            server = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
            self.offset = float(server) - time.time()

    def watch(self) -> Watch | None:
        """Return what sees changes by others without a transaction; ``None`` where the database has no such thing."""
        return None if self.path is None else Watch(self.path)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _typed(self, failure: SQLAlchemyError) -> BackbayError:
        original = failure.orig if isinstance(failure, DBAPIError) else failure
        reason = re.sub(r"\s+", " ", str(original)).strip()[:200]
        if _passes(original):
            return OverloadedError(
                f"The key store {self.name} cannot be used at the moment: {reason}.",
                status=503,
                code="key_store",
                retryable=True,
                retry_after=1.0,
                phase="prepare",
            )
        return ServerError(
            f"The key store {self.name} failed: {reason}.",
            status=500,
            code="key_store",
            phase="prepare",
            hint=_advice(original),
        )


class Watch:
    """Says cheaply whether another connection has changed a SQLite file: about 3 microseconds.

    It has a connection of its own, for the event loop's thread; in WAL mode a reader never waits for a writer.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
        # Whoever commits writes into this file, which costs less to look at than SQLite does to be asked.
        self._journal = f"{path}-wal"
        self._looked = (0, 0, 0)
        self._version = -1
        self._revision = -1

    def revision(self) -> int | None:
        """Return the revision of the keys; ``None`` if the file is locked so that it cannot be read without waiting."""
        execute = self._connection.execute
        looked = self._look()
        if looked is not None and looked == self._looked:
            return self._revision
        try:
            version = execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._revision = execute("SELECT value FROM gateway_meta WHERE name = 'revision'").fetchone()[0]
                self._version = version
        except (sqlite3.Error, TypeError):
            return None
        # Looked at before it was asked, so that what was written in between is seen the next time.
        self._looked = looked or (0, 0, 0)
        return self._revision

    def _look(self) -> tuple[int, int, int] | None:
        """Return what changes with every commit; ``None`` while it may have changed without that being seen."""
        try:
            found = os.stat(self._journal)  # noqa: PTH116 (a Path costs twice as much, and this is each request)
        except OSError:
            return None
        # File systems tell times by the tick: of two commits in one the second may leave no trace.
        if time.time_ns() - found.st_mtime_ns < _TICK:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY, "check_same_thread": False}, "pool_size": 1, "max_overflow": 0}
    limits = f"-c lock_timeout={int(_BUSY * 1000)} -c statement_timeout={int(_BUSY * 2000)}"
    arguments: dict[str, Any] = {"connect_timeout": int(_BUSY)}
    if "options" not in url.query:
        arguments["options"] = limits
    return {"connect_args": arguments, "pool_size": 1, "max_overflow": 0, "pool_pre_ping": True}


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy's own events begin transactions, so that they can begin as writers.
    connection.isolation_level = None
    switch_to_wal(connection, _BUSY)
    # Survives a crash of the process; a power cut may take back the last transactions, as a whole.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    # A transaction that writes says so from its start: two readers that both go on to write would be a deadlock.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _passes(failure: BaseException | None) -> bool:
    if isinstance(failure, sqlite3.Error):
        code = getattr(failure, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    state = getattr(failure, "sqlstate", None)
    if state is None:
        # psycopg has no state where no server answered.
        return type(failure).__name__ in {"OperationalError", "ConnectionTimeout", "TimeoutError"}
    return str(state).startswith(_PASSING)


def _advice(failure: BaseException | None) -> str:
    code = getattr(failure, "sqlite_errorcode", 0) or 0
    state = str(getattr(failure, "sqlstate", "") or "")
    if code & 0xFF == sqlite3.SQLITE_READONLY or state == "25006":
        return "It is read-only: let this user write the file and its folder."
    if code & 0xFF == sqlite3.SQLITE_FULL or state.startswith("53"):
        return "The disk is full: make room, and try again."
    if code & 0xFF == sqlite3.SQLITE_NOTADB or code & 0xFF == sqlite3.SQLITE_CORRUPT:
        return "The file is damaged, or no SQLite database: restore it, or name another one."
    return "Look at the database's own log."
