"""backbay-alibaba keeps the contract, on each of its wires."""

from __future__ import annotations

import backbay_alibaba
from backbay_conformance import BackendConformance


class TestChatCompletions(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_alibaba.spec.on_wire("openai_chat")


class TestResponses(BackendConformance):
    """Every law, on the responses wire."""

    spec = backbay_alibaba.spec.on_wire("openai_responses")


class TestMessages(BackendConformance):
    """Every law, on the messages wire."""

    spec = backbay_alibaba.spec.on_wire("anthropic_messages")
