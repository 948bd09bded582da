"""The database: where it is, how it is opened, and that it has the tables of this version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from backbay import ConfigurationError

from .errors import CatalogueError, translated
from .schema import REVISIONS, VERSION_TABLE

VARIABLE = "BACKBAY_CATALOGUE"
"""Names the variable that may say where the catalogue is: a file, or a database's URL."""

TIMEOUT = 5.0
"""Seconds to wait for others who write."""

_WRITES = "backbay_writes"
_LOCK = 0x6261636B
"""The advisory lock of PostgreSQL under which the tables are made; any number that others do not use."""


def default_file() -> Path:
    """Return where the catalogue is if nobody says: in the person's own folder for data."""
    import platformdirs

    return platformdirs.user_data_path("backbay") / "catalogue.db"


def address(given: str | None = None) -> URL:
    """Return the database's URL: the given one, or the environment's, or that of the default file.

    Args:
        given: A URL of SQLite or PostgreSQL, or the path of a SQLite file; ``None`` for the default.

    Raises:
        ConfigurationError: It is neither, or of another database. A password in it is not shown.
    """
    said = given or os.environ.get(VARIABLE) or str(default_file())
    if "://" not in said:
        return URL.create("sqlite", database=str(Path(said).expanduser()))
    try:
        url = make_url(said)
    except exc.ArgumentError:
        raise ConfigurationError(
            "The catalogue's address is no URL of a database.", hint="Give a file, or postgresql://user@host/name."
        ) from None
    kind = url.get_backend_name()
    if kind == "sqlite":
        return url
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise ConfigurationError(f"A catalogue is kept in SQLite or PostgreSQL, not in {kind}.")


class Database:
    """One database, with the tables of this version: made, or brought up to date, when first used.

    Args:
        url: Where it is.
        timeout: Seconds to wait for others who write.
    """

    def __init__(self, url: URL, *, timeout: float = TIMEOUT) -> None:
        self.url = url
        self.where = url.render_as_string(hide_password=True)
        self._ready = False
        try:
            self.engine = _engine(url, timeout)
        except ImportError:
            raise ConfigurationError(
                "PostgreSQL needs a driver that is not installed.",
                hint="Install it: pip install 'backbay-catalogue[postgresql]'",
            ) from None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite."""
        return self.url.get_backend_name() == "sqlite"

    def exists(self) -> bool:
        """Whether it is there: for a file of SQLite, whether there is that file; any other may only be asked."""
        return not self.is_sqlite or (_file(self.url) or Path()).exists()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads.

        Raises:
            CatalogueError: It cannot be opened, or is of a newer schema.
        """
        self._prepare()
        with translated(self.where), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes: all of it is kept, or on any error and on any crash nothing.

        Raises:
            CatalogueError: It cannot be opened, written, or is of a newer schema.
        """
        self._prepare()
        with self._writing() as connection:
            yield connection

    def close(self) -> None:
        """Let go of its connections. May be called again."""
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self.where), self.engine.connect() as plain:
            connection = plain.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def _prepare(self) -> None:
        if self._ready:
            return
        if self.is_sqlite:
            _make_file(self.url)
        with translated(self.where), self.engine.connect() as connection, connection.begin():
            found = self._revision(connection)
        if found != REVISIONS[-1]:
            self._migrate()
        self._ready = True

    def _revision(self, connection: Connection) -> str | None:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 (a constant)
        if found is not None and found not in REVISIONS:
            raise CatalogueError(
                f"The catalogue is of a newer schema ({found}) than this version knows ({REVISIONS[-1]}). "
                f"It is {self.where}.",
                code="newer_schema",
                hint="Upgrade backbay-catalogue. Nothing was changed.",
            )
        return found

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
        with self._writing() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            # Somebody else may have done it while we waited.
            if self._revision(connection) != REVISIONS[-1]:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def _engine(url: URL, timeout: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": timeout})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    settings = f"-c lock_timeout={int(timeout * 1000)}"
    arguments: Mapping[str, Any] = {"options": settings, "connect_timeout": max(2, int(timeout))}
    return create_engine(url, pool_pre_ping=True, pool_size=2, connect_args=dict(arguments))


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 (the driver's own)
    # Transactions are begun below; the driver would begin them too late, and not for changes of tables.
    connection.isolation_level = None
    for pragma in ("foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later could find that somebody wrote in between, and fail.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _file(url: URL) -> Path | None:
    name = url.database
    return None if not name or name == ":memory:" or name.startswith("file:") else Path(name)


def _make_file(url: URL) -> None:
    """Make the file, for its owner alone, since the journal beside it gets the same permissions."""
    path = _file(url)
    if path is None or path.exists():
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as failure:
        raise CatalogueError(
            f"The file of the catalogue cannot be made: {failure.strerror}. It is {path}.", code="unreachable"
        ) from None
