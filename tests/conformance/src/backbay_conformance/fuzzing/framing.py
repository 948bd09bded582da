"""How the events of a streamed body are cut apart, and how the JSON in one of them is changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

Change = Callable[[bytes], bytes]
"""What is done to the JSON of one event."""

_BLANK_LINE = re.compile(rb"(?<=\n\n)")
_LINE = re.compile(rb"(?<=\n)")


class Framing(Protocol):
    """What a mutation must know of the bytes around the JSON of an event."""

    def cut(self, body: bytes) -> Sequence[bytes]:
        """Return the events of a streamed body; joined, they are the body again."""

    def refit(self, event: bytes, change: Change) -> bytes:
        """Return an event with its JSON changed, and whatever is said of the JSON (a length, a checksum) put right."""


class TextFraming:
    """Server-sent events, lines of JSON, elements of an array, a body that is JSON: text, with JSON somewhere in it."""

    def cut(self, body: bytes) -> Sequence[bytes]:
        """Return events up to a blank line, or else lines."""
        return [part for part in (_BLANK_LINE if b"\n\n" in body else _LINE).split(body) if part]

    def refit(self, event: bytes, change: Change) -> bytes:
        """Return the event with what stands between its first and its last brace changed."""
        start, end = event.find(b"{"), event.rfind(b"}") + 1
        if start < 0 or end <= start:
            return event
        return event[:start] + change(event[start:end]) + event[end:]


TEXT = TextFraming()
"""What all framings but binary ones are."""
