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

from ..errors import ConfigurationError, DecodeError, OptionConflictError
from ..http.codec import Decoded, ErrorFacts, HTTPRequest
from ..http.errorbody import error_facts
from ..request import Request
from ..response import Embeddings, ModelInfo
from ..spec import BackendSpec
from . import lists
from .chat_body import OWNED, body_of, to_bytes
from .chat_chunks import ChunkReader, whole_to_chunk
from .chat_stream import ChatDecoder, with_partial
from .reading import excerpt, load_object

__all__ = ["ChatDecoder", "ChunkReader", "OpenAIChat", "body_of"]


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
            raise with_partial(reader.failure, events)
        if not isinstance(raw.get("choices"), list) or not raw["choices"]:
            raise DecodeError("The answer has no choices.", body=excerpt(body))
        events += reader.end()
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        return Decoded(events, raw)

    def _decode_stream(self, body: bytes) -> Decoded:
        decoder = self.decoder()
        events = [*decoder.feed(body), *decoder.finish()]
        if decoder.failure is not None:
            raise with_partial(decoder.failure, events)
        return Decoded(events)

    def decoder(self) -> ChatDecoder:
        """Return a decoder for one stream of server-sent events."""
        return ChatDecoder(self.decode)

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
