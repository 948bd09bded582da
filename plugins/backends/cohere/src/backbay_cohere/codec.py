"""Cohere's wire: ``POST /v2/chat``, answered in server-sent events or in one object.

Source: Cohere's API reference (Chat, Chat with streaming, Embed, Rerank, Tokenize, List models), and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backbay.http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from backbay.jsonbytes import JSONBody
from backbay.request import Request
from backbay.response import Embeddings, ModelInfo, Ranking
from backbay.spec import BackendSpec
from backbay.wires.quirks import checked
from backbay.wires.reading import load_object
from backbay.wires.streaming import AnswerDecoder, decode_stream, is_stream, with_partial
from backbay.wires.writing import refuse_owned, to_bytes

from . import errors, lists, tokens
from .body import body_of
from .reader import EventReader
from .whole import events_of

INPUT_TYPE = "search_document"
"""What texts are embedded for where ``extra`` does not say: Cohere wants to be told."""


class CohereV2(Codec):
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        checked({}, quirks, backend=spec.name, wire="cohere_v2")
        self._name = spec.name
        self._embeddings_path = spec.embeddings_path or "embed"
        self._rerank_path = spec.rerank_path or "rerank"

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat``."""
        return HTTPRequest("POST", "chat", to_bytes(body_of(request, stream=stream, name=self._name)))

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat`` of a caller's own body."""
        return HTTPRequest("POST", "chat", body.with_("model", model).data)

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_stream(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "an answer")
        reader = EventReader(self._name)
        events = [event for chunk in events_of(raw) for event in reader.read(chunk)]
        if reader.failure is None:
            events += reader.end()
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        return Decoded(events, raw)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one streamed answer."""
        return AnswerDecoder(EventReader(self._name), self.decode)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return errors.facts(status, body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ``GET v1/models`` body, or of one model's."""
        return lists.read_models(body)

    def next_page(self, body: bytes) -> str | None:
        """Return the query of the list's next page."""
        return lists.next_page(body)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST to ``embed``; ``extra`` may say another ``input_type``, or other ``embedding_types``."""
        refuse_owned(extra, ("model", "texts"))
        body = {"model": model, "texts": list(inputs), "input_type": INPUT_TYPE, "embedding_types": ["float"], **extra}
        return HTTPRequest("POST", self._embeddings_path, to_bytes(body))

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an ``embed`` body."""
        return lists.read_embeddings(body, count)

    def encode_rerank(
        self, model: str, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> HTTPRequest:
        """Return the POST to ``rerank``."""
        refuse_owned(extra, ("model", "query", "documents", "top_n"))
        limit = {} if top_n is None else {"top_n": top_n}
        body = {"model": model, "query": query, "documents": list(documents), **limit, **extra}
        return HTTPRequest("POST", self._rerank_path, to_bytes(body))

    def decode_rerank(self, body: bytes, count: int) -> Ranking:
        """Return the ranking of a ``rerank`` body."""
        return lists.read_ranking(body, count)

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST to ``v1/tokenize``."""
        return HTTPRequest("POST", "../v1/tokenize", to_bytes(tokens.body_of(request)))

    def decode_count(self, body: bytes) -> int:
        """Return how many tokens a ``tokenize`` body has."""
        return tokens.read_count(body)
