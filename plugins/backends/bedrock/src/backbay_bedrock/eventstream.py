"""The binary event stream of AWS (``application/vnd.amazon.eventstream``): bytes to messages, at any split of them.

Source: "Event stream encoding" in AWS's developer guides (Lex, Transcribe), and recorded traffic. A message is:

    total length (4 bytes) | length of the headers (4) | CRC-32 of these eight (4)
    headers | payload | CRC-32 of all before it (4)

Numbers are big-endian. A header is the length of its name (1 byte), the name, the type of its value (1), the value.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backbay.errors import DecodeError, TooLargeError

MAX_HEADERS = 128 * 1024
"""Bytes of a message's headers; more is an error. The figure is botocore's."""

MAX_PAYLOAD = 24 * 2**20
"""Bytes of a message's payload; more is an error. The figure is botocore's."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_OVERHEAD = _PRELUDE.size + _CRC.size

_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type: true, false, byte, short, integer, long, timestamp, UUID."""

_BYTES, _STRING = 6, 7
"""Types whose value has a length (2 bytes) before it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``headers`` has those that are strings; the names of AWS's own begin with a colon."""

    headers: Mapping[str, str]
    payload: bytes


class MessageParser:
    """Cuts bytes into messages. Each byte is looked at once for its checksum, whatever the pieces in which it comes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._total = 0  # Length of the message that has begun; 0 until its prelude is there.

    @property
    def idle(self) -> bool:
        """Whether the bytes so far end with a whole message."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take more bytes; yield the messages that are complete now.

        Raises:
            DecodeError: A checksum is wrong, or lengths do not fit; nothing after it can be read.
            TooLargeError: A message is larger than ``MAX_HEADERS`` or ``MAX_PAYLOAD`` allow.
        """
        self._buffer += data
        start = 0
        try:
            while True:
                if not self._total and len(self._buffer) - start >= _PRELUDE.size:
                    self._total = _read_prelude(self._buffer, start)
                if not self._total or len(self._buffer) - start < self._total:
                    return
                end = start + self._total
                with memoryview(self._buffer) as view:
                    message = _read_message(bytes(view[start:end]))
                start, self._total = end, 0
                yield message
        finally:
            del self._buffer[:start]


def is_event_stream(body: bytes) -> bool:
    """Whether a body is an event stream, although none was asked for: by the checksum that each begins with."""
    if len(body) < _PRELUDE.size:
        return False
    return bool(zlib.crc32(body[:8]) == _PRELUDE.unpack_from(body)[2])


def _read_prelude(buffer: bytearray, start: int) -> int:
    """Return the length of the message that begins at ``start``."""
    total, headers, checksum = _PRELUDE.unpack_from(buffer, start)
    if zlib.crc32(buffer[start : start + 8]) != checksum:
        raise DecodeError(
            "The checksum of an event's beginning is wrong: what came is no event stream of AWS, or was damaged.",
            retryable=True,
        )
    if headers > MAX_HEADERS or total > MAX_PAYLOAD + headers + _OVERHEAD:
        raise TooLargeError(f"An event of {total} bytes, {headers} of them headers, is larger than is taken.")
    if total < headers + _OVERHEAD:
        raise DecodeError(f"An event of {total} bytes cannot have {headers} bytes of headers.")
    return int(total)


def _read_message(data: bytes) -> Message:
    _, headers, _ = _PRELUDE.unpack_from(data)
    (checksum,) = _CRC.unpack_from(data, len(data) - _CRC.size)
    if zlib.crc32(memoryview(data)[: -_CRC.size]) != checksum:
        raise DecodeError("The checksum of an event is wrong: it was damaged on its way.", retryable=True)
    middle = _PRELUDE.size + headers
    return Message(dict(_read_headers(data[_PRELUDE.size : middle])), data[middle : -_CRC.size])


def _read_headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the headers whose values are strings."""
    place = 0
    try:
        while place < len(data):
            name_end = place + 1 + data[place]
            name, kind = data[place + 1 : name_end].decode(), data[name_end]
            place = name_end + 1
            if kind in (_BYTES, _STRING):
                (size,) = struct.unpack_from(">H", data, place)
                place += 2
            else:
                size = _SIZES[kind]
            if place + size > len(data):
                raise IndexError("a value goes beyond the headers")
            if kind == _STRING:
                yield name, data[place : place + size].decode()
            place += size
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as failure:
        raise DecodeError(f"The headers of an event cannot be read: {failure}.") from None
