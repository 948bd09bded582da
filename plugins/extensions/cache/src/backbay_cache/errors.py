"""What can be wrong with the file of a cache, in words, and the one place where SQLite's own errors become that."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from backbay import BackbayError

_CODES = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
    sqlite3.SQLITE_CANTOPEN: "unreachable",
    sqlite3.SQLITE_PERM: "unreachable",
    sqlite3.SQLITE_NOTADB: "no_cache",
    sqlite3.SQLITE_CORRUPT: "damaged",
}
"""By primary result code. Source: https://www.sqlite.org/rescode.html; a file that may not grow is an I/O error."""

_SAID = {
    "locked": ("Somebody else is writing to the cache.", "Try again."),
    "read_only": ("The file of the cache may be read and not written.", "Look at its permissions, or name another."),
    "full": ("There is no room for the cache.", "Make room on its disk, or name another file."),
    "unreachable": ("The file of the cache cannot be opened.", "Look at its folder, or name another file."),
    "no_cache": ("The file is no cache of Backbay.", "Name another file. This one was left as it is."),
    "damaged": ("The file of the cache is damaged.", "Remove it; it holds nothing that cannot be asked again."),
    "newer": ("The cache was made by a newer backbay-cache.", "Upgrade backbay-cache, or name another file."),
    "failed": ("The database refused.", None),
}


class CacheError(BackbayError):
    """The cache's file cannot be used.

    ``code`` says why: ``"locked"``, ``"read_only"``, ``"full"``, ``"unreachable"``, ``"no_cache"``, ``"damaged"``,
    ``"newer"`` or ``"failed"``.
    """


class CacheWarning(UserWarning):
    """The cache cannot be used; calls go on without it."""


def cache_error(path: Path, code: str, detail: str = "") -> CacheError:
    """Return the error for one of the codes."""
    message, hint = _SAID[code]
    detail = f" ({detail})" if detail else ""
    return CacheError(f"{message}{detail} It is {path}.", code=code, hint=hint, retryable=code == "locked")


def translated(failure: sqlite3.Error | OSError, path: Path) -> CacheError:
    """Return what SQLite, or the system, says about the file as a ``CacheError``."""
    if isinstance(failure, OSError):
        return cache_error(path, "unreachable", failure.strerror or type(failure).__name__)
    code = _CODES.get(getattr(failure, "sqlite_errorcode", -1) & 0xFF, "failed")
    return cache_error(path, code, type(failure).__name__ if code == "failed" else "")
