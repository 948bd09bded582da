"""The wire of InvokeModel: ``POST model/{id}/invoke`` and ``invoke-with-response-stream``, in each model's own form.

Anthropic's models have the messages wire, whose codec core has. Models with open weights have chat completions, Nova
has nearly what Converse has, and older models take one text (``prompts``). Requests are written by the model's id,
answers are read by their form. Source: Bedrock's user guide (Inference request parameters and response fields for
foundation models; Get validated JSON results from models), Nova's user guide (Complete request schema), and recorded
traffic.

Quirks: those of the ``anthropic_messages`` wire, and ``embedding_form`` (see ``converse``).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from backbay.errors import BackbayError, DecodeError, UnsupportedError
from backbay.events import Event
from backbay.http.codec import Decoded, ErrorFacts, HTTPRequest
from backbay.jsonbytes import JSONBody
from backbay.request import Request
from backbay.response import Embeddings, ModelInfo
from backbay.spec import BackendSpec
from backbay.wires import anthropic_body
from backbay.wires.anthropic_messages import AnthropicMessages, MessageReader
from backbay.wires.claude import THINKING
from backbay.wires.openai_chat import ChunkReader, OpenAIChat
from backbay.wires.reading import load_object
from backbay.wires.streaming import AnswerDecoder, AnswerReader, decode_stream, read_whole
from backbay.wires.writing import refuse_owned, to_bytes

from . import body as converse_body
from . import embeddings, prompts
from .converse import Converse, read_count
from .errors import facts_of_error, failure_of
from .eventstream import is_event_stream
from .frames import EventStreamFrames, invoke_text
from .models import path_of, read_models, split_id
from .reader import ConverseReader
from .texts import TextReader

VERSION = "bedrock-2023-05-31"
"""What Anthropic's models want as ``anthropic_version``."""

CHAT = frozenset("deepseek google minimax mistral moonshot moonshotai nvidia openai qwen zai".split())
"""Providers whose models take chat completions."""

_NOT_IN_BODY = ("model", "stream")


class InvokeModel(AnthropicMessages):
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        own = {"embedding_form": quirks.get("embedding_form")}
        given = {name: value for name, value in quirks.items() if name not in own}
        fixed = {"body_version": VERSION, "model_field": False, "stream_field": False, "auth_header": "Authorization"}
        super().__init__(spec, {"thinking_by_model": THINKING, "close_schemas": True, **given, **fixed})
        # "accept" is the form of the model's answer here.
        self.headers = {"accept": "application/json"}
        self._converse = Converse(spec, own)
        self._chat = OpenAIChat(spec, {})

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST that asks for an answer."""
        operation = "invoke-with-response-stream" if stream else "invoke"
        return HTTPRequest("POST", path_of(request.model, operation), to_bytes(self._body(request, stream=stream)))

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST of a caller's own body; the model, and whether to stream, stand in the path."""
        operation = "invoke-with-response-stream" if stream else "invoke"
        return HTTPRequest("POST", path_of(model, operation), body.without("model").data)

    def _body(self, request: Request, *, stream: bool) -> dict[str, Any]:
        provider, name = split_id(request.model)
        family = prompts.family_of(request.model)
        if family is not None:
            return prompts.body_of(request, family, stream=stream)
        if provider in CHAT:
            refuse_owned(request.extra, _NOT_IN_BODY)
            # The path says both, and so is the body of a stream that of a whole answer.
            found = load_object(self._chat.encode(request, stream=False).body, "a request")
            return {field: value for field, value in found.items() if field not in _NOT_IN_BODY}
        if provider == "amazon" and name.startswith("nova"):
            if request.reasoning is not None or request.response_format is not None:
                raise UnsupportedError(
                    "reasoning and response_format have no place in Nova's form of InvokeModel.",
                    hint="Connect with wire='bedrock_converse'.",
                )
            refuse_owned(request.extra, ("schemaVersion",))
            return {"schemaVersion": "messages-v1", **converse_body.body_of(request, name=self._name, thinking=None)}
        if provider not in ("", "anthropic"):
            raise UnsupportedError(
                f"This wire does not write the form of {request.model}.",
                hint="Connect with wire='bedrock_converse'.",
            )
        # Claude's own name says how it is asked to think.
        bare = request.model_copy(update={"model": name})
        return anthropic_body.body_of(bare, self._quirks, name=self._name, stream=stream)

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_event_stream(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "an answer of InvokeModel")
        if isinstance(raw.get("content"), list) or isinstance(raw.get("type"), str):
            return super().decode(body)
        if isinstance(raw.get("output"), dict):
            return self._converse.decode(body)
        if isinstance(raw.get("choices"), list) and raw["choices"]:
            return self._chat.decode(body)
        if isinstance(raw.get("message"), str) and "text" not in raw:
            return self._converse.decode(body)  # Raises, since this is an error.
        return Decoded(read_whole(TextReader(), raw), raw)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one event stream."""
        return AnswerDecoder(InvokeReader(self._name), self.decode, EventStreamFrames(invoke_text))

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return facts_of_error(headers, body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ListFoundationModels body."""
        return read_models(body, native=self._native)

    def next_page(self, body: bytes) -> str | None:
        """Return ``None``: the list has one page."""
        return None

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST for embeddings of ``inputs``."""
        return self._converse.encode_embeddings(model, inputs, extra)

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an embeddings body."""
        return embeddings.decode(body, count)

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST to CountTokens, which has the body of an answer in base64."""
        body = base64.b64encode(to_bytes(self._body(request, stream=False))).decode()
        counted = {"input": {"invokeModel": {"body": body}}}
        return HTTPRequest("POST", path_of(request.model, "count-tokens"), to_bytes(counted))

    def decode_count(self, body: bytes) -> int:
        """Return the number of tokens."""
        return read_count(body)


class InvokeReader:
    """Reads the chunks of one answer by the form of the first.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._reader: AnswerReader | None = None
        self.failure: BackbayError | None = None

    @property
    def finished(self) -> bool:
        """Whether the model said that the answer is finished."""
        return self._reader is not None and self._reader.finished

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""
        return self._reader is not None and self._reader.complete

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next chunk; return its events."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"A chunk of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        self.failure = failure_of(chunk)
        if self.failure is not None:
            return ()
        if self._reader is None:
            self._reader = self._reader_for(chunk)
        events = self._reader.read(chunk)
        self.failure = self._reader.failure
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events."""
        if self._reader is None:
            self.failure = DecodeError("The answer is empty.")
            return ()
        events = self._reader.end()
        self.failure = self._reader.failure
        return events

    def _reader_for(self, chunk: dict[str, Any]) -> AnswerReader:
        if isinstance(chunk.get("type"), str):
            return MessageReader(self._name)
        if isinstance(chunk.get("choices"), list):
            return ChunkReader(self._name)
        nova = ("messageStart", "contentBlockStart", "contentBlockDelta")
        return ConverseReader(self._name) if any(name in chunk for name in nova) else TextReader()
