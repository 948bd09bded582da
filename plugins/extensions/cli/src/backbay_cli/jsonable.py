"""Our values as JSON: what ``--json`` prints."""

from __future__ import annotations

import enum
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
"""A value that JSON has."""

_EVENT_TYPES = {
    "Started": "started",
    "Text": "text",
    "Thinking": "thinking",
    "ToolDelta": "tool_delta",
    "UsageSeen": "usage",
    "Ended": "ended",
}


def as_json(value: object) -> JSON:
    """Return ``value`` as JSON has it: dataclasses and pydantic models by their fields, the unknown by its ``str``.

    Numbers that JSON has not (infinite, or none) become ``None``.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_json(getattr(value, item.name)) for item in fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        value = dump()
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [as_json(item) for item in value]
    return str(value)


def event_as_json(event: object) -> dict[str, JSON]:
    """Return an event of a stream with its ``type``: the event's name in snake case, and ``usage`` for UsageSeen."""
    shown = as_json(event)
    kind = _EVENT_TYPES.get(type(event).__name__, type(event).__name__)
    return {"type": kind, **shown} if isinstance(shown, dict) else {"type": kind, "value": shown}


def dump(document: object, *, indent: int | None = None) -> str:
    """Return ``document`` as JSON text in ASCII, so that no control character in it can reach a terminal."""
    text = json.dumps(as_json(document), ensure_ascii=True, allow_nan=False, indent=indent)
    # The one control character that JSON leaves as it is; it can stand only inside a string.
    return text.replace("\x7f", "\\u007f")


def print_json(document: object) -> None:
    """Print the one document that a command with ``--json`` gives."""
    sys.stdout.write(dump(document, indent=2) + "\n")
    sys.stdout.flush()


def print_json_line(document: object) -> None:
    """Print one line of a JSON Lines output, at once."""
    sys.stdout.write(dump(document) + "\n")
    sys.stdout.flush()
