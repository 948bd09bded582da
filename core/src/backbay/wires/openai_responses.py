"""The responses wire: OpenAI's ``/responses`` and the servers that speak the same.

Source: OpenAI's API reference, and recorded traffic of OpenAI, Azure, Bedrock, ChatGPT, Copilot, DeepSeek, OpenRouter,
xAI, llama.cpp, mistral.rs and vLLM.

Answers are not kept by the vendor unless ``store`` says so: a conversation is sent whole each time, with the vendor's
own items (encrypted reasoning, what a hosted tool did) as they came, out of ``opaque``. The wire has neither stop
strings nor a seed.

Quirks, for ``BackendSpec.quirks``. Those of the chat-completions wire are taken too, since the two share embeddings and
rankings; the others of them mean nothing here.
    cache_marks: The field that cache marks become: ``"prompt_cache_breakpoint"`` (OpenAI, from gpt-5.6 on), or ``None``
        (default), which refuses them.
    encrypted_reasoning: Ask for reasoning in a form that can be sent back, of models that can reason; default false.
    reasoning_summary: The summary of its reasoning to ask for (``"auto"``, ``"concise"``, ``"detailed"``), or ``None``.
    store: Whether the vendor keeps the answer; default false, and ``None`` leaves it to the vendor.
    strict_schema: Make JSON Schemas fit OpenAI's strict mode and ask for it; default false.
    system_role: ``"system"`` (default) or ``"developer"`` for the role of system messages, or ``"instructions"`` for a
        server that takes them in a field of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..capabilities import Capability
from ..errors import DecodeError
from ..http.codec import Decoded, HTTPRequest
from ..jsonbytes import JSONBody
from ..request import Request
from ..spec import BackendSpec
from .openai_chat import QUIRKS as CHAT_QUIRKS
from .openai_chat import OpenAIChat
from .quirks import Quirks, checked
from .reading import excerpt, load_object
from .responses_body import body_of, counted_of
from .responses_events import ResponseReader
from .streaming import AnswerDecoder, decode_stream, is_stream, with_partial
from .writing import to_bytes

QUIRKS: Quirks = {
    "cache_marks": (None, "prompt_cache_breakpoint"),
    "encrypted_reasoning": (False, True),
    "reasoning_summary": (None, "auto", "concise", "detailed"),
    "store": (False, True, None),
    "strict_schema": (False, True),
    "system_role": ("system", "developer", "instructions"),
}

_UNFINISHED = ("queued", "in_progress")


class OpenAIResponses(OpenAIChat):
    """The codec of this wire. Models, embeddings, rankings and errors are those of the chat-completions wire."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        found = checked({**CHAT_QUIRKS, **QUIRKS}, quirks, backend=spec.name, wire="openai_responses")
        super().__init__(spec, {name: found[name] for name in CHAT_QUIRKS if name not in QUIRKS})
        self._spec = spec
        self._settings = {name: found[name] for name in QUIRKS}

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``responses``."""
        reasons = not self._spec.capabilities_of(request.model)[Capability.REASONING].refused
        body = body_of(request, self._settings, backend=self._spec.name, reasons=reasons, stream=stream)
        return HTTPRequest("POST", "responses", to_bytes(body))

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_stream(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "a response")
        status = raw.get("status")
        if status in _UNFINISHED:
            raise DecodeError(f"The answer is not there yet: its status is {status!r}.", body=excerpt(body))
        if not isinstance(raw.get("output"), list) and not raw.get("error"):
            raise DecodeError("The answer has no output.", body=excerpt(body), retryable=True)
        reader = self._event_reader()
        events = list(reader.read_whole(raw))
        if reader.failure is None:
            events += reader.end()
        if reader.failure is not None:
            raise with_partial(reader.failure, events)
        return Decoded(events, raw)

    def decoder(self) -> AnswerDecoder:
        """Return a decoder for one stream of server-sent events."""
        return AnswerDecoder(self._event_reader(), self.decode)

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``responses`` of a caller's own body."""
        return HTTPRequest("POST", "responses", body.with_("model", model).data)

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST to ``responses/input_tokens``. Source: OpenAI's API reference, Get input token counts."""
        reasons = not self._spec.capabilities_of(request.model)[Capability.REASONING].refused
        body = body_of(request, self._settings, backend=self._spec.name, reasons=reasons, stream=False)
        return HTTPRequest("POST", "responses/input_tokens", to_bytes({**counted_of(body), **request.extra}))

    def decode_count(self, body: bytes) -> int:
        """Return the number of tokens in the answer to that."""
        found = load_object(body, "a token count").get("input_tokens")
        if not isinstance(found, int) or isinstance(found, bool):
            raise DecodeError("Expected a token count, and something else came.", body=excerpt(body))
        return found

    def _event_reader(self) -> ResponseReader:
        return ResponseReader(self._spec.name, keep_ids=self._settings["store"] is not False)
