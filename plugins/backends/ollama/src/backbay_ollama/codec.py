"""Ollama's own wire: ``POST /api/chat``, answered in lines of JSON; ``POST /api/generate`` continues a text.

Source: Ollama's API reference (Generate a chat message, Generate a response, Generate embeddings, List models; read in
November 2026), and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backbay.errors import DecodeError
from backbay.http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from backbay.http.errorbody import error_facts
from backbay.jsonbytes import JSONBody
from backbay.request import Request
from backbay.response import Embeddings, ModelInfo
from backbay.spec import BackendSpec
from backbay.wires.quirks import checked
from backbay.wires.reading import excerpt, load_chunk, load_object
from backbay.wires.streaming import AnswerDecoder, decode_stream, with_partial
from backbay.wires.writing import refuse_owned, to_bytes

from . import lists
from .body import body_of, raw_body_of
from .reader import LineFrames, LineReader


class OllamaChat(Codec):
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        checked({}, quirks, backend=spec.name, wire="ollama_chat")
        self._native = spec.native
        self._embeddings_path = spec.embeddings_path or "api/embed"

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``api/chat``."""
        return HTTPRequest("POST", "api/chat", to_bytes(body_of(request, stream=stream)))

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``api/chat`` of a caller's own body."""
        return HTTPRequest("POST", "api/chat", body.with_("model", model).data)

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if _is_lines(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "an answer")
        return _decoded(raw, raw, body)

    def encode_raw(self, request: Request) -> HTTPRequest:
        """Return the POST to ``api/generate`` that continues a text as it is."""
        return HTTPRequest("POST", "api/generate", to_bytes(raw_body_of(request)))

    def decode_raw(self, body: bytes) -> Decoded:
        """Return the text of an ``api/generate`` body; one that is done and has no text says nothing."""
        raw = load_object(body, "an answer")
        said = {"message": {"role": "assistant", "content": raw["response"]}} if "response" in raw else {}
        return _decoded({**raw, **said}, raw, body)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one streamed answer."""
        # A whole answer looks like the last line of a stream, and is read as one.
        return AnswerDecoder(LineReader(), None, LineFrames())

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says: ``{"error": "words"}``."""
        return error_facts(body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ``GET api/tags`` body."""
        return lists.read_models(body, native=self._native)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST to ``api/embed``."""
        refuse_owned(extra, ("model", "input"))
        return HTTPRequest("POST", self._embeddings_path, to_bytes({"model": model, "input": list(inputs), **extra}))

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an ``api/embed`` body."""
        return lists.read_embeddings(body, count)


def _decoded(line: Mapping[str, object], raw: dict[str, Any], body: bytes) -> Decoded:
    """Return the answer in one line, which is the last one too."""
    reader = LineReader()
    events = list(reader.read(line))
    if reader.failure is None and not reader.finished:
        reader.failure = DecodeError("The answer does not say that it is done.", body=excerpt(body))
    if reader.failure is None:
        events += reader.end()
    if reader.failure is not None:
        raise with_partial(reader.failure, events)
    return Decoded(events, raw)


def _is_lines(body: bytes) -> bool:
    """Whether a body has several lines of JSON, although one answer was asked for."""
    first, _, rest = body.strip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        return isinstance(load_chunk(first), dict)
    except ValueError:
        return False
