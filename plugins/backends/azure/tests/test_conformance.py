"""backbay-azure keeps the contract on each of its wires, and on the older path."""

from __future__ import annotations

from backbay_azure.conformance import (
    AnthropicConformance,
    Conformance,
    DeploymentConformance,
    ResponsesConformance,
)


class TestChatCompletions(Conformance):
    """Every law, on the v1 path."""


class TestDeployments(DeploymentConformance):
    """Every law, on the older path."""


class TestResponses(ResponsesConformance):
    """Every law, on the responses wire."""


class TestMessages(AnthropicConformance):
    """Every law, for Anthropic's models."""
