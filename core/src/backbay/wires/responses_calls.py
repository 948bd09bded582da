"""Tool calls of the responses wire, each told from its item's first event to its last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..events import ToolDelta
from .tool_deltas import ToolDeltas


class Calls:
    """The calls of one answer. An item's call is known by the item's number."""

    __slots__ = ("_deltas", "_order", "_told")

    def __init__(self) -> None:
        self._deltas = ToolDeltas()
        self._order: dict[int, int] = {}
        self._told: dict[int, ToolDelta] = {}

    def __bool__(self) -> bool:
        return bool(self._deltas)

    @property
    def nameless(self) -> bool:
        """Whether a call never got a name."""
        return self._deltas.nameless

    def name_answer(self, answer_id: str) -> None:
        """Say the answer's id, from which ids are made for calls that have none."""
        self._deltas.name_answer(answer_id)

    def name(self, number: int, found: Mapping[str, Any]) -> Iterator[ToolDelta]:
        """Take the id and the name of the call of item ``number``."""
        call_id = found.get("call_id") or found.get("id") or ""
        return self._add(number, {"id": call_id, "function": {"name": found.get("name"), "arguments": ""}})

    def more(self, number: int, fragment: str) -> Iterator[ToolDelta]:
        """Take more of the arguments of the call of item ``number``."""
        return self._add(number, {"function": {"arguments": fragment}})

    def close(self, number: int, opaque: dict[str, Any]) -> Iterator[ToolDelta]:
        """Say what is held back, and what to keep of the call of item ``number``, which is whole."""
        yield from self.end()
        told = self._told.get(self._order.get(number, -1))
        if told is not None:
            yield ToolDelta(told.index, told.id, told.name, "", opaque)

    def end(self) -> Iterator[ToolDelta]:
        """Say the calls that are still held back."""
        return self._noted(self._deltas.end())

    def _add(self, number: int, delta: dict[str, Any]) -> Iterator[ToolDelta]:
        self._order.setdefault(number, len(self._order))
        return self._noted(self._deltas.add({"index": number, **delta}))

    def _noted(self, events: Iterable[ToolDelta]) -> Iterator[ToolDelta]:
        for event in events:
            self._told[event.index] = event
            yield event


def arguments_of(found: Mapping[str, Any]) -> str:
    """Return a whole call's arguments, or its free text, as they stand."""
    whole = found.get("arguments", found.get("input"))
    return whole if isinstance(whole, str) else "" if whole is None else json.dumps(whole, ensure_ascii=False)


def rest_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call's item has besides the id, the name and the arguments."""
    return {name: value for name, value in found.items() if name not in ("call_id", "name", "arguments", "input")}
