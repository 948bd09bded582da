"""backbay-xai keeps the contract."""

from __future__ import annotations

import backbay_xai
from backbay_conformance import BackendConformance


class TestChatCompletions(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_xai.spec


class TestResponses(BackendConformance):
    """Every law, on the responses wire."""

    spec = backbay_xai.spec.on_wire("openai_responses")
