"""The official Python SDKs do at the gateway what they do at the vendor, whatever is behind it."""

from __future__ import annotations

import pytest
from gateway_clients.abilities import cases
from gateway_clients.anthropic_python import AnthropicMessages
from gateway_clients.openai_python import OpenAIChat, OpenAIResponses

CLIENTS = {
    "openai (Python), chat": OpenAIChat,
    "openai (Python), responses": OpenAIResponses,
    "anthropic (Python)": AnthropicMessages,
}


@pytest.mark.parametrize(("client", "ability", "place"), list(cases(*CLIENTS)))
def test_the_sdk_works(at, client, ability, place):
    sdk = CLIENTS[client](at(place))
    try:
        getattr(sdk, ability)()
    finally:
        sdk.close()
