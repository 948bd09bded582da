"""Emulators of the wires that core has."""

from __future__ import annotations

from ..vendor import Vendor
from .anthropic_messages import AnthropicMessagesVendor
from .openai_chat import OpenAIChatVendor
from .openai_responses import OpenAIResponsesVendor

VENDORS: dict[str, type[Vendor]] = {
    "anthropic_messages": AnthropicMessagesVendor,
    "openai_chat": OpenAIChatVendor,
    "openai_responses": OpenAIResponsesVendor,
}
"""Emulators by wire."""
