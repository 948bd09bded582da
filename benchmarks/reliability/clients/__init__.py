"""The clients that are measured, each used as its documentation says, behind one small face."""

from __future__ import annotations

from collections.abc import Mapping

from .face import AsyncCaller, Client, NotAnAnswer, Settings, SyncCaller

__all__ = ["CLIENTS", "AsyncCaller", "Client", "NotAnAnswer", "Settings", "SyncCaller", "client"]

CLIENTS: Mapping[str, str] = {"backbay": "Backbay", "openai": "openai SDK", "anthropic": "anthropic SDK"}
"""What the page calls each, by its name."""


def client(name: str) -> Client:
    """Return a client.

    Raises:
        ImportError: Its library is not installed.
    """
    if name == "backbay":
        from .ours import Ours

        return Ours()
    if name == "openai":
        from .openai_sdk import OpenAISDK

        return OpenAISDK()
    from .anthropic_sdk import AnthropicSDK

    return AnthropicSDK()
