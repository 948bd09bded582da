"""One private file of records by name: of the keys in the keyring their names, of the keys in a file the keys too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from filelock import FileLock, Timeout

from backbay.errors import ConfigurationError, LimitExceededError

from . import private_files

Kind = Literal["key", "oauth"]
Place = Literal["keyring", "keyfile"]

VERSION = 1
LOCK_LIMIT = 10.0
"""Seconds to wait for another process that writes."""

_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Saved:
    """What is known of something that is saved, without opening it.

    Attributes:
        name: The backend's name, or another for providers to name.
        kind: ``"key"``, or ``"oauth"`` for what a sign-in gave.
        place: Where it is.
        where: The keyring by its product's name, or the file's path.
        saved_at: When, in ISO 8601 with UTC; ``""`` if the file does not say.
    """

    name: str
    kind: Kind
    place: Place
    where: str
    saved_at: str

    @property
    def source(self) -> str:
        """The source that a provider's ``credential`` may name."""
        return f"{self.place}:{self.name}"


def check_name(name: str) -> str:
    """Return ``name`` if something can be saved under it.

    Raises:
        ConfigurationError: It cannot. The message does not repeat it: it may be a key in the wrong place.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            "What was given is no name: lower-case letters and digits, with - _ or . between them.",
            hint=f'At most {_LONGEST_NAME} characters, such as "openai". A key itself is never given here.',
        )
    return name


class Ledger:
    """The records of one file, each a flat mapping of strings.

    Args:
        path: The file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> dict[str, dict[str, str]]:
        """Return all records by name; ``{}`` if there is no file.

        Raises:
            ConfigurationError: The file is unsafe, or cannot be read as one of ours.
        """
        content = private_files.read(self.path)
        if content is None:
            return {}
        try:
            return _records(json.loads(content))
        except (ValueError, RecursionError):
            content = b""
            raise private_files.unreadable(self.path, "it is not whole, or not one of Backbay's") from None

    def put(self, name: str, record: dict[str, str]) -> None:
        """Add or replace a record; errors as ``records`` and ``private_files.write`` raise."""
        with self.locked():
            self._write({**self.records(), name: {**record, "saved_at": now()}})

    def drop(self, name: str) -> None:
        """Remove a record, if it is there; errors as in ``put``."""
        with self.locked():
            records = self.records()
            if records.pop(name, None) is not None:
                self._write(records)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes and threads from writing meanwhile."""
        with lock(self.path.with_suffix(".lock"), LOCK_LIMIT):
            yield

    def _write(self, records: dict[str, dict[str, str]]) -> None:
        text = json.dumps({"version": VERSION, "names": records}, indent=1, sort_keys=True)
        private_files.write(self.path, text.encode("ascii"))


@contextmanager
def lock(path: Path, limit: float) -> Iterator[None]:
    """Hold a lock that threads and processes share, as a file that others leave alone.

    Args:
        path: The lock's file; its folder is made.
        limit: Seconds to wait for it.

    Raises:
        LimitExceededError: Another held it all the time.
        ConfigurationError: The folder is not one's own, or cannot be written to.
    """
    try:
        private_files.make_folder(path.parent)
        held = FileLock(path, timeout=limit, mode=0o600)
        held.acquire()
    except Timeout:
        raise LimitExceededError(
            f"Another process holds {path} for more than {limit:g} s.", limit="lock", seconds=limit
        ) from None
    except OSError as failure:
        raise ConfigurationError(
            f"{path} cannot be locked: {failure.strerror or type(failure).__name__}.",
            code="key_file_unwritable",
            hint="Set BACKBAY_KEYS to a folder of yours on a local disk.",
        ) from None
    try:
        yield
    finally:
        held.release()


def now() -> str:
    """Return the time in ISO 8601, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def saved_of(name: str, record: dict[str, str], place: Place, where: str) -> Saved:
    """Return the view of a record that holds no secret."""
    return Saved(name, cast("Kind", record["kind"]), place, where, record.get("saved_at", ""))


def _records(document: object) -> dict[str, dict[str, str]]:
    """Return the records of a document; a ``ValueError`` if it is none of ours."""
    if not isinstance(document, dict) or document.get("version") != VERSION or not isinstance(document["names"], dict):
        raise ValueError
    for name, record in document["names"].items():
        fine = isinstance(record, dict) and all(isinstance(value, str) for value in record.values())
        if not fine or not _NAME.fullmatch(name) or record.get("kind") not in ("key", "oauth"):
            raise ValueError
    return cast("dict[str, dict[str, str]]", document["names"])
