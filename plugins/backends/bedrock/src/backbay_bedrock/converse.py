"""The Converse wire: ``POST model/{id}/converse`` and ``converse-stream``, with what all of Bedrock's calls share.

Source: Bedrock's API reference, and recorded traffic.

Quirks, for ``BackendSpec.quirks``:
    thinking: How a model is asked to think whose id does not say (an inference profile's ARN): one of
        ``thinking.FORMS``; ``None`` (default) goes by the id.
    embedding_form: The form of embedding calls: ``"titan"``, ``"cohere"``, or ``None`` (default) by the model's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backbay.errors import DecodeError
from backbay.http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from backbay.http.statuses import response_error
from backbay.jsonbytes import JSONBody
from backbay.request import Request
from backbay.response import Embeddings, ModelInfo
from backbay.spec import BackendSpec
from backbay.wires.quirks import Quirks, checked
from backbay.wires.reading import excerpt, load_object
from backbay.wires.streaming import AnswerDecoder, decode_stream, with_partial
from backbay.wires.writing import to_bytes

from . import embeddings
from .body import body_of, count_of
from .errors import facts_of_error
from .eventstream import is_event_stream
from .frames import EventStreamFrames, converse_text
from .models import path_of, read_models
from .reader import ConverseReader
from .reading import count_of as tokens_of
from .reading import events_of
from .thinking import FORMS

QUIRKS: Quirks = {"thinking": (None, *FORMS), "embedding_form": (None, *embeddings.FORMS)}


class Converse(Codec):
    """The codec of this wire."""

    # AWS's clients take what they are given; a list of types is for services that can choose.
    headers: Mapping[str, str] = {"accept": "*/*"}

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        self._name = spec.name
        self._native = spec.native
        found = checked(QUIRKS, quirks, backend=spec.name, wire="bedrock_converse")
        self._thinking = None if found["thinking"] is None else str(found["thinking"])
        self._form = None if found["embedding_form"] is None else str(found["embedding_form"])

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST that asks for an answer."""
        body = body_of(request, name=self._name, thinking=self._thinking)
        return HTTPRequest("POST", path_of(request.model, "converse-stream" if stream else "converse"), to_bytes(body))

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST of a caller's own body; the model, and whether to stream, stand in the path."""
        return HTTPRequest(
            "POST", path_of(model, "converse-stream" if stream else "converse"), body.without("model").data
        )

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_event_stream(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "an answer of Converse")
        output = raw.get("output")
        message = output.get("message") if isinstance(output, dict) else None
        if not isinstance(message, dict) or not isinstance(message.get("content"), list):
            facts = facts_of_error({}, body)
            if output is None and facts.message:
                raise response_error(200, {}, body, facts, redact=str)
            raise DecodeError("The answer has no content.", body=excerpt(body))
        reader = ConverseReader(self._name)
        events = [event for chunk in events_of(raw) for event in reader.read(chunk)]
        events += reader.end()
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        return Decoded(events, raw)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one event stream."""
        return AnswerDecoder(ConverseReader(self._name), self.decode, EventStreamFrames(converse_text))

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return facts_of_error(headers, body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ListFoundationModels body."""
        return read_models(body, native=self._native)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST to InvokeModel for embeddings of ``inputs``."""
        return embeddings.encode(model, inputs, extra, self._form)

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an embeddings body."""
        return embeddings.decode(body, count)

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST to CountTokens."""
        body = count_of(request, name=self._name, thinking=self._thinking)
        return HTTPRequest("POST", path_of(request.model, "count-tokens"), to_bytes(body))

    def decode_count(self, body: bytes) -> int:
        """Return the number of tokens."""
        return read_count(body)


def read_count(body: bytes) -> int:
    """Return the number of tokens in a CountTokens body.

    Raises:
        DecodeError: There is none.
    """
    count = tokens_of(load_object(body, "a count of tokens").get("inputTokens"))
    if count is None:
        raise DecodeError("Expected a count of tokens, and something else came.", body=excerpt(body))
    return count
