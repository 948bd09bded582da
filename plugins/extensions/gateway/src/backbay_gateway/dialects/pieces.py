"""Small things that the writers of streams share: server-sent events, ids, and whether a call's arguments are whole."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from .openai_json import to_json


def event(name: str, data: object) -> bytes:
    """Return a named server-sent event with JSON data.

    The JSON is ASCII: some clients take U+2028 or U+0085 for the end of a line.
    """
    return f"event: {name}\ndata: {_ascii(data)}\n\n".encode()


def made_id(prefix: str) -> str:
    """Return an id that no other has: ``prefix``, then 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def whole(fragments: Sequence[str]) -> bool:
    """Whether fragments of arguments are a whole JSON value together."""
    try:
        json.loads("".join(fragments))
    except (ValueError, RecursionError):
        return False
    return True


def _ascii(data: object) -> str:
    try:
        return json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(json.loads(to_json(data)), separators=(",", ":"))
