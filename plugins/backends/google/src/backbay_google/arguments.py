"""Arguments of a call that come in pieces, each a value at a path such as ``$.route.stops[0]``.

Only Vertex AI streams them, where ``streamFunctionCallArguments`` asks for it. Source: the reference of PartialArg;
paths are as in RFC 9535, names and indices only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from backbay.errors import DecodeError

_STEP = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]{1,6})\]|\[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
_MOST_ITEMS = 100_000

_Holder = dict[Any, Any] | list[Any]


class PartialArguments:
    """Puts one call's arguments together.

    Args:
        call: The first ``functionCall`` of it, with its name and its id, if it has one.
        signature: The signature of that part, or ``None``.
    """

    def __init__(self, call: dict[str, Any], signature: str | None) -> None:
        self.call = call
        self.signature = signature
        given = call.get("args")
        self.arguments: dict[str, Any] = dict(given) if isinstance(given, dict) else {}

    def add(self, pieces: object) -> None:
        """Take the next pieces.

        Raises:
            DecodeError: A piece has a path that cannot be read.
        """
        for piece in pieces if isinstance(pieces, list) else ():
            if not isinstance(piece, dict):
                raise DecodeError("A piece of a tool call's arguments is no object.")
            name = next((name for name in _VALUES if name in piece), None)
            if name is not None:
                value = None if name == "nullValue" else piece[name]
                _put(self.arguments, _steps(piece.get("jsonPath")), value)


def _steps(path: object) -> Sequence[str | int]:
    steps: list[str | int] = []
    text = path if isinstance(path, str) else ""
    position = 1
    while text.startswith("$") and position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            break
        steps.append(int(match["index"]) if match["index"] else match["name"] or match["quoted"] or "")
        position = match.end()
    if not steps or position < len(text) or not isinstance(steps[0], str):
        raise DecodeError(f"A piece of a tool call's arguments stands at {text[:200]!r}, which is no path.")
    return steps


def _put(root: dict[str, Any], steps: Sequence[str | int], value: object) -> None:
    holder: _Holder = root
    for step, following in itertools.pairwise(steps):
        known = _get(holder, step)
        inner: _Holder = known if isinstance(known, dict | list) else [] if isinstance(following, int) else {}
        _set(holder, step, inner)
        holder = inner
    before = _get(holder, steps[-1])
    # A string goes on where it was; anything else comes whole.
    _set(holder, steps[-1], before + value if isinstance(before, str) and isinstance(value, str) else value)


def _get(holder: _Holder, step: str | int) -> object:
    if isinstance(holder, dict):
        return holder.get(step)
    return holder[step] if isinstance(step, int) and step < len(holder) else None


def _set(holder: _Holder, step: str | int, value: object) -> None:
    if isinstance(holder, dict):
        holder[step] = value
        return
    if not isinstance(step, int) or step > min(len(holder), _MOST_ITEMS):
        raise DecodeError("A piece of a tool call's arguments is out of its order.")
    if step == len(holder):
        holder.append(value)
    else:
        holder[step] = value
