"""The chat-completions wire: OpenAI's ``/chat/completions`` and the many servers that speak the same.

Source: the OpenAI API reference, and recorded traffic of OpenAI and some thirty others.

Quirks, for ``BackendSpec.quirks``. Each is recorded at the vendors named, or else in their reference:
    cache_marks: The field that cache marks become: ``"cache_control"`` (OpenRouter), ``"prompt_cache_breakpoint"``
        (OpenAI), or ``None`` (default), which refuses them.
    chat_path: Path of the call, relative to the base URL; default ``"chat/completions"``. Writer has ``"chat"``.
    completions_path: Path of the call that continues a text as it is, relative to the base URL; default
        ``"completions"``.
    embeddings_format: What ``encoding_format`` asks for: ``"float"`` (default), ``"base64"`` (Voyage takes no other),
        ``"base64_int8"`` (Perplexity: signed bytes, given as whole floats), or ``None`` to leave it out.
    file_urls: Whether a file may be a URL (OpenRouter); default false.
    max_tokens_field: ``"max_tokens"`` (default) or ``"max_completion_tokens"``.
    named_choice: ``"function"`` (default) names a forced tool. ``"only"`` offers that tool alone, and forces any: for a
        server that takes the name for that (llama.cpp).
    raw_schema: How a JSON Schema is asked for where a text is continued as it is: ``"response_format"`` as in chat
        (vLLM, SGLang), ``"json_schema"`` with the schema itself (llama.cpp), or ``None`` (default), which refuses it.
    reasoning: How thinking is asked for. ``"effort"`` (default): ``reasoning_effort``. ``"object"``: ``reasoning`` with
        an effort or a budget (OpenRouter, Snowflake). ``"thinking"``: ``thinking`` with a type, and an effort beside it
        (DeepSeek, Z.ai). ``"enable_thinking"``: a switch and a budget (Alibaba).
    required_choice: ``"required"`` (default) or ``"any"`` (Mistral).
    seed_field: ``"seed"`` (default) or ``"random_seed"`` (Mistral).
    strict_schema: Make JSON Schemas fit OpenAI's strict mode and ask for it; default false.
    stream_usage: Ask for usage in streams; default true.
    thinking_field: The field in which an assistant's thinking is sent back as text. ``None`` (default) sends back only
        what the vendor itself marked for it (``reasoning_details``, ``thinking_blocks``).
    thinking_parts: Whether an assistant's thinking goes back as parts of its content (Mistral); default false.
    thinking_tags: Whether ``<think>`` at the beginning of an answer's text begins thinking; default false: it is text.
    tool_call_id: Whether a tool's turn must say which call it answers; default true.
    tool_images: Whether a tool's result may have images (llama.cpp); default false.
    tool_name: Whether a tool's turn has the tool's name (Cerebras, OpenRouter, xAI take it); default false.
    top_n_field: ``"top_n"`` (default) or ``"top_k"`` (Voyage): how many results a ranking is to have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DecodeError
from ..http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from ..http.errorbody import error_facts
from ..jsonbytes import JSONBody
from ..request import Request
from ..response import Embeddings, ModelInfo, Ranking
from ..spec import BackendSpec
from . import completions, lists
from .chat_body import OWNED, body_of
from .chat_chunks import ChunkReader
from .openai_batches import OpenAIBatches
from .quirks import Quirks, checked
from .reading import excerpt, load_object
from .streaming import AnswerDecoder, decode_stream, is_stream, with_partial
from .writing import refuse_owned, to_bytes

__all__ = ["ChunkReader", "OpenAIChat", "body_of"]


QUIRKS: Quirks = {
    "cache_marks": (None, "cache_control", "prompt_cache_breakpoint"),
    "chat_path": ("chat/completions", str),
    "completions_path": ("completions", str),
    "embeddings_format": ("float", "base64", "base64_int8", None),
    "file_urls": (False, True),
    "max_tokens_field": ("max_tokens", "max_completion_tokens"),
    "named_choice": ("function", "only"),
    "raw_schema": (None, "response_format", "json_schema"),
    "reasoning": ("effort", "object", "thinking", "enable_thinking"),
    "required_choice": ("required", "any"),
    "seed_field": ("seed", "random_seed"),
    "strict_schema": (False, True),
    "stream_usage": (True, False),
    "thinking_field": (None, str),
    "thinking_parts": (False, True),
    "thinking_tags": (False, True),
    "tool_call_id": (True, False),
    "tool_images": (False, True),
    "tool_name": (False, True),
    "top_n_field": ("top_n", "top_k"),
}


class OpenAIChat(Codec):
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        self._name = spec.name
        self._native = spec.native
        self._embeddings_path = spec.embeddings_path or "embeddings"
        self._rerank_path = spec.rerank_path or "rerank"
        self._quirks = checked(QUIRKS, quirks, backend=spec.name, wire="openai_chat")

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions``."""
        body = body_of(request, self._quirks, stream=stream, backend=self._name)
        return HTTPRequest("POST", str(self._quirks["chat_path"]), to_bytes(body))

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_stream(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "a chat completion")
        reader = self._reader(whole=True)
        events = list(reader.read(_whole_to_chunk(raw)))
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        if not isinstance(raw.get("choices"), list) or not raw["choices"]:
            raise DecodeError("The answer has no choices.", body=excerpt(body), retryable=True)
        events += reader.end()
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        return Decoded(events, raw)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one stream of server-sent events."""
        return AnswerDecoder(self._reader(whole=False), self.decode)

    def _reader(self, *, whole: bool) -> ChunkReader:
        return ChunkReader(self._name, whole=whole, thinking_tags=bool(self._quirks["thinking_tags"]))

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions`` of a caller's own body."""
        return HTTPRequest("POST", str(self._quirks["chat_path"]), body.with_("model", model).data)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return error_facts(body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ``GET models`` body."""
        return lists.read_models(body, native=self._native)

    def encode_raw(self, request: Request) -> HTTPRequest:
        """Return the POST to ``completions``."""
        body = completions.body_of(request, self._quirks)
        return HTTPRequest("POST", str(self._quirks["completions_path"]), to_bytes(body))

    def decode_raw(self, body: bytes) -> Decoded:
        """Return the text of a completions body."""
        return completions.decode(body)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST for embeddings of ``inputs``."""
        refuse_owned(extra, ("model", "input", "encoding_format"))
        form = self._quirks["embeddings_format"]
        asked = {} if form is None else {"encoding_format": form}
        body = {"model": model, "input": list(inputs), **asked, **extra}
        return HTTPRequest("POST", self._embeddings_path, to_bytes(body))

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an embeddings body."""
        packed = "b" if self._quirks["embeddings_format"] == "base64_int8" else "f"
        return lists.read_embeddings(body, count, packed=packed)

    def batches(self) -> OpenAIBatches:
        """Return the batches that go with this wire."""
        return OpenAIBatches()

    def encode_rerank(
        self, model: str, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> HTTPRequest:
        """Return the POST that ranks, in the form that Cohere began and most servers of this wire have."""
        limit_field = str(self._quirks["top_n_field"])
        refuse_owned(extra, ("model", "query", "documents", limit_field))
        limit = {} if top_n is None else {limit_field: top_n}
        body = {"model": model, "query": query, "documents": list(documents), **limit, **extra}
        return HTTPRequest("POST", self._rerank_path, to_bytes(body))

    def decode_rerank(self, body: bytes, count: int) -> Ranking:
        """Return the ranking in a rerank body."""
        return lists.read_ranking(body, count)


def _whole_to_chunk(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a whole answer as the one chunk that would carry it."""
    choices = raw.get("choices")
    if not isinstance(choices, list):
        return raw
    first = [{**choice, "delta": _whole_delta(choice.get("message"))} for choice in choices if isinstance(choice, dict)]
    return {**raw, "choices": first}


def _whole_delta(message: object) -> object:
    if not isinstance(message, dict) or not isinstance(message.get("tool_calls"), list):
        return message
    # In a whole answer each entry is a call of its own, whatever index it may claim.
    calls = [{**call, "index": number} for number, call in enumerate(message["tool_calls"]) if isinstance(call, dict)]
    return {**message, "tool_calls": calls}


OWNED_FIELDS = OWNED
"""Body fields that Backbay writes, which ``extra`` may not name."""
