"""Frameworks and tools that speak to OpenAI or Anthropic do the same at the gateway, whatever is behind it."""

from __future__ import annotations

import importlib
import os

import pytest
from gateway_clients.abilities import cases

CLIENTS = {
    "langchain-openai": ("langchain_openai", "langchain_client", "LangChain"),
    "pydantic-ai, OpenAI": ("pydantic_ai", "pydantic_ai_client", "PydanticAI"),
    "pydantic-ai, Anthropic": ("pydantic_ai", "pydantic_ai_client", "PydanticAIAnthropic"),
    "llm": ("llm", "llm_client", "LLM"),
    "aider": (None, "aider_client", "Aider"),
}
# What these packages warn of, and leave open, is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("client", "ability", "place"), list(cases(*CLIENTS)))
def test_the_framework_works(at, client, ability, place):
    needed, module, name = CLIENTS[client]
    if needed is not None:
        pytest.importorskip(needed)
    elif not os.environ.get("BACKBAY_AIDER"):
        pytest.skip("BACKBAY_AIDER names no Python that has aider")
    found = getattr(importlib.import_module(f"gateway_clients.{module}"), name)
    getattr(found(at(place)), ability)()
