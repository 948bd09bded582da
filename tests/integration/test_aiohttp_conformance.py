"""Every law on every wire, with aiohttp under it; the plugins' own tests try the default transport.

``tox run -e transports`` tries aiohttp with the conformance suites of all plugins.
"""

from __future__ import annotations

import pytest

import backbay_anthropic
import backbay_bedrock.conformance
import backbay_cohere.conformance
import backbay_google.conformance
import backbay_mistral.conformance
import backbay_ollama.conformance
import backbay_openai
from backbay import transports
from backbay_conformance import BackendConformance


@pytest.fixture(autouse=True)
def _aiohttp(monkeypatch):
    monkeypatch.setenv("BACKBAY_TRANSPORT", "aiohttp")
    assert type(transports.chosen(None)).__name__ == "AiohttpTransport"


class TestOpenAIChat(BackendConformance):
    spec = backbay_openai.spec


class TestOpenAIResponses(BackendConformance):
    spec = backbay_openai.spec.on_wire("openai_responses")


class TestAnthropicMessages(BackendConformance):
    spec = backbay_anthropic.spec


class TestGemini(backbay_google.conformance.Conformance):
    pass


class TestCohere(backbay_cohere.conformance.Conformance):
    pass


class TestMistral(backbay_mistral.conformance.Conformance):
    pass


class TestOllama(backbay_ollama.conformance.Conformance):
    pass


class TestBedrockConverse(backbay_bedrock.conformance.Conformance):
    pass


class TestBedrockInvoke(backbay_bedrock.conformance.InvokeConformance):
    pass
