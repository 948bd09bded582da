"""New values laid over a row: pure, and the one place where it is decided what takes the place of what.

It runs for every model of every list, so provenance stays here as a row has it: ``{"by", "at"}`` by a value's name,
with ``"of"`` for its detail and ``"pinned"`` where there are such.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from .facts import CAPABILITIES, Source, Value, is_stronger, outweighs
from .rows import VALUES, values_of

ASSUMED_USE = "chat"

_NOBODY = {"by": str(Source.ASSUMED)}
_dump = json.JSONEncoder(separators=(",", ":")).encode


def merged(
    row: Row[Any], new: Mapping[str, Value], *, source: Source, at: str, detail: str | None = None, pinned: bool = False
) -> dict[str, object]:
    """Return the columns of a row that change, if ``source`` says ``new``; ``{}`` if none does.

    Args:
        row: The row as it is.
        new: Values by name. A value of ``None`` counts only if a person says it.
        source: Who says it.
        at: When.
        detail: More about who.
        pinned: Whether it is to stay, whatever a vendor says later.
    """
    values, provenance = values_of(row), json.loads(row.provenance)
    by, changed = str(source), False
    for name, value in new.items():
        old = provenance.get(name, _NOBODY)
        is_pinned = old.get("pinned", False)
        if not outweighs(by, old["by"], pinned=is_pinned):
            continue
        repinned = source is Source.PERSON and pinned != is_pinned
        if values.get(name) == value and not is_stronger(by, old["by"]) and not repinned:
            continue
        changed = True
        if value is None and name.startswith(CAPABILITIES):
            values.pop(name, None)
        else:
            values[name] = value
        provenance[name] = _entry(by, at, detail, pinned=pinned)
    return columns(values, provenance) if changed else {}


def fresh(handle: str, new: Mapping[str, Value], *, source: Source, at: str) -> dict[str, object]:
    """Return the columns of a new row: what is said, and what is assumed since a row has to have it."""
    assumed: dict[str, Value] = {"display_name": handle[:200], "model_use": ASSUMED_USE}
    said = _entry(str(source), at, None, pinned=False)
    guessed = _entry(str(Source.ASSUMED), at, None, pinned=False)
    return columns({**assumed, **new}, {**dict.fromkeys(assumed, guessed), **dict.fromkeys(new, said)})


def columns(values: Mapping[str, Value], provenance: Mapping[str, object]) -> dict[str, object]:
    """Return values and provenance as the columns of a row."""
    own = {
        name.removeprefix(CAPABILITIES): value
        for name, value in sorted(values.items())
        if name.startswith(CAPABILITIES)
    }
    return {
        **{name: values.get(name) for name in VALUES},
        "status": values.get("status") or "active",
        "capabilities": _dump(own),
        "provenance": _dump(dict(provenance)),
    }


def _entry(by: str, at: str, detail: str | None, *, pinned: bool) -> dict[str, object]:
    entry: dict[str, object] = {"by": by, "at": at}
    if detail:
        entry["of"] = detail
    if pinned:
        entry["pinned"] = True
    return entry
