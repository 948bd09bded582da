"""Where an installed distribution came from, and whether its files are still what was installed.

Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/ (RECORD) and
https://packaging.python.org/en/latest/specifications/direct-url/ (PEP 610).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from .installed import Distribution

_BYTECODE = ".pyc"
"""Made by Python whenever it likes, and not compared."""


def record_hash(distribution: Distribution) -> str | None:
    """Return the SHA-256 of a distribution's RECORD, in hexadecimal; ``None`` if it has none.

    RECORD has a hash of every file, so two installations with one hash have the same files.
    """
    text = distribution.read("RECORD")
    return None if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def direct_url(distribution: Distribution) -> str | None:
    """Return the URL or the folder that a distribution was installed from, without user, password and query.

    ``None`` if it came from an index, or the installer did not say.
    """
    try:
        stated = json.loads(distribution.read("direct_url.json") or "")["url"]
        parts = urlsplit(stated)
        host = parts.netloc.rpartition("@")[2]
        return str(urlunsplit((parts.scheme, host, parts.path, "", "")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def changed(distribution: Distribution) -> tuple[str, ...]:
    """Return the files of a distribution that are gone, or are not what RECORD says; relative to its folder, sorted.

    Reads every file. ``()`` where there is no RECORD to compare with, as in a zip file.
    """
    text, metadata = distribution.read("RECORD"), Path(distribution.path)
    if text is None or not metadata.is_dir():
        return ()
    found = set()
    try:
        for row in csv.reader(text.splitlines()):
            if len(row) < 2:
                continue
            name, stated = row[0], row[1]
            kind, _, digest = stated.partition("=")
            if name.endswith(_BYTECODE) or kind not in hashlib.algorithms_guaranteed or not digest:
                continue
            if _digest(metadata.parent / name, kind) != digest:
                found.add(name)
    except csv.Error:
        return ("RECORD",)
    return tuple(sorted(found))


def _digest(path: Path, kind: str) -> str | None:
    try:
        with path.open("rb") as file:
            return base64.urlsafe_b64encode(hashlib.file_digest(file, kind).digest()).decode().rstrip("=")
    except (OSError, TypeError, ValueError):  # not there, a digest that wants a length, a name with a null in it
        return None
