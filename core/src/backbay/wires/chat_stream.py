"""Decodes a streamed answer of the chat-completions wire: bytes to server-sent events to chunks to our events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import BackbayError, DecodeError, TooLargeError, TruncatedError
from ..events import Event
from ..folding import fold
from ..http.codec import MAX_BODY, Decoded
from ..http.sse import SSEDecoder
from .chat_chunks import ChunkReader
from .reading import excerpt, load_chunk, looks_like

_SHOWN = 2000
_FIELDS = (b"data", b"event", b"id", b"retry", b":")


class ChatDecoder:
    """Decodes one streamed answer, and one JSON body in its place."""

    def __init__(self, decode: Callable[[bytes], Decoded]) -> None:
        self.failure: BackbayError | None = None
        self._decode = decode
        self._begin = b""
        self._chunks = 0
        self._sse = SSEDecoder()
        self._reader = ChunkReader()
        self._done = False
        self._head: bytearray | None = bytearray()
        self._body: bytearray | None = None

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take more bytes; return the events that are complete now."""
        if self._done or self.failure is not None:
            return ()
        if self._head is not None:
            data = self._sniff(data)
        if not self._chunks and len(self._begin) < _SHOWN:
            self._begin += data[: _SHOWN - len(self._begin)]
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_BODY:
                self._body = None
                self.failure = TooLargeError(f"The answer is no stream, and larger than {MAX_BODY} bytes.")
            return ()
        return self._read(data)

    def finish(self) -> Sequence[Event]:
        """Take the end of the body; return the last events."""
        if self._done or self.failure is not None:
            return ()
        if self._body is not None:
            return self._whole(bytes(self._body))
        events: list[Event] = []
        if self._head is not None:
            self.failure = DecodeError(
                "Expected a stream of events, and an empty body came.",
                retryable=True,
                hint="Try again; if it stays, check the base URL.",
            )
            return events
        events += self._read(None)
        if self._done or self.failure is not None:
            return events
        if self._reader.finished:
            return [*events, *self._end()]
        if not self._chunks and not self._begin.lstrip().startswith(_FIELDS):
            self.failure = DecodeError(
                "Expected a stream of events, and what came has none.", body=excerpt(self._begin), retryable=True
            )
            return events
        self.failure = TruncatedError(
            "The stream ended before the vendor said that it finished.",
            hint="What came is in error.partial. The server, or a proxy before it, cut the answer.",
            retryable=True,
        )
        return events

    def _sniff(self, data: bytes) -> bytes:
        """Find out, from the first byte that is no white space, whether this is a stream at all."""
        assert self._head is not None
        self._head += data
        kind = looks_like(self._head)
        if kind == "nothing":
            return b""
        head, self._head = bytes(self._head), None
        if kind in ("json", "html"):
            self._body = bytearray()
        return head

    def _read(self, data: bytes | None) -> list[Event]:
        """Read more bytes, or with ``None`` the end."""
        events: list[Event] = []
        try:
            for event in self._sse.finish() if data is None else self._sse.feed(data):
                events += self._take(event.data)
                if self._done or self.failure is not None:
                    break
        except BackbayError as error:
            self.failure = error
        return events

    def _take(self, data: str) -> Sequence[Event]:
        self._chunks += 1
        if data.strip() == "[DONE]":
            return self._end()
        try:
            chunk = load_chunk(data)
        except ValueError as failure:
            self.failure = DecodeError(f"A chunk of the stream is not JSON: {failure}", body=data[:2000])
            return ()
        events = self._reader.read(chunk)
        self.failure = self._reader.failure
        return events

    def _end(self) -> Sequence[Event]:
        self._done = True
        events = self._reader.end()
        self.failure = self._reader.failure
        return events

    def _whole(self, body: bytes) -> Sequence[Event]:
        try:
            events = self._decode(body).events
        except BackbayError as error:
            self.failure = error
            return ()
        self._done = True
        return events


def with_partial(error: BackbayError, events: Sequence[Event]) -> BackbayError:
    """Return ``error`` with what the events before it amount to."""
    if events:
        error.partial = fold(events)
    return error
