"""Decodes streamed answers: bytes to frames (server-sent events, lines of JSON) to a wire's reader to our events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..errors import BackbayError, DecodeError, TooLargeError, TruncatedError
from ..events import Event
from ..folding import fold
from ..http.codec import MAX_BODY, Decoded, StreamDecoder
from ..http.sse import SSEDecoder
from .reading import WHITE, excerpt, load_chunk, load_object, looks_like

_SHOWN = 2000
MAX_BLANK = 2**20
"""Bytes of white space before an answer, at most."""

_DONE = 32
"""Characters of the word that ends a stream, with white space around it, at most."""

_FIELDS = (b"data", b"event", b"id", b"retry", b":")


class AnswerReader(Protocol):
    """What a wire writes: turns the JSON objects of one answer into events, in their order.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
    """

    failure: BackbayError | None

    @property
    def finished(self) -> bool:
        """Whether the vendor said that the answer is finished: then the end of the body, or ``[DONE]``, is its end."""

    @property
    def complete(self) -> bool:
        """Whether nothing can follow; the decoder then does not wait for the end of the body."""

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next JSON value; return its events."""

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""


class Frames(Protocol):
    """What cuts bytes into frames, each with a JSON text."""

    def feed(self, data: bytes) -> Sequence[str | bytes]:
        """Take more bytes; return the texts that are complete now."""

    def finish(self) -> Sequence[str | bytes]:
        """Take the end of the body; return the last texts."""


class SSEFrames:
    """The data of server-sent events. Names of events are left out: vendors forget them, and the JSON says the same."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()

    def feed(self, data: bytes) -> Sequence[str]:
        """Take more bytes; return the data of the events that are complete now."""
        return [event.data for event in self._sse.feed(data)]

    def finish(self) -> Sequence[str]:
        """Take the end of the body; return the data of the last event."""
        return [event.data for event in self._sse.finish()]


class AnswerDecoder:
    """Decodes one streamed answer, and one JSON body in its place.

    Args:
        reader: The wire's reader, new for each answer.
        decode: The codec's ``decode``, for a server that does not stream although it was asked to; ``None`` where one
            JSON object may be the beginning of a stream.
        frames: What cuts the bytes; ``None`` for server-sent events.
    """

    def __init__(
        self, reader: AnswerReader, decode: Callable[[bytes], Decoded] | None, frames: Frames | None = None
    ) -> None:
        self.failure: BackbayError | None = None
        self._decode = decode
        self._begin = b""
        self._chunks = 0
        self._sse = frames is None
        self._frames: Frames = SSEFrames() if frames is None else frames
        self._reader = reader
        self._done = False
        self._head: bytearray | None = bytearray()
        self._blank = 0
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
        if not self._chunks and not (self._sse and self._begin.lstrip().startswith(_FIELDS)):
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
            self._blank += len(self._head)  # Keep-alive of some gateways; but not without end.
            self._head.clear()
            if self._blank > MAX_BLANK:
                self.failure = TooLargeError(f"The answer begins with more than {MAX_BLANK} bytes of white space.")
            return b""
        # All of it goes, and not only what came in reads of its own: any split gives the same.
        head, self._head = bytes(self._head).lstrip(WHITE), None
        if kind == "html" or (kind == "json" and self._decode is not None):
            self._body = bytearray()
        return head

    def _read(self, data: bytes | None) -> list[Event]:
        """Read more bytes, or with ``None`` the end."""
        events: list[Event] = []
        try:
            for text in self._frames.finish() if data is None else self._frames.feed(data):
                events += self._take(text)
                if self._done or self.failure is not None:
                    break
        except BackbayError as error:
            self.failure = error
        return events

    def _take(self, data: str | bytes) -> Sequence[Event]:
        self._chunks += 1
        if len(data) < _DONE and isinstance(data, str) and data.strip() == "[DONE]":
            if self._chunks > 1:
                return self._end()
            self.failure = DecodeError("The stream has an end, and no answer before it.", retryable=True)
            return ()
        try:
            chunk = load_chunk(data)
        except ValueError as failure:
            text = data if isinstance(data, str) else data.decode("utf-8", "replace")
            self.failure = DecodeError(f"A chunk of the stream is not JSON: {failure}", body=text[:2000])
            return ()
        events = self._reader.read(chunk)
        self.failure = self._reader.failure
        if self.failure is None and self._reader.complete:
            return [*events, *self._end()]
        return events

    def _end(self) -> Sequence[Event]:
        self._done = True
        events = self._reader.end()
        self.failure = self._reader.failure
        return events

    def _whole(self, body: bytes) -> Sequence[Event]:
        try:
            if self._decode is None:
                load_object(body, "a stream of events")  # Raises, since this is a page and no JSON.
                return ()
            events = self._decode(body).events
        except BackbayError as error:
            self.failure = error
            return ()
        self._done = True
        return events


def is_stream(body: bytes) -> bool:
    """Whether a body is server-sent events, although none were asked for."""
    return body.lstrip()[:64].startswith((b"data:", b"event:", b":"))


def decode_stream(decoder: StreamDecoder, body: bytes) -> Decoded:
    """Return the answer in a body that holds a whole stream; raises what the stream fails with."""
    events = [*decoder.feed(body), *decoder.finish()]
    if decoder.failure is not None:
        raise with_partial(decoder.failure, events)
    return Decoded(events)


def read_whole(reader: AnswerReader, chunk: object) -> Sequence[Event]:
    """Return the events of an answer that is one chunk; raises what the reader fails with."""
    events = list(reader.read(chunk))
    if reader.failure is None:
        events += reader.end()
    if reader.failure is not None:
        raise with_partial(reader.failure, events)
    return events


def with_partial(error: BackbayError, events: Sequence[Event]) -> BackbayError:
    """Return ``error`` with what the events before it amount to."""
    if events:
        error.partial = fold(events)
    return error
