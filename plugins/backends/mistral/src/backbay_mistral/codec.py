"""Mistral's chat wire: chat completions, with what Mistral has otherwise.

Source: Mistral's API reference, as the types of its Python SDK have it, and recorded traffic of Mistral.

The quirks are those of ``openai_chat``, with other defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from backbay.errors import ContextLengthError, OverloadedError, ResponseError
from backbay.http.codec import ErrorFacts, HTTPRequest
from backbay.request import Request
from backbay.spec import BackendSpec
from backbay.wires.openai_chat import OpenAIChat, body_of
from backbay.wires.writing import to_bytes

from .batches import MistralBatches
from .messages import check, rewritten
from .reader import MistralReader

DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "required_choice": "any",
        "seed_field": "random_seed",
        # Usage comes unasked, and stream_options is refused (mistral and anon-kode #53).
        "stream_usage": False,
        "tool_name": True,
        # Files may be URLs; how they are written is this wire's own.
        "file_urls": True,
    }
)
"""Settings of the chat-completions wire that are otherwise here."""

# Codes of these errors are shared with others (3051 is also "Logprobs are not enabled for this model", recorded), so
# that only the words tell. Source: Mistral's page on known limitations, and continuedev/continue #6185.
_BY_WORDS: tuple[tuple[re.Pattern[str], type[ResponseError]], ...] = (
    (re.compile(r"too large for model with \d+ maximum context length"), ContextLengthError),
    (re.compile(r"Service tier capacity exceeded"), OverloadedError),
)


class MistralChat(OpenAIChat):
    """The codec of this wire. Models, embeddings and all that is not below are those of ``openai_chat``."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        super().__init__(spec, {**DEFAULTS, **quirks})

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions``."""
        check(request.messages)
        body = body_of(request, self._quirks, stream=stream, backend=self._name)
        body["messages"] = rewritten(request.messages, body["messages"], self._name)
        return HTTPRequest("POST", str(self._quirks["chat_path"]), to_bytes(body))

    def batches(self) -> MistralBatches:
        """Return the batches that go with this wire."""
        return MistralBatches()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        facts = super().error(status, headers, body)
        found = (kind for words, kind in _BY_WORDS if words.search(facts.message or ""))
        return facts if facts.kind is not None else replace(facts, kind=next(found, None))

    def _reader(self, *, whole: bool) -> MistralReader:
        return MistralReader(self._name, whole=whole)
