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

from collections.abc import Mapping, Sequence

from ..errors import DecodeError
from ..http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from ..http.errorbody import error_facts
from ..request import Request
from ..response import Embeddings, ModelInfo, Ranking
from ..spec import BackendSpec
from . import lists
from .chat_body import OWNED, body_of
from .chat_chunks import ChunkReader, whole_to_chunk
from .quirks import Quirks, checked
from .reading import excerpt, load_object
from .streaming import AnswerDecoder, decode_stream, is_stream, with_partial
from .writing import refuse_owned, to_bytes

__all__ = ["ChunkReader", "OpenAIChat", "body_of"]


QUIRKS: Quirks = {
    "max_tokens_field": ("max_tokens", "max_completion_tokens"),
    "strict_schema": (False, True),
    "stream_usage": (True, False),
    "thinking_field": (None, str),
    "tool_call_id": (True, False),
}


class OpenAIChat(Codec):
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        self._native = spec.native
        self._embeddings_path = spec.embeddings_path or "embeddings"
        self._rerank_path = spec.rerank_path or "rerank"
        self._quirks = checked(QUIRKS, quirks, backend=spec.name, wire="openai_chat")

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions``."""
        return HTTPRequest("POST", "chat/completions", to_bytes(body_of(request, self._quirks, stream=stream)))

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_stream(body):
            return decode_stream(self.decoder(), body)
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

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one stream of server-sent events."""
        return AnswerDecoder(ChunkReader(), self.decode)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return error_facts(body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ``GET models`` body."""
        return lists.read_models(body, native=self._native)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST for embeddings of ``inputs``, as floats."""
        refuse_owned(extra, ("model", "input", "encoding_format"))
        body = {"model": model, "input": list(inputs), "encoding_format": "float", **extra}
        return HTTPRequest("POST", self._embeddings_path, to_bytes(body))

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an embeddings body."""
        return lists.read_embeddings(body, count)

    def encode_rerank(
        self, model: str, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> HTTPRequest:
        """Return the POST that ranks, in the form that Cohere began and most servers of this wire have."""
        refuse_owned(extra, ("model", "query", "documents", "top_n"))
        limit = {} if top_n is None else {"top_n": top_n}
        body = {"model": model, "query": query, "documents": list(documents), **limit, **extra}
        return HTTPRequest("POST", self._rerank_path, to_bytes(body))

    def decode_rerank(self, body: bytes, count: int) -> Ranking:
        """Return the ranking in a rerank body."""
        return lists.read_ranking(body, count)


OWNED_FIELDS = OWNED
"""Body fields that Backbay writes, which ``extra`` may not name."""
