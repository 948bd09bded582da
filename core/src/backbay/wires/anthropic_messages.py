"""The messages wire: Anthropic's ``/messages``, and the clouds and servers that speak the same.

Source: Anthropic's API reference, and recorded traffic of Anthropic, Vertex, Azure and OpenRouter.

Quirks, for ``BackendSpec.quirks``:
    api_version: ``"2023-06-01"`` (default) or ``"2026-10-21"``, which refuses temperature, top_p and top_k. The older
        is the default because compatible servers know no other.
    auth_header: The header of the key; ``None`` (default) is ``x-api-key`` in the older version, and ``Authorization``
        in the newer, as the vendor's own clients have it. Proxies may take one of the two only.
    path: Path of a call, ``"messages"``; may hold ``{model}``.
    stream_path: Path of a streamed call, where it is another one; ``None`` (default) if not.
    count_path: Path of token counting, ``"messages/count_tokens"``.
    model_field: Whether the body names the model; default true.
    stream_field: Whether the body says that the answer is to be streamed; default true.
    body_version: What the body has as ``anthropic_version``, in place of the header; ``None`` (default) for none.
    thinking: How a model is asked to think: ``"budget"`` (default) of tokens, ``"adaptive"`` with an effort, or
        ``"both"``. An effort for a model that knows budgets only becomes one of ``anthropic_body.BUDGETS``.
    thinking_by_model: The same by model, for those whose name begins so.
    unsigned_thinking: Whether thinking is sent back that the vendor did not sign; default false.
    system_anywhere: Whether a system message may stand within the conversation; default false, and it is refused.
    schema_field: ``"output_config"`` (default), or ``"output_format"`` with the beta header that it had.
    close_schemas: Make JSON Schemas refuse further properties, as Anthropic wants it; default false.

The wire wants ``max_tokens`` with each call: a spec says it in its ``defaults``, else it is
``anthropic_body.MAX_TOKENS``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..errors import ConfigurationError, DecodeError
from ..http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from ..http.errorbody import error_facts
from ..jsonbytes import JSONBody
from ..request import Request
from ..response import ModelInfo
from ..spec import BackendSpec
from . import lists
from .anthropic_batches import AnthropicBatches
from .anthropic_body import NEWER, body_of, count_of, removed
from .anthropic_events import MessageReader
from .anthropic_reading import events_of
from .quirks import Quirks, checked
from .reading import excerpt, load_object
from .streaming import AnswerDecoder, decode_stream, is_stream, with_partial
from .writing import to_bytes

__all__ = ["NEWER", "AnthropicMessages", "MessageReader", "body_of", "events_of", "removed"]

THINKING = ("budget", "adaptive", "both")
"""How a model may be asked to think."""

QUIRKS: Quirks = {
    "api_version": ("2023-06-01", NEWER),
    "auth_header": (None, str),
    "path": ("messages", str),
    "stream_path": (None, str),
    "count_path": ("messages/count_tokens", str),
    "model_field": (True, False),
    "stream_field": (True, False),
    "body_version": (None, str),
    "thinking": THINKING,
    "thinking_by_model": (None, Mapping),
    "unsigned_thinking": (False, True),
    "system_anywhere": (False, True),
    "schema_field": ("output_config", "output_format"),
    "close_schemas": (False, True),
}

FORMAT_BETA = {"anthropic-beta": "structured-outputs-2025-11-13"}
"""The header that ``output_format`` had while it was a beta (recorded)."""


class AnthropicMessages(Codec):
    """The codec of this wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        self._native = spec.native
        self._name = spec.name
        self._quirks: dict[str, Any] = {**checked(QUIRKS, quirks, backend=spec.name, wire="anthropic_messages")}
        for form in (self._quirks["thinking_by_model"] or {}).values():
            if form not in THINKING:
                raise ConfigurationError(
                    f"{spec.name}: thinking_by_model has {form!r}; it may have {', '.join(THINKING)}.",
                    backend=spec.name,
                )
        version = self._quirks["api_version"]
        self.headers = {} if self._quirks["body_version"] is not None else {"anthropic-version": version}
        self.auth_header = self._quirks["auth_header"] or ("Authorization" if version == NEWER else "x-api-key")

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST that asks for an answer."""
        path = (self._quirks["stream_path"] if stream else None) or self._quirks["path"]
        body = body_of(request, self._quirks, name=self._name, stream=stream)
        headers = FORMAT_BETA if "output_format" in body else {}
        return HTTPRequest("POST", _filled(path, request.model), to_bytes(body), headers)

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_stream(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "a message")
        reader = MessageReader(self._name)
        if not isinstance(raw.get("content"), list):
            reader.read(raw)  # It may be an error.
            raise reader.failure or DecodeError("The answer has no content.", body=excerpt(body), retryable=True)
        events = [event for chunk in events_of(raw) for event in reader.read(chunk)]
        if reader.failure is None:
            events += reader.end()
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        return Decoded(events, raw)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one stream of server-sent events."""
        return AnswerDecoder(MessageReader(self._name), self.decode)

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST of a caller's own body; the vendor's version is added where it belongs there and is not."""
        path = (self._quirks["stream_path"] if stream else None) or self._quirks["path"]
        body = body.with_("model", model) if self._quirks["model_field"] else body.without("model")
        version = self._quirks["body_version"]
        if version is not None and "anthropic_version" not in body.members:
            body = body.with_("anthropic_version", version)
        return HTTPRequest("POST", _filled(path, model), body.data)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return error_facts(body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a ``GET models`` body, one page of it."""
        return [_with_sizes(model) for model in lists.read_models(body, native=self._native)]

    def next_page(self, body: bytes) -> str | None:
        """Return the query for the models after this page."""
        found = load_object(body, "a model list")
        last = found.get("last_id")
        return f"after_id={quote(last, safe='')}" if found.get("has_more") is True and isinstance(last, str) else None

    def batches(self) -> AnthropicBatches:
        """Return the batches that go with this wire."""
        return AnthropicBatches(self._quirks["path"])

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST that counts the tokens of a prompt; ``extra`` goes with it."""
        body = count_of(request, self._quirks, name=self._name)
        headers = FORMAT_BETA if "output_format" in body else {}
        return HTTPRequest("POST", _filled(self._quirks["count_path"], request.model), to_bytes(body), headers)

    def decode_count(self, body: bytes) -> int:
        """Return the number of tokens."""
        count = load_object(body, "a count of tokens").get("input_tokens")
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise DecodeError("Expected a count of tokens, and something else came.", body=excerpt(body))
        return count


def _filled(path: str, model: str | None) -> str:
    # Names on Vertex have an at sign, and those on Bedrock a colon; a slash must not lead elsewhere.
    return path.replace("{model}", quote(model or "", safe="@:"))


def _with_sizes(model: ModelInfo) -> ModelInfo:
    """Return ``model`` with the sizes that Anthropic's list has (recorded)."""
    window, longest = model.raw.get("max_input_tokens"), model.raw.get("max_tokens")
    return replace(
        model,
        context_window=window if isinstance(window, int) and window > 0 else model.context_window,
        max_output_tokens=longest if isinstance(longest, int) and longest > 0 else model.max_output_tokens,
    )
