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

_NOTES = frozenset(("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"))
"""What an installer writes beside the metadata of a wheel."""


def record_hash(distribution: Distribution) -> str | None:
    """Return the SHA-256 of what RECORD says of a distribution's own files, in hexadecimal; ``None`` without a RECORD.

    It is the same wherever one wheel was installed, and that of the wheel itself: see ``hash_of_record``.
    """
    text = distribution.read("RECORD")
    return None if text is None else hash_of_record(text)


def hash_of_record(text: str) -> str:
    """Return the SHA-256 of the lines of a RECORD, sorted, as ``name,hash`` and a line end each.

    Left out is what an installer adds, which differs between one Python or folder and another: bytecode, scripts, its
    own notes, and RECORD itself. Two installations with one hash have the same files.
    """
    try:
        rows = [(row[0], row[1]) for row in csv.reader(text.splitlines()) if len(row) > 1]
    except csv.Error:
        rows = [(text, "")]
    lines = sorted(f"{name},{stated}\n" for name, stated in rows if not _installers(name))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _installers(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    noted = folder.endswith(".dist-info") and file in _NOTES
    return noted or name.endswith(_BYTECODE) or name.startswith(("../", "/"))


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
