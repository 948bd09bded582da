"""backbay-openai-compatible keeps the contract, on each wire."""

from __future__ import annotations

from backbay_conformance import BackendConformance
from backbay_openai_compatible import spec as chat_spec
from backbay_openai_compatible.declaration import messages_spec, responses_spec


class TestChat(BackendConformance):
    """Every law, on the wire that most servers speak."""

    spec = chat_spec


class TestResponses(BackendConformance):
    """Every law, on OpenAI's newer wire."""

    spec = responses_spec


class TestMessages(BackendConformance):
    """Every law, on Anthropic's wire."""

    spec = messages_spec
