"""Holes in recorded JSON and text: ``{{name}}`` stands for what the suite decides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
"""A JSON value."""

_HOLE = re.compile(r"\{\{(\w+)\}\}")


def holes(value: JSON) -> set[str]:
    """Return the names of all holes in a JSON value."""
    return {name for leaf in leaves(value).values() if isinstance(leaf, str) for name in _HOLE.findall(leaf)}


def leaves(value: JSON, at: str = "") -> dict[str, JSON]:
    """Return what a JSON value holds, by JSON pointer; an empty list or object counts as a leaf."""
    return dict(_leaves(value, at))


def filled(value: JSON, given: Mapping[str, JSON]) -> JSON:
    """Return a JSON value without holes. A string that is one hole becomes the value itself, a number for instance.

    A member of an object is left out if it becomes ``None`` so, and an object with it if nothing else was in it.
    """
    if isinstance(value, str):
        whole = _HOLE.fullmatch(value)
        if whole and whole[1] in given:
            return given[whole[1]]
        return _HOLE.sub(lambda hole: str(given.get(hole[1], hole[0])), value)
    if isinstance(value, list):
        return [filled(item, given) for item in value]
    if isinstance(value, dict):
        parts = {name: filled(item, given) for name, item in value.items()}
        kept = {name: item for name, item in parts.items() if item is not None or value[name] is None}
        return kept or (None if parts else {})
    return value


def filled_text(text: str, given: Mapping[str, JSON]) -> str:
    """Return text without holes; what goes into them is written as JSON has it, strings without their quotes."""

    def written(hole: re.Match[str]) -> str:
        if hole[1] not in given:
            return hole[0]
        value = json.dumps(given[hole[1]], ensure_ascii=False)
        return value[1:-1] if isinstance(given[hole[1]], str) else value

    return _HOLE.sub(written, text)


def repeated(value: JSON, rows: Sequence[Mapping[str, JSON]], hole: str) -> JSON:
    """Return a JSON value in which the list whose one item has ``hole`` has an item for each of ``rows``."""
    if isinstance(value, list) and len(value) == 1 and hole in holes(value[0]):
        return [filled(value[0], row) for row in rows]
    if isinstance(value, list):
        return [repeated(item, rows, hole) for item in value]
    if isinstance(value, dict):
        return {name: repeated(item, rows, hole) for name, item in value.items()}
    return value


def is_repeatable(value: JSON, hole: str) -> bool:
    """Whether ``repeated`` finds the list that it repeats."""
    return hole in holes(value) and hole not in holes(repeated(value, [], hole))


def _leaves(value: JSON, at: str) -> Iterator[tuple[str, JSON]]:
    named: Mapping[str, JSON] = {}
    if isinstance(value, dict):
        named = value
    elif isinstance(value, list):
        named = {str(number): item for number, item in enumerate(value)}
    if not named:
        yield at, value
    for name, item in named.items():
        yield from _leaves(item, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")
