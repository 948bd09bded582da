"""What a plugin says of its own conformance: the verdict that it ships, read without importing it.

`backbay conform NAME --verdict PATH` writes one; a plugin has it as ``conformance.json`` in its package. Whatever is
wrong with the file is one sentence, and changes nothing for anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

FILE = "conformance.json"
"""Its name, in the folder of the plugin's package."""

_SCHEMA = 1
_LARGEST = 1_000_000
_SHOWN = 3
_PACKAGE = re.compile(r"[^\W\d]\w*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T.*)?")


class State(StrEnum):
    """What a shipped verdict is worth."""

    KEPT = "kept"
    BROKEN = "broken"
    """It says itself that a law is broken."""
    OUTDATED = "outdated"
    """It is about another version of the plugin than the one that is installed."""
    UNREADABLE = "unreadable"
    """There is a file, and it is no verdict about this backend."""
    NONE = "none"
    """The plugin ships none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a plugin ships, as far as it could be read; what could not is ``None``.

    Attributes:
        state: What it is worth.
        said: It in words, on one line.
        file: Where it is.
        version: The plugin's version that was tried.
        core: The core's version that it was tried with.
        suite: The suite's version that tried it.
        date: When, in UTC, as ISO 8601 has it.
        laws: How many laws there were.
        kept: How many of them it kept.
        expected_failures: How many it is known to break.
        provisional: How many new ones it breaks, which count only later.
        broken: The names of those that it broke.
    """

    state: State
    said: str
    file: Path | None = None
    version: str | None = None
    core: str | None = None
    suite: str | None = None
    date: str | None = None
    laws: int | None = None
    kept: int | None = None
    expected_failures: int | None = None
    provisional: int | None = None
    broken: tuple[str, ...] | None = None


def shipped(name: str, value: str, version: str | None) -> Verdict:
    """Return the verdict that a plugin ships. Imports nothing of it, and never raises for what it finds.

    Args:
        name: The backend's name.
        value: Its entry point, ``package.module:spec``.
        version: The installed version of its distribution, or ``None`` if that is not known.
    """
    file = _find(value)
    if file is None:
        return Verdict(state=State.NONE, said="it ships no verdict")
    try:
        return _read(file, name, version)
    except RecursionError:
        return _unreadable(file, "it is nested too deeply")
    except (OSError, ValueError) as failure:
        return _unreadable(file, str(getattr(failure, "strerror", None) or failure))


def _find(value: str) -> Path | None:
    package = value.partition(":")[0].partition(".")[0].strip()
    if not _PACKAGE.fullmatch(package):
        return None
    try:
        # Of a name without a dot this imports nothing.
        spec = find_spec(package)
        folders = list((spec and spec.submodule_search_locations) or ())
        return next((file for folder in folders if (file := Path(folder, FILE)).is_file()), None)
    except Exception:  # noqa: BLE001 - a finder is foreign code; what it cannot find is not there
        return None


def _read(file: Path, name: str, version: str | None) -> Verdict:
    if file.stat().st_size > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST} bytes")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as failure:
        raise ValueError(f"it is no JSON: {failure}") from None
    if not isinstance(found, dict):
        raise ValueError(f"it is a JSON {type(found).__name__}, not an object")  # noqa: TRY004 (all are sentences here)
    schema = found.get("schema")
    if schema != _SCHEMA:
        raise ValueError(f"it is of edition {schema!r}, and this command line reads edition {_SCHEMA}")
    if found.get("backend") != name:
        raise ValueError(f"it is about {found.get('backend')!r}")
    counts = _table(found, "counts")
    verdict = Verdict(
        state=State.KEPT,
        said="",
        file=file,
        version=_text(_table(found, "plugin"), "version"),
        core=_text(_table(found, "core"), "version"),
        suite=_text(_table(found, "suite"), "version"),
        date=_date(found),
        laws=_count(counts, "laws"),
        kept=_count(counts, "kept"),
        expected_failures=_count(counts, "expected_failure"),
        provisional=_count({"provisional_broken": 0, **counts}, "provisional_broken"),
        broken=_names(found),
    )
    return _judged(verdict, found.get("verdict"), version)


def _judged(verdict: Verdict, word: object, version: str | None) -> Verdict:
    broken, laws, kept = verdict.broken or (), verdict.laws or 0, verdict.kept or 0
    expected, later = verdict.expected_failures or 0, verdict.provisional or 0
    agree = word == ("broken" if broken else "kept") and laws == kept + expected + later + len(broken)
    if not agree:
        raise ValueError(f"its counts do not go together: {kept} of {laws} kept, verdict {word!r}")
    if laws == 0:
        raise ValueError("no law was tried")
    state = State.BROKEN if broken else State.KEPT
    said = f"broke {len(broken)} laws of {laws}" if broken else f"kept {kept} laws of {laws}"
    if expected:
        said += f", {expected} expected to fail"
    if later:
        said += f", {later} broken that will count later"
    said += "," if expected or later else ""
    said += f" on {(verdict.date or '')[:10]} with core {verdict.core}"
    if verdict.version != version:
        state = State.OUTDATED
        said += f", for version {verdict.version}; this is {version or 'unknown'}"
    if broken:
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        said += f": {', '.join(broken[:_SHOWN])}{more}"
    return replace(verdict, state=state, said=said)


def _unreadable(file: Path, why: str) -> Verdict:
    return Verdict(state=State.UNREADABLE, said=f"the verdict that it ships cannot be used: {why}", file=file)


def _table(found: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = found.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"its {name} is no object")  # noqa: TRY004 (as above)
    return value


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise ValueError(f"a {name} in it is no short text")
    return value


def _count(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"the number {name!r} in it is none")
    return value


def _date(found: Mapping[str, object]) -> str:
    value = _text(found, "date")
    if not _DATE.fullmatch(value):
        raise ValueError(f"its date is {value!r}")
    return value


def _names(found: Mapping[str, object]) -> tuple[str, ...]:
    value = found.get("broken")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("its list of broken laws is none")
    return tuple(name[:200] for name in value)
