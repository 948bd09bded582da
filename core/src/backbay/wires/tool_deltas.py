"""Vendors' tool-call deltas turned into ours: each call with a number, an id and a name from its first event on.

Seen on the wire (recorded): deltas without an index, all calls at index 0 with different ids, id and name repeated in
every delta, an empty id or none at all, arguments that are ``null`` or an object, a whole call in one delta.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from ..events import ToolDelta


class _Call:
    __slots__ = ("fragments", "name", "number", "opaque", "sent", "synthetic", "vendor_id")

    def __init__(self, number: int, vendor_id: str) -> None:
        self.number = number
        self.vendor_id = vendor_id
        self.synthetic = not vendor_id
        self.name = ""
        self.fragments: list[str] = []
        self.opaque: dict[str, Any] | None = None
        self.sent = False


class ToolDeltas:
    """Assembles the calls of one answer.

    Args:
        backend: The name under which a call's opaque data is kept; ``None`` keeps none.
    """

    __slots__ = ("_answer_id", "_backend", "_calls", "_current", "_last")

    def __init__(self, backend: str | None = None) -> None:
        self._backend = backend
        self._calls: list[_Call] = []
        self._current: dict[int, _Call] = {}
        self._last: _Call | None = None
        self._answer_id = ""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def name_answer(self, answer_id: str) -> None:
        """Say the answer's id, from which ids are made for calls that have none."""
        self._answer_id = answer_id

    def add(self, delta: dict[str, Any]) -> Iterator[ToolDelta]:
        """Take one delta; yield what can be said now. A call is held back until its name must be whole."""
        function = delta.get("function")
        function = function if isinstance(function, dict) else {}
        name = function.get("name") if isinstance(function.get("name"), str) else ""
        fragment = _fragment(function.get("arguments"))
        call = self._find(delta, name or "")
        if call is not self._last:
            yield from self._flush(before=call)
            self._last = call
        if name and not call.sent and name != call.name:
            call.name += name
        if self._backend is not None and isinstance(delta.get("extra_content"), dict):
            # Gemini's signature of a call, on Google's OpenAI-compatible endpoint. Source: Google's guide to thought
            # signatures.
            call.opaque = {self._backend: {"extra_content": delta["extra_content"]}}
        if fragment:
            call.fragments.append(fragment)
        if call.name and (fragment or (call.sent and call.opaque)):
            yield self._send(call, fragment)

    def end(self) -> Iterator[ToolDelta]:
        """Yield the calls that are still held back."""
        yield from self._flush(before=None)

    @property
    def nameless(self) -> bool:
        """Whether a call never got a name."""
        return any(not call.name for call in self._calls)

    def _find(self, delta: dict[str, Any], name: str) -> _Call:
        vendor_id = delta.get("id") if isinstance(delta.get("id"), str) else ""
        index = delta.get("index") if isinstance(delta.get("index"), int) else None
        if vendor_id:
            known = self._current.get(index) if index is not None else self._by_id(vendor_id)
            if known is not None and known.vendor_id == vendor_id:
                return known
            if known is not None and known.synthetic and not known.sent:
                known.vendor_id, known.synthetic = self._unique(vendor_id), False
                return known
            return self._new(index, self._unique(vendor_id))
        known = self._current.get(index) if index is not None else self._last
        if known is None or (name and self._complete(known)):
            return self._new(index, "")
        return known

    def _new(self, index: int | None, vendor_id: str) -> _Call:
        call = _Call(len(self._calls), vendor_id)
        self._calls.append(call)
        if index is not None:
            self._current[index] = call
        return call

    def _by_id(self, vendor_id: str) -> _Call | None:
        return next((call for call in self._calls if call.vendor_id == vendor_id), None)

    def _unique(self, vendor_id: str) -> str:
        taken = {call.vendor_id for call in self._calls}
        unique, number = vendor_id, 2
        while unique in taken:
            unique, number = f"{vendor_id}_{number}", number + 1
        return unique

    @staticmethod
    def _complete(call: _Call) -> bool:
        """Whether a delta with a name, and no id, begins another call rather than repeating this one's name."""
        if not call.name or not call.fragments:
            return False
        try:
            json.loads("".join(call.fragments))
        except ValueError:
            return False
        return True

    def _flush(self, *, before: _Call | None) -> Iterator[ToolDelta]:
        for call in self._calls:
            if call is not before and not call.sent and call.name:
                yield self._send(call, "")

    def _send(self, call: _Call, fragment: str) -> ToolDelta:
        if not call.vendor_id:
            call.vendor_id = self._unique(self._made_id(call.number))
        if not call.sent:
            call.sent = True
            fragment = "".join(call.fragments)
        opaque, call.opaque = call.opaque, None
        return ToolDelta(call.number, call.vendor_id, call.name, fragment, opaque)

    def _made_id(self, number: int) -> str:
        # Made from the answer's id, so that the same answer always gives the same ids and two answers do not share one.
        digest = hashlib.sha256(self._answer_id.encode("utf-8", "replace")).hexdigest()[:12]
        return f"call_{digest}_{number}"


def _fragment(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
