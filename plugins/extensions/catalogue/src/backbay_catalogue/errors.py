"""What can be wrong with a catalogue, and the one place where a database's own errors become that."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from backbay import BackbayError
from backbay.sqlitefile import reason

_POSTGRESQL = {
    "55P03": "locked",
    "40P01": "locked",
    "40001": "locked",
    "25006": "read_only",
    "42501": "read_only",
    "53100": "full",
    "28000": "unreachable",
    "28P01": "unreachable",
    "3D000": "unreachable",
}
"""By SQLSTATE. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

_SAID = {
    "locked": ("Somebody else is writing to the catalogue.", "Try again; nothing was changed."),
    "read_only": ("The catalogue may be read and not written.", "Look at its permissions; nothing was changed."),
    "full": ("There is no room for the catalogue.", "Make room on its disk; nothing was changed."),
    "unreachable": ("The catalogue cannot be opened.", "Look at its address, and whether it is there and yours."),
    "no_catalogue": ("The file is no catalogue, and no SQLite database at all.", "Give another file."),
    "damaged": ("The file of the catalogue is damaged.", "Put back a copy, or remove it and refresh."),
    "failed": ("The database refused.", None),
}


class CatalogueError(BackbayError):
    """The catalogue cannot do what was asked. Nothing was changed.

    ``code`` says why: ``"locked"``, ``"read_only"``, ``"full"``, ``"unreachable"``, ``"no_catalogue"``, ``"damaged"``,
    ``"newer_schema"``, ``"unknown_provider"``, ``"unknown_model"``, ``"name_taken"``, ``"failed"``.
    """


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise ``CatalogueError`` for what the database raises.

    Args:
        where: The database, for the message; without any password.
    """
    try:
        yield
    except exc.DBAPIError as failure:
        raise _error(failure, where) from None


def _error(failure: exc.DBAPIError, where: str) -> CatalogueError:
    original: object = failure.orig
    code = _code(original)
    message, hint = _SAID[code]
    # The database's own words may repeat values of a row, but never the address with its password.
    detail = f" ({type(original or failure).__name__})" if code == "failed" else ""
    return CatalogueError(f"{message}{detail} It is {where}.", code=code, hint=hint, retryable=code == "locked")


def _code(original: object) -> str:
    if isinstance(original, sqlite3.Error):
        return reason(original, foreign="no_catalogue")
    if hasattr(original, "sqlstate"):
        state = original.sqlstate
        if state is None or str(state).startswith("08"):
            return "unreachable"
        return _POSTGRESQL.get(str(state), "failed")
    return "failed"
