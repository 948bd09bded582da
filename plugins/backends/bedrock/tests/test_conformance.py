"""Bedrock keeps the contract on each of its wires."""

from __future__ import annotations

from backbay_bedrock.conformance import ChatConformance, Conformance, InvokeConformance, ResponsesConformance


class TestConverse(Conformance):
    """Every law, for Converse."""


class TestInvoke(InvokeConformance):
    """Every law, for Anthropic's models by InvokeModel."""


class TestChat(ChatConformance):
    """Every law, for chat completions."""


class TestResponses(ResponsesConformance):
    """Every law, for responses."""
