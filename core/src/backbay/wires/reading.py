"""Reading bodies: what a body looks like, and JSON objects out of bytes, with errors that say what came instead."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal, NoReturn

from pydantic_core import from_json

from ..errors import DecodeError

_HUGE = re.compile(rb"[eE]\+?\d{3}|\d{309}")
# Only such a number can be more than a float holds (about 1.8e308).

_SURROGATE = re.compile("[\ud800-\udfff]")

WHITE = b" \t\r\n\xef\xbb\xbf"
"""What may stand before a body: white space, and the bytes of a byte order mark."""


def looks_like(head: bytes | bytearray) -> Literal["nothing", "json", "html", "other"]:
    """Say what a body is, by the first byte that is neither white space nor a byte order mark."""
    rest = head.lstrip(WHITE)
    if not rest:
        return "nothing"
    if rest[:1] in (b"{", b"["):
        return "json"
    return "html" if rest[:1] == b"<" else "other"


def load_object(body: bytes, what: str) -> dict[str, Any]:
    """Return ``body`` as a JSON object.

    Raises:
        DecodeError: It is none; the message says what was expected and what came.
    """
    found = load(body, what)
    if not isinstance(found, dict):
        raise DecodeError(
            f"Expected {what}, and a JSON {type(found).__name__} came.", body=excerpt(body), retryable=True
        )
    return found


def load(body: bytes, what: str) -> Any:
    """Return ``body`` decoded as JSON.

    Raises:
        DecodeError: It is not JSON; the message says what came: nothing, an HTML page, or what else.
    """
    kind = looks_like(body)
    if kind == "nothing":
        raise DecodeError(
            f"Expected {what}, and an empty body came.",
            retryable=True,
            hint="Try again; if it stays, check the base URL.",
        )
    if kind == "html":
        raise DecodeError(
            f"Expected {what}, and an HTML page came.",
            body=excerpt(body),
            retryable=True,
            hint="The base URL seems wrong: it leads to a web page, not to the API. Is its path, often /v1, right?",
        )
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        return _slowly(body, what)
    if _HUGE.search(body) and not _is_finite(found):
        raise DecodeError(f"Expected {what}, and a number in it is more than a float can hold.", body=excerpt(body))
    return found


def _slowly(body: bytes, what: str) -> Any:
    # The fast reader refuses bytes that are not UTF-8, nesting over 200 levels, and half of a surrogate pair; say which
    # it was. What a connection or a server in trouble makes of an answer is worth another try, the rest is not.
    again = False
    try:
        return _mended(json.loads(body.decode("utf-8-sig").strip(), parse_constant=_no_number))
    except UnicodeDecodeError as failure:
        problem = f"bytes that are not UTF-8 at {failure.start}"
        again = b"\x00" not in body[:4]  # UTF-16 and UTF-32 stay what they are.
    except RecursionError:
        problem = "nested too deeply"
    except json.JSONDecodeError as failure:
        problem, again = str(failure), True
    except ValueError as failure:
        problem = str(failure)
    raise DecodeError(f"Expected {what}, and what came is not JSON: {problem}.", body=excerpt(body), retryable=again)


def load_chunk(data: str | bytes) -> Any:
    """Return one chunk of a stream decoded as JSON; raises ``ValueError`` if it is none."""
    try:
        return from_json(data, allow_inf_nan=False)
    except (ValueError, TypeError):
        # The fast reader refuses half of a surrogate pair, which vendors do send; a string with one it calls no string.
        try:
            return _mended(json.loads(data, parse_constant=_no_number))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _mended(value: Any) -> Any:
    """Return a decoded value with U+FFFD for each half of a surrogate pair, which nobody could encode again."""
    if isinstance(value, str):
        if not _SURROGATE.search(value):
            return value
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return all(map(_is_finite, value.values())) if isinstance(value, dict) else True


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def excerpt(body: bytes) -> str:
    """Return the beginning of a body for people, at most 2000 characters."""
    return body[:8000].decode("utf-8", "replace")[:2000]


def whole_number(value: object) -> int | None:
    """Return a count: a number without a fraction, 0 or above; ``None`` for all else, infinity and NaN among it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def floats(values: object) -> list[float] | None:
    """Return a list of numbers as floats; ``None`` for what is none, or has a number that no float can be."""
    if not isinstance(values, list):
        return None
    if not all(isinstance(item, int | float) and not isinstance(item, bool) for item in values):
        return None
    try:
        return [float(item) for item in values]
    except OverflowError:
        return None
