"""The wires that several vendors speak. Pure: no I/O, and no vendor's name.

A wire is found by name, so that a spec can be data.
"""

from __future__ import annotations

WIRES = {
    "anthropic_messages": "backbay.wires.anthropic_messages:AnthropicMessages",
    "openai_chat": "backbay.wires.openai_chat:OpenAIChat",
    "openai_responses": "backbay.wires.openai_responses:OpenAIResponses",
}
"""Import paths of the codec classes, by wire name."""
