"""What can be wrong with a batch as a whole. What is wrong with one line stands in the output, and is never raised."""

from __future__ import annotations

import sqlite3

from backbay import BackbayError, ConfigurationError


class BatchSetupError(ConfigurationError):
    """The batch cannot be run as it was asked for. Nothing was sent."""


class JournalBusyError(BatchSetupError):
    """Another run has the journal. Nothing was sent."""


class ChangedBatchError(BatchSetupError):
    """The journal is that of another input, or of another backend. Nothing was sent."""


class BatchStorageError(BackbayError):
    """The journal, or the output, cannot be written: most often the disk is full. What was journaled stays."""


class BatchEngineError(BackbayError):
    """The engine failed as a whole. What was journaled stays."""


class BatchStoppedError(BackbayError):
    """The call was not made, since something stopped all: the budget is used up, or too much failed before it."""


CONTINUE = "Run the same command again: what is in the journal is not asked for again."

_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


def storage_error(failure: OSError | sqlite3.Error, path: object) -> BatchStorageError:
    """Return the error for a write that failed.

    Args:
        failure: What the system, or SQLite, said. A file that may not grow is an I/O error of SQLite's; source:
            https://www.sqlite.org/rescode.html.
        path: The file, or the folder that it is in.
    """
    code = getattr(failure, "sqlite_errorcode", None)
    full = isinstance(failure, sqlite3.Error) and isinstance(code, int) and code & 0xFF in _NO_ROOM
    said = "There is no room, or no more permission, to write" if full else "It was not possible to write"
    return BatchStorageError(
        f"{said} {path}: {failure}. The run stopped; results that came after the last one in the journal are lost.",
        hint=f"Make room on the disk. {CONTINUE}",
    )


def opening_error(failure: sqlite3.Error, path: object) -> BackbayError:
    """Return the error for a journal that cannot be opened; arguments as in ``storage_error``."""
    code = (getattr(failure, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalBusyError(f"Another run has the journal {path}.", hint="Wait for it, or end it.")
    if code == sqlite3.SQLITE_NOTADB:
        return BatchSetupError(f"{path} is no journal.", hint="Give another output, or move that file away.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        return BatchSetupError(f"The journal {path} cannot be opened for writing.", hint="Look at its folder.")
    return storage_error(failure, path)
