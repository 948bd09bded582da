"""Recorded streams behind a gateway: what its client gets must be what the vendor sent, byte for byte."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.replay import replies
from recorded_traffic.routes import ROUTES

from backbay.registry import resolve
from backbay.testing import Received, Reply, ScriptedServer

from .inside import Inside, inside

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
}
"""Where a client of a wire asks the gateway."""


def wire_of(exchange: Exchange) -> str:
    """Return the wire of an exchange that has a route."""
    route = ROUTES[exchange.vendor, exchange.api]
    return route.wire or resolve(route.backend).wires[0]


def streams() -> list[Exchange]:
    """Return the recorded streamed answers of the wires that clients of the gateway speak."""
    found = []
    for each in exchanges():
        answers = each.kind == "chat" or (each.kind == "error" and "in_stream_error" in each.expected)
        routed = (each.vendor, each.api) in ROUTES and each.framing == "sse" and each.status < 300
        if answers and routed and wire_of(each) in PATHS:
            found.append(each)
    return found


class Relayed:
    """A gateway before every backend that a recorded stream is read by; one server replays whichever is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now: tuple[Exchange, int | None]
        self.got: list[Received] = []
        self.gateway: Inside

    @contextlib.contextmanager
    def running(self) -> Iterator[Relayed]:
        """Give itself while all runs."""
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(ScriptedServer(self._reply))
            tables = {
                "keys": {"database": f"sqlite:///{self._folder / 'keys.sqlite'}"},
                "routing": {"retries": 0, "health_interval": 3600, "breaker_failures": 10000},
                "logging": {"requests": False, "level": "error"},
                "upstreams": [self._table(name, server.url) for name in sorted({_label(each) for each in streams()})],
            }
            self.gateway = stack.enter_context(inside(tables))
            yield self

    def _table(self, name: str, url: str) -> dict[str, Any]:
        exchange = next(each for each in streams() if _label(each) == name)
        route = ROUTES[exchange.vendor, exchange.api]
        own = {"wire": wire_of(exchange), "base_url": url, "key_env": "RECORDED_API_KEY"}
        return {"vendor": route.backend, "name": name, "options": dict(route.config), **own}

    def _reply(self, request: Received) -> Reply:
        if request.method == "POST":  # else it is a probe
            self.got.append(request)
        return replies(*self._now)[0]

    def ask(self, exchange: Exchange, size: int | None) -> tuple[int, bytes, bool]:
        """Ask for a recorded stream as its own client did; return the status, the bytes, and whether they ended well.

        Args:
            exchange: What was recorded.
            size: Bytes of each piece in which the vendor sends it; ``None`` for one piece.
        """
        self._now = (exchange, size)
        self.got.clear()
        body = dict(_asked(exchange)) | {"model": f"{_label(exchange)}:{_model(exchange)}", "stream": True}
        wire = wire_of(exchange)
        head = {"content-type": "application/json", "authorization": f"Bearer {self.gateway.key}"}
        head |= {"anthropic-version": "2023-06-01"} if wire == "anthropic_messages" else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            connection.request("POST", PATHS[wire], data, head)
            answer = connection.getresponse()
            try:
                return answer.status, answer.read(), True
            except http.client.IncompleteRead as cut:
                return answer.status, cut.partial, False
        finally:
            connection.close()


def _label(exchange: Exchange) -> str:
    return f"{exchange.vendor}.{exchange.api}"


def _asked(exchange: Exchange) -> dict[str, Any]:
    """Return what its own client asked; of some, the answer alone was recorded."""
    found = exchange.request.get("json")
    return found if isinstance(found, dict) else {"messages": [{"role": "user", "content": "Hi"}]}


def _model(exchange: Exchange) -> str:
    named = _asked(exchange).get("model")
    return named if isinstance(named, str) and named else "recorded"
