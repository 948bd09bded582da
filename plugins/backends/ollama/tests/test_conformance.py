"""backbay-ollama keeps the contract, on each of its wires."""

from __future__ import annotations

from backbay_ollama.conformance import ChatConformance, Conformance, MessagesConformance, ResponsesConformance


class TestConformance(Conformance):
    """Every law, on Ollama's own wire."""


class TestOpenAIChat(ChatConformance):
    """Every law, on the chat-completions wire."""


class TestOpenAIResponses(ResponsesConformance):
    """Every law, on the responses wire."""


class TestAnthropicMessages(MessagesConformance):
    """Every law, on the messages wire."""
