"""The wires that several vendors speak. Pure: no I/O, and no vendor's name.

A wire is found by name, so that a spec can be data.
"""

from __future__ import annotations

WIRES = {
    "openai_chat": "backbay.wires.openai_chat:OpenAIChat",
}
"""Import paths of the codec classes, by wire name."""
