"""Asks a replayed vendor through the public API, and says what was wrong with the answer."""

from __future__ import annotations

from typing import Any

from backbay import BackbayError, Response, connect
from backbay.backend import Backend
from backbay.events import Event, check_events
from backbay.folding import fold

from . import facts
from .corpus import Exchange
from .replay import ReplayTransport
from .routes import Route

KEY = "recorded-key-000000"


def open_backend(route: Route, base_url: str, transport: ReplayTransport | None) -> Backend:
    """Return the backend of a route, which asks ``base_url`` or the transport."""
    config: dict[str, Any] = dict(route.config)
    return connect(
        f"{route.backend}:recorded",
        api_key=KEY,
        base_url=base_url,
        wire=route.wire,
        transport=transport,
        retries=0,
        **config,
    )


async def problems(exchange: Exchange, backend: Backend, *, stream: bool) -> list[str]:
    """Return what is different from the expected facts; an empty list if nothing is."""
    async with backend:
        try:
            return await _compare(exchange, backend, stream=stream)
        except BackbayError as error:
            if exchange.kind == "error":
                return list(facts.error_problems(exchange, error))
            if "in_stream_error" in exchange.expected:
                return list(facts.failure_problems(exchange, error))
            return [f"{type(error).__name__}: {error}"]


async def _compare(exchange: Exchange, backend: Backend, *, stream: bool) -> list[str]:
    match exchange.kind:
        case "chat":
            answer = await _streamed(backend) if stream else await backend.complete("Say pong.")
            return list(facts.chat_problems(exchange, answer))
        case "models":
            return list(facts.model_problems(exchange, list(await backend.list_models())))
        case "embeddings":
            count = exchange.expected["embeddings"]["count"]
            return list(facts.vector_problems(exchange, await backend.embed(["text"] * count)))
        case "rerank":
            texts = [f"text {number}" for number in range(1 + max(r["index"] for r in exchange.expected["rerank"]))]
            return list(facts.ranking_problems(exchange, await backend.rerank("query", texts)))
        case "count_tokens":
            counted = await backend.count_tokens("Say pong.")
            return [] if counted == exchange.expected["count"] else [f"counted {counted}"]
    await _provoke(exchange, backend, stream=stream)
    return ["no error was raised"]


async def _streamed(backend: Backend) -> Response:
    events: list[Event] = []
    async with backend.stream("Say pong.") as stream:
        async for event in stream:
            events.append(event)
        answer = stream.response
    check_events(events)
    assert fold(events) == answer
    return answer


async def _provoke(exchange: Exchange, backend: Backend, *, stream: bool) -> None:
    """Make the call that the recorded error answered."""
    if exchange.api in ("embeddings", "embed", "embedContent"):
        await backend.embed("text")
    elif exchange.api in ("models", "model_get"):
        await backend.list_models()
    elif exchange.api == "rerank":
        await backend.rerank("query", ["text"])
    elif exchange.api == "count_tokens":
        await backend.count_tokens("Say pong.")
    elif stream:
        await _streamed(backend)
    else:
        await backend.complete("Say pong.")
