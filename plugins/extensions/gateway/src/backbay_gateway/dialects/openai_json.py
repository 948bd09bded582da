"""Server-sent events and JSON texts in the form of OpenAI's API, made cheaply."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Mapping
from json.encoder import encode_basestring

LINES = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
"""Characters that some clients take for the end of a line, which JSON allows as they are."""

# Made once: json.dumps with arguments makes one a call, which costs more than a chunk does.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

_HALF = re.compile("[\ud800-\udfff]")

DONE = b"data: [DONE]\n\n"


def to_json(value: object) -> str:
    """Return a JSON text without white space. NaN and infinity, which JSON has not, become ``null``."""
    try:
        return _encode(value)
    except ValueError:
        return _encode(_finite(value))


def to_bytes(text: str) -> bytes:
    """Return a JSON text, or an event with one, as UTF-8.

    Half of a surrogate pair, which some vendors send, is written as an escape; so is what ends a line in Unicode only.
    """
    if not text.isascii():
        if "\u2028" in text or "\u2029" in text or "\x85" in text:
            text = text.translate(LINES)
        try:
            return text.encode()
        except UnicodeEncodeError:
            text = _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.encode()


def sse(value: object) -> bytes:
    """Return a JSON value as one server-sent event."""
    return to_bytes(f"data: {to_json(value)}\n\n")


def quoted(text: str) -> str:
    """Return a string as JSON, its quotes included."""
    return encode_basestring(text)


def new_id(prefix: str) -> str:
    """Return a new id that nobody can guess, as ``chatcmpl-...``."""
    return f"{prefix}{secrets.token_hex(12)}"


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
