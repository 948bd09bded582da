"""What Bedrock needs beside a codec: the host that lists models, and models that embed one text a call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backbay.attempt import Call
from backbay.http.codec import HTTPRequest
from backbay.http.driver import HTTPBackend
from backbay.http.transport import TransportResponse
from backbay.response import Embeddings

from . import embeddings

_RUNTIME = re.compile(r"(https?://)bedrock-runtime((?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws))")


class BedrockBackend(HTTPBackend):
    """An HTTP backend whose model list is on another host than its models."""

    async def _exchange(self, request: HTTPRequest) -> TransportResponse:
        if request.method != "GET":
            return await super()._exchange(request)
        # A list of models, or a probe, which gets the same.
        view = self._view()
        view.base_url = control_address(self.base_url)
        return await super(BedrockBackend, view)._exchange(request)

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        told = self.settings.config.get("embedding_form")
        model = call.model
        if model is None or len(inputs) == 1 or embeddings.form_of(model, str(told) if told else None) != "titan":
            return await super()._vectors(call, inputs, extra)
        one = super()._vectors
        return embeddings.joined([await one(call, [text], extra) for text in inputs])


def control_address(url: str) -> str:
    """Return the address of Bedrock's control plane beside that of its runtime; any other address as it is."""
    found = _RUNTIME.match(url)
    return f"{found[1]}bedrock{found[2]}" if found else url
