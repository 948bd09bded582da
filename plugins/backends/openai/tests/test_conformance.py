"""backbay-openai keeps the contract, on both of its wires."""

from __future__ import annotations

import backbay_openai
from backbay_conformance import BackendConformance


class TestChatCompletions(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_openai.spec


class TestResponses(BackendConformance):
    """Every law, on the responses wire."""

    spec = backbay_openai.spec.on_wire("openai_responses")
