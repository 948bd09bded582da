"""Emulators of the wires that core has."""

from __future__ import annotations

from ..vendor import Vendor
from .openai_chat import OpenAIChatVendor

VENDORS: dict[str, type[Vendor]] = {"openai_chat": OpenAIChatVendor}
"""Emulators by wire."""
