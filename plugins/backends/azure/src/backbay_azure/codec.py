"""OpenAI's wires on Azure: on the v1 path as at OpenAI, on the older paths of a dated version.

The older paths have the deployment in them, and no model in the body: ``deployments/{deployment}/chat/completions``
and ``deployments/{deployment}/embeddings``; responses name it in the body. Source: recorded requests, OpenAI's Python
SDK for Azure, and Microsoft's page on the API version lifecycle, also for what came with which version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from backbay.http.codec import HTTPRequest
from backbay.jsonbytes import JSONBody
from backbay.request import Request
from backbay.spec import BackendSpec, match_prefix
from backbay.wires import responses_body
from backbay.wires.openai_chat import OpenAIChat, body_of
from backbay.wires.openai_responses import OpenAIResponses
from backbay.wires.quirks import checked
from backbay.wires.writing import to_bytes

_OWN = {"api_version": (None, str), "deployments": (True, False, None)}

_NEWER_FIELDS = "2024-09"
"""From this version on chat completions take ``max_completion_tokens`` and ``stream_options``."""

_REASONS = {
    "codex-mini": True,
    "gpt-4": False,
    "gpt-4o": False,
    "gpt-4.1": False,
    "gpt-5": True,
    "gpt-5-chat": False,
    **{f"gpt-5.{number}": True for number in range(1, 10)},
    "o1": True,
    "o3": True,
    "o4-mini": True,
}
"""Whether OpenAI's models reason, by the names that their deployments have unless somebody chose another."""


class AzurePaths(OpenAIChat):
    """Where the calls of OpenAI's wires go on Azure.

    Quirks, besides those of the wire:
        api_version: The dated version, which the backend adds to the query; ``None`` (default) for the v1 path.
        deployments: Whether the path of a dated version names the deployment (default). Foundry's ``/models`` does not.
    """

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        own = checked(_OWN, {k: v for k, v in quirks.items() if k in _OWN}, backend=spec.name, wire=spec.wires[0])
        super().__init__(spec, {k: v for k, v in quirks.items() if k not in _OWN})
        self._deployed = own["api_version"] is not None and own["deployments"] is not False

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST for embeddings of ``inputs``."""
        request = super().encode_embeddings(model, inputs, extra)
        return self._placed(model, request.path, json.loads(request.body))

    def _placed(self, model: str | None, path: str, body: dict[str, Any]) -> HTTPRequest:
        """Return the POST of a body, to a deployment where the path names it."""
        if self._deployed:
            path = f"deployments/{quote(model or '', safe='')}/{path}"
            body = {name: value for name, value in body.items() if name != "model"}
        return HTTPRequest("POST", path, to_bytes(body))


class AzureChat(AzurePaths):
    """Chat completions on Azure."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        version = quirks.get("api_version")
        older: Mapping[str, object] = {}
        if isinstance(version, str) and version < _NEWER_FIELDS:
            older = {"max_tokens_field": "max_tokens", "stream_usage": False}
        super().__init__(spec, {**quirks, **older})

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions``."""
        body = body_of(request, self._quirks, stream=stream, backend=self._name)
        return self._placed(request.model, str(self._quirks["chat_path"]), body)

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``chat/completions`` of a caller's own body."""
        request = super().encode_relay(model, body, stream=stream)
        if not self._deployed:
            return request
        path = f"deployments/{quote(model, safe='')}/{request.path}"
        return replace(request, path=path, body=body.without("model").data)


class AzureResponses(AzurePaths, OpenAIResponses):
    """Responses on Azure.

    Quirks, besides those of the wire:
        encrypted_reasoning: As in the wire; with ``None`` (default) only where the call asks for reasoning, or the
            model's name says that it reasons. Other models refuse to be asked.
    """

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        asked = quirks.get("encrypted_reasoning")
        self._always = asked is True
        super().__init__(spec, {**quirks, "encrypted_reasoning": True if asked is None else asked})

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``responses``."""
        named = match_prefix(_REASONS, request.model) or False
        reasons = self._always or named or request.reasoning not in (None, "none", 0)
        body = responses_body.body_of(request, self._settings, backend=self._spec.name, reasons=reasons, stream=stream)
        return HTTPRequest("POST", "responses", to_bytes(body))
