"""Replays an exchange: over a loopback socket, or as a transport that gives chunks of exactly one size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from backbay.testing import Reply

from .corpus import Exchange

# What a transport of ours takes off, or writes itself.
_FRAMING = frozenset("content-length transfer-encoding connection content-encoding keep-alive".split())
_TYPES = {
    "sse": "text/event-stream",
    "ndjson": "application/x-ndjson",
    "eventstream": "application/vnd.amazon.eventstream",
    "text": "text/plain",
}


def pieces(body: bytes, size: int | None) -> list[bytes]:
    """Cut ``body`` into pieces of ``size`` bytes; ``None`` leaves it whole."""
    return [body] if size is None else [body[start : start + size] for start in range(0, len(body), size)]


def headers_of(exchange: Exchange) -> dict[str, str]:
    """Return the recorded headers that are no framing."""
    kept = {name: value for name, value in exchange.headers.items() if name not in _FRAMING and value.isascii()}
    return {"content-type": _TYPES.get(exchange.framing, "application/json"), **kept}


EMPTY_PAGE = b'{"data": [], "models": []}'
"""What a model list gives for the page after the recorded one."""


def replies(exchange: Exchange, size: int | None) -> list[Reply]:
    """Return the recorded response as a scripted server's reply, and for a model list an empty page after it."""
    recorded = Reply(status=exchange.status, headers=headers_of(exchange), steps=pieces(exchange.body, size))
    if exchange.kind != "models":
        return [recorded]
    return [recorded, Reply(headers={"content-type": "application/json"}, steps=[EMPTY_PAGE])]


class ReplayTransport:
    """A transport that gives the recorded response in chunks of exactly ``size`` bytes, whatever is asked."""

    def __init__(self, exchange: Exchange, size: int | None) -> None:
        self.exchange = exchange
        self.size = size
        self.sent: list[tuple[str, str, Mapping[str, str], bytes]] = []

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> _Response:
        """Note the request; return the recorded response."""
        self.sent.append((method, url, dict(headers), body))
        if self.exchange.kind == "models" and len(self.sent) > 1:
            return _Response(self.exchange, self.size, EMPTY_PAGE)
        return _Response(self.exchange, self.size)

    async def aclose(self) -> None:
        """Let go of nothing, since there is nothing."""
        self.sent = list(self.sent)


class _Response:
    def __init__(self, exchange: Exchange, size: int | None, body: bytes | None = None) -> None:
        self.status = exchange.status
        self.headers: Mapping[str, str] = headers_of(exchange)
        self._pieces = pieces(exchange.body if body is None else body, size)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self._pieces = []
