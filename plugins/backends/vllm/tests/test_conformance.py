"""backbay-vllm keeps the contract."""

from __future__ import annotations

import backbay_vllm
from backbay_conformance import BackendConformance


class TestChatCompletions(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_vllm.spec.on_wire("openai_chat")


class TestMessages(BackendConformance):
    """Every law, on the messages wire."""

    spec = backbay_vllm.spec.on_wire("anthropic_messages")
