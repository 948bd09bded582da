"""Both backends keep the contract on each of their wires, also where a server streams a JSON array."""

from __future__ import annotations

import backbay_google
from backbay_conformance import BackendConformance
from backbay_google.conformance import ArrayConformance, Conformance, VertexAnthropicConformance, VertexConformance


class TestGoogle(Conformance):
    """Every law, for the Gemini API."""


class TestGoogleInArrays(ArrayConformance):
    """Every law, for a server that streams a JSON array."""


class TestVertex(VertexConformance):
    """Every law, for Vertex AI."""


class TestVertexAnthropic(VertexAnthropicConformance):
    """Every law, for Anthropic's models on Vertex AI."""


class TestGoogleCompatible(BackendConformance):
    """Every law, on the chat-completions wire that Google offers beside its own."""

    spec = backbay_google.spec.on_wire("openai_chat")
