"""Event streams written, for the emulator and for tests; nothing that talks to Bedrock needs it.

Source: "Event stream encoding" in AWS's developer guides (Lex, Transcribe), and recorded traffic.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def event_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of an event stream. All headers are strings, type 7."""
    written = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", len(written) + len(payload) + 16, len(written))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + written + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(name: str, value: Mapping[str, Any]) -> bytes:
    """Return an event, with the padding that Bedrock adds to hide how long an answer's words are."""
    padded = {**value, "p": "abcdefghijklmnopqrstuvwxyz"[: 3 + len(name) % 20]}
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return event_message(headers, json.dumps(padded, ensure_ascii=False).encode())


def exception(name: str, message: str) -> bytes:
    """Return an exception within a stream."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return event_message(headers, json.dumps({"message": message}, ensure_ascii=False).encode())


class EventStreamFraming:
    """How a fuzzer takes an event stream apart, and puts a changed payload back with its lengths and checksums."""

    def cut(self, body: bytes) -> Sequence[bytes]:
        """Return the messages of a stream, as their lengths say; what is left over is the last."""
        found, start = [], 0
        while len(body) - start >= 4:
            size = struct.unpack_from(">I", body, start)[0]
            if not 16 <= size <= len(body) - start:
                break
            found.append(body[start : start + size])
            start += size
        return [*found, body[start:]] if start < len(body) else found

    def refit(self, event: bytes, change: Callable[[bytes], bytes]) -> bytes:
        """Return a message with its payload changed; what is no whole message stays as it is."""
        if len(event) < 16:
            return event
        total, headers, _ = struct.unpack_from(">III", event)
        if total != len(event) or headers + 16 > total:
            return event
        payload = change(event[12 + headers : -4])
        prelude = struct.pack(">II", headers + len(payload) + 16, headers)
        message = prelude + struct.pack(">I", zlib.crc32(prelude)) + event[12 : 12 + headers] + payload
        return message + struct.pack(">I", zlib.crc32(message))
