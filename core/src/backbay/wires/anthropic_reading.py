"""Pieces of the messages wire's answers: a block that has begun, usage, and a whole answer as its events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..errors import BackbayError
from ..events import UsageSeen
from ..http.errorbody import facts_of
from ..http.statuses import response_error
from ..response import Finish, Usage

FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.CONTENT_FILTER,
}
"""Finish reasons by the vendor's word; any other, such as ``pause_turn``, is ``OTHER``."""


class Block:
    """A block that has begun.

    Attributes:
        index: Its number in the answer.
        start: What it was when it began.
        kind: Its type, as the vendor names it.
        pieces: Pieces of JSON text of its input.
        signature: What the vendor signed it with; ``""`` for nothing.
        citations: What its text cites, as the vendor has it.
        characters: How many characters of text have come.
    """

    __slots__ = ("characters", "citations", "index", "kind", "pieces", "signature", "start")

    def __init__(self, index: int, start: dict[str, Any]) -> None:
        self.index = index
        self.start = start
        self.kind = start.get("type")
        self.pieces: list[str] = []
        self.signature = ""
        self.citations: list[Any] = []
        self.characters = 0


class UsageSoFar:
    """The vendor's counts in a stream: those of its end stand over those of its beginning, field by field."""

    def __init__(self) -> None:
        self._counts: dict[str, Any] = {}

    def add(self, usage: object) -> list[UsageSeen]:
        """Take a usage object, or what is none; return the counts so far if they are others now."""
        if not isinstance(usage, dict):
            return []
        known = self._counts
        self._counts = known | {key: value for key, value in usage.items() if value is not None or key not in known}
        counted = None if self._counts == known else usage_of(self._counts)
        return [] if counted is None else [UsageSeen(counted)]


def failure_of(event: dict[str, Any]) -> BackbayError:
    """Return what an ``error`` event means; the vendor's request id may stand in it."""
    body = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
    request_id = word(event.get("request_id"))
    headers = {} if request_id is None else {"request-id": request_id}
    return response_error(200, headers, body, facts_of(event, in_band=True), redact=str)


def usage_of(value: dict[str, Any]) -> Usage | None:
    """Return the vendor's usage object as ``Usage``; ``None`` if it has no count.

    The vendor's ``input_tokens`` are those that neither came from a cache nor went into one; ours are all of them.
    """
    fresh, output = _count(value.get("input_tokens")), _count(value.get("output_tokens"))
    read, written = _count(value.get("cache_read_input_tokens")), _count(value.get("cache_creation_input_tokens"))
    details = value.get("output_tokens_details")
    thinking = _count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    if all(count is None for count in (fresh, output, read, written, thinking)):
        return None
    total = None if fresh is None else fresh + (read or 0) + (written or 0)
    return Usage(total, output, read, written, thinking, value)


def events_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a whole answer as the events that would carry it."""
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(listed(message.get("content"))):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": message}
    yield {"type": "message_stop"}


def number(index: object) -> int:
    """Return a block's number; 0 for one that has none."""
    return index if isinstance(index, int) else 0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def listed(value: object) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def word(value: object) -> str | None:
    """Return a string that says something, or ``None``."""
    return value if isinstance(value, str) and value else None
