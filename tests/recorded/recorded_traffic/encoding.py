"""Encodes a recorded request from our types, and compares it with what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from backbay import BackbayError
from backbay.backend import Backend

from .asking import open_backend
from .corpus import Exchange
from .replay import ReplayTransport
from .requests import Call, Reader
from .routes import Route


async def encoded(exchange: Exchange, route: Route, call: Call) -> tuple[str, Mapping[str, Any]]:
    """Return the path and the body that our call sends."""
    transport = ReplayTransport(exchange, None)
    async with open_backend(route, "http://127.0.0.1:9", transport) as backend:
        try:
            await _ask(backend, call)
        except BackbayError:
            # What came back is another test's; without a request there is nothing to compare.
            if not transport.sent:
                raise
    _, url, _, body = transport.sent[0]
    return url.removeprefix("http://127.0.0.1:9"), json.loads(body)


async def _ask(backend: Backend, call: Call) -> None:
    if call.stream:
        await backend.stream(call.messages, **call.options).collect()
    else:
        await backend.complete(call.messages, **call.options)


def differences(reader: Reader, recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Yield where two bodies differ, but for spellings that mean the same."""
    yield from _differ("", reader.plain(recorded), reader.plain(ours))


def _differ(where: str, recorded: Any, ours: Any) -> Iterator[str]:
    if isinstance(recorded, Mapping) and isinstance(ours, Mapping):
        for name in sorted({*recorded, *ours}):
            if name not in ours:
                yield f"{where}/{name} is not sent: {str(recorded[name])[:100]}"
            elif name not in recorded:
                yield f"{where}/{name} is sent, and was not recorded: {str(ours[name])[:100]}"
            else:
                yield from _differ(f"{where}/{name}", recorded[name], ours[name])
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for number, (one, other) in enumerate(zip(recorded, ours, strict=True)):
            yield from _differ(f"{where}/{number}", one, other)
    elif recorded != ours:
        yield f"{where}: {str(ours)[:100]!r}, recorded {str(recorded)[:100]!r}"
