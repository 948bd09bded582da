"""Streams of the Gemini wire: server-sent events, or one JSON array whose elements come one after another.

Source: recorded traffic; the array is what ``streamGenerateContent`` gives without ``alt=sse``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from backbay.errors import BackbayError, DecodeError, TooLargeError
from backbay.events import Event
from backbay.http.codec import MAX_BODY, Decoded
from backbay.wires.reading import looks_like
from backbay.wires.streaming import AnswerDecoder, AnswerReader

_TELLING = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')
_BETWEEN = re.compile(rb"[ \t\r\n,\xef\xbb\xbf]*")


class ArrayFrames:
    """Cuts a JSON array into its elements, at any split of the bytes and in linear time.

    Elements are objects. What comes after the array's end is ignored; so is an element that the end of the body cuts.

    Args:
        max_bytes: The most bytes of one element.
    """

    __slots__ = ("_closed", "_depth", "_element", "_escaped", "_failure", "_limit", "_opened", "_string")

    def __init__(self, max_bytes: int = MAX_BODY) -> None:
        self._limit = max_bytes
        self._failure: BackbayError | None = None
        self._element = bytearray()
        self._opened = False
        self._closed = False
        self._depth = 0
        self._string = False
        self._escaped = False

    def feed(self, data: bytes) -> Sequence[bytes]:
        """Take more bytes; return the elements that are complete now.

        Raises:
            DecodeError: Something that is no object stands in the array.
            TooLargeError: An element is longer than ``max_bytes``. If whole elements came before it in ``data``, they
                are returned, and the next call raises; so it is with ``DecodeError``.
        """
        found: list[bytes] = []
        position = 0
        while position < len(data) and self._failure is None:
            position = self._inside(data, position, found) if self._depth else self._between(data, position)
        if self._failure is not None:
            self._element.clear()
            if not found:
                raise self._failure
        return found

    def finish(self) -> Sequence[bytes]:
        """Take the end of the body; there is nothing left to return."""
        if self._failure is not None:
            raise self._failure
        return ()

    def _between(self, data: bytes, position: int) -> int:
        """Read what stands outside of elements, up to where the next begins; return the position after it."""
        skipped = _BETWEEN.match(data, position)
        start = skipped.end() if skipped else position
        mark = data[start : start + 1]
        if self._closed or not mark:
            return len(data)
        if mark == b"{" and self._opened:
            self._depth = 1
            self._element += b"{"
        elif mark == b"[":
            # Once more in the middle where an error comes, which Google puts into a list of its own.
            self._opened = True
        elif mark == b"]":
            self._closed = True
        else:
            # One byte of it and no more, which is the same one at any split.
            self._failure = DecodeError(f"The stream is a JSON array, and {mark!r} stands where an object should.")
        return start + 1

    def _inside(self, data: bytes, position: int, found: list[bytes]) -> int:
        """Read an element up to its end, or to that of ``data``; return the position after it."""
        start = position
        while position < len(data):
            if self._escaped:
                self._escaped = False
                position += 1
                continue
            match = (_IN_STRING if self._string else _TELLING).search(data, position)
            if match is None:
                break
            position = match.end()
            if self._weigh(match[0]):
                if self._take(data[start:position]):
                    found.append(bytes(self._element))
                self._element.clear()
                return position
        self._take(data[start:])
        return len(data)

    def _take(self, data: bytes) -> bool:
        """Take more of an element; say whether it is still within its bounds."""
        self._element += data
        if len(self._element) <= self._limit:
            return True
        self._failure = TooLargeError(f"An element of the stream is larger than {self._limit} bytes.")
        return False

    def _weigh(self, mark: bytes) -> bool:
        """Take a telling character; say whether it ends the element."""
        if mark == b"\\":
            self._escaped = True
        elif mark == b'"':
            self._string = not self._string
        elif mark in (b"{", b"["):
            self._depth += 1
        else:
            self._depth -= 1
        return self._depth == 0


class GeminiDecoder:
    """Decodes one streamed answer in either form; the first byte that is no white space says which it is.

    Args:
        reader: The reader of one answer.
        decode: The codec's ``decode``, for a server that does not stream although it was asked to.
    """

    def __init__(self, reader: AnswerReader, decode: Callable[[bytes], Decoded]) -> None:
        self._reader = reader
        self._decode = decode
        self._head = bytearray()
        self._chosen: AnswerDecoder | None = None

    @property
    def failure(self) -> BackbayError | None:
        """What went wrong, or ``None``."""
        return None if self._chosen is None else self._chosen.failure

    @failure.setter
    def failure(self, value: BackbayError | None) -> None:
        self._choose().failure = value

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take more bytes; return the events that are complete now."""
        if self._chosen is not None:
            return self._chosen.feed(data)
        self._head += data
        if looks_like(self._head) == "nothing":
            return ()
        return self._choose().feed(bytes(self._head))

    def finish(self) -> Sequence[Event]:
        """Take the end of the body; return the last events."""
        return self._choose().finish()

    def _choose(self) -> AnswerDecoder:
        if self._chosen is None:
            if is_array(self._head):
                self._chosen = AnswerDecoder(self._reader, None, ArrayFrames())
            else:
                self._chosen = AnswerDecoder(self._reader, self._decode)
        return self._chosen


def is_array(body: bytes | bytearray) -> bool:
    """Whether a body is a JSON array, by its first byte that is no white space."""
    return body[:4096].lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"["
