"""Inputs: read from the beginning to the end, never whole, and then again at the places that are asked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from .errors import BatchSetupError, ChangedBatchError
from .rows import Place

MAX_LINE = 64 * 1024 * 1024
"""Bytes of a line at most, which bounds what is held of a file that is something else."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Raw:
    """A line as it stands in the input.

    Attributes:
        number: Its number, from 1, blank lines counted; in Parquet the row's.
        offset: Where it begins, in bytes; in Parquet its row, from 0.
        data: Its bytes, without the end; in Parquet the row as a line of JSON.
        problem: Why there is no data, or ``None``.
    """

    number: int
    offset: int
    data: bytes
    problem: str | None = None


class Source(Protocol):
    """An input that is open."""

    def scan(self) -> Iterator[Raw]:
        """Yield every line that is not blank, from the beginning."""

    def read(self, places: Sequence[Place]) -> list[bytes]:
        """Return the lines at some places, which are in order."""

    def close(self) -> None:
        """Close the file."""


class LinesSource:
    """A file of JSON lines.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._watch = Unchanged(path, self._file)

    def scan(self) -> Iterator[Raw]:
        """Yield every line that is not blank, from the beginning."""
        self._file.seek(0)
        offset, number = 0, 0
        while line := self._file.readline(MAX_LINE + 1):
            number += 1
            begin, offset = offset, offset + len(line)
            if len(line) > MAX_LINE:
                offset += self._skip_line(line)
                yield Raw(number, begin, b"", f"The line has more than {MAX_LINE:,} bytes.")
                continue
            if number == 1 and line.startswith(_BOM):
                line, begin = line[len(_BOM) :], begin + len(_BOM)
            line = line.rstrip(b"\r\n")
            if line.strip():
                yield Raw(number, begin, line)

    def read(self, places: Sequence[Place]) -> list[bytes]:
        """Return the lines at some places.

        Raises:
            ChangedBatchError: The file was changed since it was opened.
        """
        self._watch.check()
        found = []
        for place in places:
            self._file.seek(place.offset)
            found.append(self._file.read(place.length))
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _skip_line(self, line: bytes) -> int:
        """Read to the end of a line that is too long; return how many bytes that were."""
        skipped = 0
        while not line.endswith(b"\n") and (line := self._file.readline(MAX_LINE)):
            skipped += len(line)
        return skipped


class Unchanged:
    """Sees whether a file stays as it was.

    Args:
        path: The file.
        file: The same, open.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._seen = self._look()

    def check(self) -> None:
        """Raise ``ChangedBatchError`` if it has another size or time than when this object was made."""
        if self._look() != self._seen:
            raise ChangedBatchError(
                f"{self._path} was changed while it was read; the run stopped.",
                hint="--restart begins anew with what it holds now.",
            )

    def _look(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns


def is_parquet(path: Path) -> bool:
    """Whether a file's name says that it is Parquet."""
    return path.suffix.lower() in (".parquet", ".pq")


def open_source(path: Path) -> Source:
    """Open an input.

    Raises:
        BatchSetupError: It cannot be read, or is Parquet and pyarrow is not installed.
    """
    try:
        if is_parquet(path):
            from .parquet import ParquetSource

            return ParquetSource(path)
        return LinesSource(path)
    except OSError as failure:
        raise BatchSetupError(f"The input {path} cannot be read: {failure.strerror or failure}.") from None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        BatchSetupError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as failure:
        raise BatchSetupError(f"The input {path} cannot be read: {failure.strerror or failure}.") from None
