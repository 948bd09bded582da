"""What the two SDKs, which are made by one generator, have in common."""

from __future__ import annotations

from typing import Any

import httpx2

from .face import Settings


def settings_of(settings: Settings, http_client: Any) -> dict[str, Any]:
    """Return the arguments that both SDKs take for these settings; what is not set stays as they have it.

    Args:
        settings: The settings.
        http_client: The SDK's own class of an HTTP client with its defaults.
    """
    found: dict[str, Any] = {"api_key": settings.key}
    if settings.seconds is not None:
        found["timeout"] = settings.seconds
    if settings.retries is not None:
        found["max_retries"] = settings.retries
    options: dict[str, Any] = {}
    if settings.body is not None:
        options["transport"] = httpx2.MockTransport(_always(settings.body))
    if settings.pool is not None:
        options["limits"] = httpx2.Limits(max_connections=settings.pool, max_keepalive_connections=settings.pool)
    if options:
        found["http_client"] = http_client(**options)
    return found


def _always(body: bytes) -> Any:
    def handle(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return handle
