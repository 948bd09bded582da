"""Vendors' tool-call deltas turned into ours: each call with a number, an id and a name from its first event on.

Seen on the wire (recorded): deltas without an index, all calls at index 0 with different ids, id and name repeated in
every delta, an empty id or none at all, arguments that are ``null`` or an object, a whole call in one delta.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from ..events import ToolDelta

_TELLING = re.compile(r'["{}\[\]]')
_IN_STRING = re.compile(r'["\\]')
_SCALAR = 1000
"""Characters of arguments that are no object and no array: longer ones are never taken for whole."""


class _Call:
    __slots__ = ("fragments", "name", "number", "opaque", "sent", "synthetic", "vendor_id", "whole")

    def __init__(self, number: int, vendor_id: str) -> None:
        self.number = number
        self.vendor_id = vendor_id
        self.synthetic = not vendor_id
        self.name = ""
        self.fragments: list[str] = []
        self.whole = _Whole()
        self.opaque: dict[str, Any] | None = None
        self.sent = False


class _Whole:
    """Tells, in linear time, whether the arguments so far are a whole JSON value.

    Objects and arrays are weighed by their brackets, and read once, when these are even: what is no JSON then cannot
    become JSON by anything that follows.
    """

    __slots__ = ("_depth", "_escaped", "_kind", "_said", "_string")

    def __init__(self) -> None:
        self._kind = ""
        self._depth = 0
        self._string = False
        self._escaped = False
        self._said: bool | None = None

    def add(self, fragment: str) -> None:
        """Take more of the arguments."""
        if not self._kind:
            self._kind = fragment.lstrip()[:1]
        if self._said is not False:
            self._said = None
        at = 0
        while at < len(fragment):
            if self._escaped:
                self._escaped, at = False, at + 1
                continue
            found = (_IN_STRING if self._string else _TELLING).search(fragment, at)
            if found is None:
                return
            at = found.end()
            self._weigh(found[0])

    def _weigh(self, mark: str) -> None:
        if mark == "\\":
            self._escaped = True
        elif mark == '"':
            self._string = not self._string
        else:
            self._depth += 1 if mark in "{[" else -1

    def of(self, fragments: list[str]) -> bool:
        """Whether ``fragments``, which are all that was added, are a whole value."""
        if not fragments or self._said is False or self._depth > 0 or self._string:
            return False
        if self._said is None:
            text = "".join(fragments)
            if self._kind not in ("{", "[") and len(text) > _SCALAR:
                self._said = False
                return False
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                self._said = False if self._kind in ("{", "[") else None
                return False
            self._said = True
        return self._said


class ToolDeltas:
    """Assembles the calls of one answer.

    Args:
        backend: The name under which a call's opaque data is kept; ``None`` keeps none.
    """

    __slots__ = ("_answer_id", "_backend", "_by_id", "_calls", "_current", "_last", "_next")

    def __init__(self, backend: str | None = None) -> None:
        self._backend = backend
        self._calls: list[_Call] = []
        self._current: dict[int, _Call] = {}
        self._last: _Call | None = None
        self._answer_id = ""
        self._by_id: dict[str, _Call] = {}
        self._next: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def name_answer(self, answer_id: str) -> None:
        """Say the answer's id, from which ids are made for calls that have none."""
        self._answer_id = answer_id

    def add(self, delta: dict[str, Any]) -> Iterator[ToolDelta]:
        """Take one delta; yield what can be said now. A call is held back until its name must be whole."""
        function = delta.get("function")
        if not isinstance(function, dict):
            function = {}
        said = function.get("name")
        name = said if isinstance(said, str) else ""
        fragment = _fragment(function.get("arguments"))
        call = self._find(delta, name)
        if call is not self._last:
            yield from self._flush()
            self._last = call
        if name and not call.sent and name != call.name:
            call.name += name
        if self._backend is not None and isinstance(delta.get("extra_content"), dict):
            # Gemini's signature of a call, on Google's OpenAI-compatible endpoint. Source: Google's guide to thought
            # signatures.
            call.opaque = {self._backend: {"extra_content": delta["extra_content"]}}
        if fragment:
            call.fragments.append(fragment)
            call.whole.add(fragment)
        if call.name and (fragment or (call.sent and call.opaque)):
            yield self._send(call, fragment)

    def end(self) -> Iterator[ToolDelta]:
        """Yield the call that is still held back."""
        yield from self._flush()

    @property
    def nameless(self) -> bool:
        """Whether a call never got a name."""
        return any(not call.name for call in self._calls)

    def _find(self, delta: dict[str, Any], name: str) -> _Call:
        vendor_id, index = delta.get("id"), delta.get("index")
        if not isinstance(vendor_id, str):
            vendor_id = ""
        if not isinstance(index, int):
            index = None
        if vendor_id:
            known = self._current.get(index) if index is not None else self._by_id.get(vendor_id)
            if known is not None and known.vendor_id == vendor_id:
                return known
            if known is not None and known.synthetic and not known.sent:
                known.synthetic = False
                self._name(known, vendor_id)
                return known
            return self._new(index, vendor_id)
        known = self._current.get(index) if index is not None else self._last
        if known is None or (name and known.name and known.whole.of(known.fragments)):
            return self._new(index, "")
        return known

    def _new(self, index: int | None, vendor_id: str) -> _Call:
        call = _Call(len(self._calls), vendor_id)
        self._calls.append(call)
        if vendor_id:
            self._name(call, vendor_id)
        if index is not None:
            self._current[index] = call
        return call

    def _name(self, call: _Call, wanted: str) -> None:
        """Give a call an id that no other has."""
        unique, number = wanted, self._next.get(wanted, 2)
        while unique in self._by_id:
            unique, number = f"{wanted}_{number}", number + 1
        self._next[wanted] = number
        self._by_id[unique] = call
        call.vendor_id = unique

    def _flush(self) -> Iterator[ToolDelta]:
        """Yield the call that deltas were of last, if it is held back; no other can have got a name since."""
        call = self._last
        if call is not None and not call.sent and call.name:
            yield self._send(call, "")

    def _send(self, call: _Call, fragment: str) -> ToolDelta:
        if not call.vendor_id:
            self._name(call, self._made_id(call.number))
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
