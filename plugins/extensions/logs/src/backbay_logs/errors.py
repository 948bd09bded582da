"""What can be wrong with a log, and the one place where SQLite's own errors become that."""

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
    sqlite3.SQLITE_NOTADB: "no_log",
    sqlite3.SQLITE_CORRUPT: "damaged",
}
"""By primary result code. Source: https://www.sqlite.org/rescode.html; a file that may not grow is an I/O error."""

_SAID = {
    "locked": ("Somebody else is writing to the log.", "Try again."),
    "read_only": ("The file of the log may be read and not written.", "Look at its permissions, or name another."),
    "full": ("There is no room for the log.", "Make room on its disk, or name another file."),
    "unreachable": ("The file of the log cannot be opened.", "Look at its folder, or name another file."),
    "no_log": ("The file is no log of Backbay.", "Name another file. This one was left as it is."),
    "damaged": ("The file of the log is damaged.", "Move it away; another is begun."),
    "newer": ("The log was made by a newer backbay-logs.", "Upgrade backbay-logs, or name another file."),
    "failed": ("The database refused.", None),
}


class LogError(BackbayError):
    """The log cannot do what was asked.

    ``code`` says why: ``"locked"``, ``"read_only"``, ``"full"``, ``"unreachable"``, ``"no_log"``, ``"damaged"``,
    ``"newer"``, ``"unknown_record"`` or ``"failed"``.
    """


class LogWarning(UserWarning):
    """Calls are not logged, or not all of them; they go on."""


def log_error(path: Path, code: str, detail: str = "") -> LogError:
    """Return the error for one of the codes."""
    message, hint = _SAID[code]
    detail = f" ({detail})" if detail else ""
    return LogError(f"{message}{detail} It is {path}.", code=code, hint=hint, retryable=code == "locked")


def translated(failure: sqlite3.Error | OSError, path: Path) -> LogError:
    """Return what SQLite, or the system, says about the file as a ``LogError``."""
    if isinstance(failure, OSError):
        return log_error(path, "unreachable", failure.strerror or type(failure).__name__)
    code = _CODES.get(getattr(failure, "sqlite_errorcode", -1) & 0xFF, "failed")
    return log_error(path, code, type(failure).__name__ if code == "failed" else "")
