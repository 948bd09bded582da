"""The chat-completions wire: OpenAI's ``/chat/completions`` and the many servers that speak the same.

Source: the OpenAI API reference, and recorded traffic of OpenAI and llama.cpp.

Quirks, for ``BackendSpec.quirks``:
    max_tokens_field: ``"max_tokens"`` (default) or ``"max_completion_tokens"``.
    strict_schema: Make JSON Schemas fit OpenAI's strict mode and ask for it; default false.
    stream_usage: Ask for usage in streams; default true.
    thinking_field: The field in which an assistant's thinking is sent back, or ``None`` (default) to leave it out.
    tool_call_id: Whether a tool's turn must say which call it answers; default true.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from ..errors import BackbayError, ConfigurationError, DecodeError, OptionConflictError, TooLargeError, TruncatedError
from ..events import Event
from ..folding import fold
from ..http.codec import Decoded, ErrorFacts, HTTPRequest
from ..http.errorbody import error_facts
from ..http.sse import SSEDecoder
from ..request import Request
from ..response import Embeddings, ModelInfo
from ..spec import BackendSpec
from . import lists
from .chat_body import OWNED, body_of, to_bytes
from .chat_chunks import ChunkReader, whole_to_chunk
from .reading import excerpt, load_chunk, load_object, looks_like

__all__ = ["ChatDecoder", "ChunkReader", "OpenAIChat", "body_of"]

MAX_BODY = 64 * 2**20
"""Bytes of a body that came where a stream was asked for; a longer one is a ``TooLargeError``."""

QUIRKS = {
    "max_tokens_field": ("max_tokens", "max_completion_tokens"),
    "strict_schema": (False, True),
    "stream_usage": (True, False),
    "thinking_field": (None, str),
    "tool_call_id": (True, False),
}


class OpenAIChat:
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        self._native = spec.native
        self._embeddings_path = spec.embeddings_path or "embeddings"
        self._quirks = {name: values[0] for name, values in QUIRKS.items()}
        for name, value in quirks.items():
            self._quirks[name] = _checked(name, value, spec.name)

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions``."""
        return HTTPRequest("POST", "chat/completions", to_bytes(body_of(request, self._quirks, stream=stream)))

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if body.lstrip()[:64].startswith((b"data:", b"event:", b":")):
            return self._decode_stream(body)
        raw = load_object(body, "a chat completion")
        reader = ChunkReader()
        events = list(reader.read(whole_to_chunk(raw)))
        if reader.failure is not None:
            raise _with_partial(reader.failure, events)
        if not isinstance(raw.get("choices"), list) or not raw["choices"]:
            raise DecodeError("The answer has no choices.", body=excerpt(body))
        events += reader.end()
        if reader.failure is not None:
            raise _with_partial(reader.failure, events)
        return Decoded(events, raw)

    def _decode_stream(self, body: bytes) -> Decoded:
        decoder = self.decoder()
        events = [*decoder.feed(body), *decoder.finish()]
        if decoder.failure is not None:
            raise _with_partial(decoder.failure, events)
        return Decoded(events)

    def decoder(self) -> ChatDecoder:
        """Return a decoder for one stream of server-sent events."""
        return ChatDecoder(self)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return error_facts(body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ``GET models`` body."""
        return lists.read_models(body, native=self._native)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST for embeddings of ``inputs``, as floats."""
        taken = sorted({"model", "input", "encoding_format"} & set(extra))
        if taken:
            raise OptionConflictError(f"extra names fields that Backbay writes: {', '.join(taken)}.")
        body = {"model": model, "input": list(inputs), "encoding_format": "float", **extra}
        return HTTPRequest("POST", self._embeddings_path, to_bytes(body))

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an embeddings body."""
        return lists.read_embeddings(body, count)


class ChatDecoder:
    """Decodes one streamed answer, and one JSON body in its place."""

    def __init__(self, codec: OpenAIChat) -> None:
        self.failure: BackbayError | None = None
        self._codec = codec
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
            events = self._codec.decode(body).events
        except BackbayError as error:
            self.failure = error
            return ()
        self._done = True
        return events


def _with_partial(error: BackbayError, events: Sequence[Event]) -> BackbayError:
    if events:
        error.partial = fold(events)
    return error


def _checked(name: str, value: object, backend: str) -> object:
    if name not in QUIRKS:
        near = difflib.get_close_matches(name, QUIRKS, n=1)
        raise ConfigurationError(
            f"{backend}: the openai_chat wire has no setting {name!r}.",
            hint=f"Did you mean {near[0]}?" if near else f"There are {', '.join(QUIRKS)}.",
        )
    choices = QUIRKS[name]
    if not any(isinstance(value, c) if isinstance(c, type) else value is c or value == c for c in choices):
        listed = ", ".join(repr(c) if not isinstance(c, type) else f"a {c.__name__}" for c in choices)
        raise ConfigurationError(f"{backend}: {name} is {value!r}; it may be {listed}.")
    return value


OWNED_FIELDS = OWNED
"""Body fields that Backbay writes, which ``extra`` may not name."""
