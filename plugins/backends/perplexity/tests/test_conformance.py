"""backbay-perplexity keeps the contract."""

from __future__ import annotations

import backbay_perplexity
from backbay_conformance import BackendConformance


class TestChatCompletions(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_perplexity.spec


class TestResponses(BackendConformance):
    """Every law, on the responses wire."""

    spec = backbay_perplexity.spec.on_wire("openai_responses")
