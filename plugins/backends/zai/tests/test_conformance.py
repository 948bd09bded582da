"""backbay-zai keeps the contract."""

from __future__ import annotations

import backbay_zai
from backbay_conformance import BackendConformance


class TestChatCompletions(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_zai.spec.on_wire("openai_chat")


class TestMessages(BackendConformance):
    """Every law, on the messages wire."""

    spec = backbay_zai.spec.on_wire("anthropic_messages")
