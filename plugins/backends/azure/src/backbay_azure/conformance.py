"""How the conformance suite asks this backend, and Azure's paths emulated.

Source: recorded traffic of Azure. It needs the extra ``conformance``; nothing in this package imports it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar
from urllib.parse import unquote

from backbay.testing import Received, sse
from backbay_conformance import BackendConformance
from backbay_conformance.scenarios import Answer
from backbay_conformance.vendor import Asked
from backbay_conformance.vendors.openai_chat import OpenAIChatVendor

from . import spec as _spec

VERSION = "2024-10-21"
_PATH = re.compile(r".*/deployments/(?P<deployment>[^/]+)/chat/completions\?api-version=(?P<version>[0-9a-z-]+)")
_RESOURCE = {"resource": "acme"}
_SAFE = {"hate": {"filtered": False, "severity": "safe"}}
_FILTERED = [{"prompt_index": 0, "content_filter_results": _SAFE}]


class AzureChatVendor(OpenAIChatVendor):
    """Answers as Azure does: filters beside choices, and a first chunk with an empty id and none of them."""

    def whole(self, answer: Answer) -> bytes:
        """Return a ``chat.completion`` with what the filters found."""
        body = json.loads(super().whole(answer))
        body["choices"][0]["content_filter_results"] = _SAFE
        return json.dumps({**body, "prompt_filter_results": _FILTERED}, ensure_ascii=False).encode()

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the chunks of the answer after one about the prompt."""
        first = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": _FILTERED}
        return [sse(first), *super().stream(answer)]


class DeploymentVendor(AzureChatVendor):
    """Answers on the older path, which names the deployment and the version."""

    owned = "messages"

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        path = _PATH.fullmatch(request.path)
        if path is None or path["version"] != VERSION:
            raise ValueError(f"{request.path}: Resource not found")
        if "model" in request.json:
            raise ValueError("The body names a model beside the path.")
        asked = super().read(replace(request, path="/chat/completions"))
        return replace(asked, model=unquote(path["deployment"]))


class Conformance(BackendConformance):
    """Every law, for chat completions on the v1 path."""

    spec = _spec.on_wire("openai_chat")
    vendor = AzureChatVendor
    config: ClassVar = _RESOURCE


class DeploymentConformance(BackendConformance):
    """Every law, for chat completions on the older path."""

    spec = _spec.on_wire("openai_chat")
    vendor = DeploymentVendor
    config: ClassVar = {**_RESOURCE, "api_version": VERSION}


class ResponsesConformance(BackendConformance):
    """Every law, for responses."""

    spec = _spec.on_wire("openai_responses")
    # The name of the suite's model does not say that it reasons.
    config: ClassVar = {**_RESOURCE, "encrypted_reasoning": True}


class AnthropicConformance(BackendConformance):
    """Every law, for Anthropic's messages."""

    spec = _spec.on_wire("anthropic_messages")
    config: ClassVar = _RESOURCE
