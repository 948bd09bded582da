"""Where the key store is: a URL of SQLAlchemy's, checked before anything is opened."""

from __future__ import annotations

import os
import stat
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from backbay.errors import ConfigurationError

_FILE = "gateway.sqlite"
_FORMS = "It is sqlite:///PATH or postgresql://USER@HOST/NAME."


def default_path() -> Path:
    """Return where the file is if no database is named: in the user's data folder of the platform."""
    from platformdirs import user_data_path

    return user_data_path("backbay", appauthor=False) / _FILE


def read(url: str | None) -> URL:
    """Return the URL, with the driver that is used; the default file for ``None``.

    Raises:
        ConfigurationError: It is no URL, of no kind that is supported, or its driver is not installed. The message
            does not repeat the URL, which may have a password.
    """
    if url is None:
        return URL.create("sqlite", database=str(default_path()))
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("The key store's database is not a URL.", hint=_FORMS) from None
    if found.drivername in {"sqlite", "sqlite+pysqlite"}:
        if not found.database or found.database == ":memory:" or found.database.startswith("file:"):
            raise ConfigurationError(
                "The key store must be a file that outlives the process.",
                hint="As in sqlite:////var/lib/backbay/keys.sqlite",
            )
        return URL.create("sqlite", database=os.path.abspath(found.database))  # noqa: PTH100 (a path of a URL)
    if found.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        if find_spec("psycopg") is None:
            raise ConfigurationError(
                "PostgreSQL needs psycopg, which is not installed.",
                hint="Install backbay-gateway[postgresql].",
            )
        return found.set(drivername="postgresql+psycopg")
    raise ConfigurationError(f"The key store cannot be a database of the kind {found.drivername!r}.", hint=_FORMS)


def prepare_file(path: Path) -> None:
    """Make the file of a SQLite store, for its owner only; an existing one that others may read is closed to them.

    SQLite gives the files that it makes beside it the same permissions.

    Raises:
        ConfigurationError: The folder or the file cannot be made, or the path is no file.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"The key store {path} is no file.")
        if os.name == "posix" and found.st_mode & 0o077 and found.st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as failure:
        raise ConfigurationError(
            f"The key store {path} cannot be opened: {failure.strerror}.",
            hint="Name another one with --database, or let its folder be written by this user.",
        ) from None
