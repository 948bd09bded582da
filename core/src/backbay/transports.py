"""Which transport a backend gets: the default one, another by name, or the caller's own."""

from __future__ import annotations

import os
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, cast

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .http.transport import Transport


def chosen(value: object) -> Transport | None:
    """Return the transport that ``connect(transport=...)`` names; ``None`` for the default one.

    Args:
        value: A ``Transport``, an ``AsyncClient`` of httpx or httpx2, ``"direct"`` (the default one), ``"aiohttp"``, or
            ``None`` for what ``BACKBAY_TRANSPORT`` says, if it is set.

    Raises:
        ConfigurationError: It is none of these, or its library is not installed.
    """
    source = "transport"
    if value is None:
        source, value = "BACKBAY_TRANSPORT", os.environ.get("BACKBAY_TRANSPORT") or None
    if value is None or value == "direct":
        return None
    if iscoroutinefunction(getattr(value, "send", None)) and not hasattr(value, "build_request"):
        return cast("Transport", value)
    if value == "aiohttp":
        from .http.adapters.aiohttp import AiohttpTransport

        return AiohttpTransport()
    if hasattr(value, "build_request"):
        from .http.adapters.httpx import ClientTransport

        return ClientTransport(value)
    shown = repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
    raise ConfigurationError(
        f"{source} is {shown}; give 'direct', 'aiohttp', an httpx or httpx2 AsyncClient, or a Transport."
    )
