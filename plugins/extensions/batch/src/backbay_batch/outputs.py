"""Outputs: made from the journal, and continued from it as results come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from .errors import storage_error
from .journal import Journal
from .rows import Result

_PAGE = 500


class Output(Protocol):
    """Where results go."""

    def begin(self, journal: Journal) -> None:
        """Make the output anew from what the journal has."""

    def add(self, journal: Journal, results: Sequence[Result]) -> None:
        """Go on after some results went into the journal."""

    def sync(self) -> None:
        """See to it that what was written survives the machine."""

    def finish(self, journal: Journal) -> None:
        """Write what is left, and close."""

    def close(self) -> None:
        """Close, whatever is left. May be called again."""


class LinesOutput:
    """A file of JSON lines, written in whole lines.

    Args:
        path: The file.
        ordered: Whether results stand in the order of the input; otherwise as they come.
    """

    def __init__(self, path: Path, *, ordered: bool) -> None:
        self._path = path
        self._ordered = ordered
        self._file: BinaryIO | None = None
        self._last = 0

    def begin(self, journal: Journal) -> None:
        """Make the output anew from what the journal has. What was there stays until the new file is whole.

        Raises:
            BatchStorageError: It cannot be written.
        """
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            with part.open("wb") as file:
                if self._ordered:
                    self._follow(journal, file)
                else:
                    for row in journal.records():
                        file.write(row[4] + b"\n")
            part.replace(self._path)
            # Without a buffer: a line that is handed over is with the system, or it is not handed over.
            self._file = self._path.open("ab", buffering=0)
        except OSError as failure:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise storage_error(failure, self._path) from None

    def add(self, journal: Journal, results: Sequence[Result]) -> None:
        """Go on after some results went into the journal.

        Raises:
            BatchStorageError: They cannot be written.
        """
        assert self._file is not None
        try:
            if self._ordered:
                self._follow(journal, self._file)
            else:
                _write(self._file, b"".join(result.record + b"\n" for result in results))
        except OSError as failure:
            raise storage_error(failure, self._path) from None

    def sync(self) -> None:
        """See to it that what was written survives the machine.

        Raises:
            BatchStorageError: The system says that it will not.
        """
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as failure:
                raise storage_error(failure, self._path) from None

    def finish(self, journal: Journal) -> None:
        """Write what is left, and close. Lines that have no result yet are left out, until the next run."""
        assert self._file is not None
        try:
            if self._ordered:
                self._follow(journal, self._file)
                for row in journal.records(self._last):
                    _write(self._file, row[4] + b"\n")
        except OSError as failure:
            raise storage_error(failure, self._path) from None
        self.sync()
        self.close()

    def close(self) -> None:
        """Close, whatever is left."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _follow(self, journal: Journal, file: BinaryIO) -> None:
        """Write what follows the last line in order, up to the first one that has no result."""
        while found := journal.records_in_order(self._last, _PAGE):
            _write(file, b"".join(record + b"\n" for _, record in found))
            self._last = found[-1][0]
            if len(found) < _PAGE:
                return


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of ``data``; a file that takes some of it keeps whole lines alone."""
    start = file.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        with suppress(OSError):
            file.truncate(start)
        raise


def open_output(path: Path, *, ordered: bool) -> Output:
    """Return an output by the ending of its name.

    Raises:
        BatchSetupError: It is Parquet, and pyarrow is not installed.
    """
    from .sources import is_parquet

    if is_parquet(path):
        from .parquet import ParquetOutput

        return ParquetOutput(path)
    return LinesOutput(path, ordered=ordered)
