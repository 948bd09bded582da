"""Puts one exchange before an SDK and before Backbay: the same bytes, from the same loopback server."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from types import ModuleType

from recorded_traffic.asking import open_backend
from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.replay import replies
from recorded_traffic.routes import ROUTES, Route

from backbay import BackbayError
from backbay.backend import Backend
from backbay.testing import ScriptedServer

from . import anthropic_sdk, boto_sdk, cohere_sdk, google_sdk, groq_sdk, mistral_sdk, ollama_sdk, openai_sdk
from .facts import Difference, Facts, chat_facts, differences, embedding_facts, error_facts, model_facts, ranking_facts

SDKS: Sequence[ModuleType] = (
    openai_sdk,
    anthropic_sdk,
    google_sdk,
    mistral_sdk,
    cohere_sdk,
    ollama_sdk,
    groq_sdk,
    boto_sdk,
)
"""Each has NAME, reads(exchange), read(exchange, root) and error(exception)."""


@dataclass(frozen=True)
class Finding:
    """What an SDK and Backbay made of one exchange.

    Attributes:
        exchange: The exchange.
        sdk: The SDK's distribution.
        differences: Where the two differ; nothing, if they are of one mind.
    """

    exchange: Exchange
    sdk: str
    differences: tuple[Difference, ...]

    @property
    def pair(self) -> str:
        """The vendor and the API, as ``"openai/chat"``."""
        return f"{self.exchange.vendor}/{self.exchange.api}"


def versions() -> dict[str, str]:
    """Return the version of each SDK that is installed here."""
    return {sdk.NAME: version(sdk.NAME) for sdk in SDKS}


def cases() -> Iterator[tuple[ModuleType, Exchange, Route]]:
    """Yield what can be compared: an SDK, an exchange that it reads, and the route by which Backbay reads it."""
    for exchange in exchanges():
        route = ROUTES.get((exchange.vendor, exchange.api))
        if route is not None:
            yield from ((sdk, exchange, route) for sdk in SDKS if sdk.reads(exchange))


@cache
def findings() -> tuple[Finding, ...]:
    """Compare everything that can be compared."""
    return tuple(compare(*case) for case in cases())


def compare(sdk: ModuleType, exchange: Exchange, route: Route) -> Finding:
    """Return where an SDK and Backbay differ about an exchange."""
    return Finding(exchange, sdk.NAME, tuple(differences(exchange.id, sdk.NAME, *readings(sdk, exchange, route))))


def readings(sdk: ModuleType, exchange: Exchange, route: Route) -> tuple[Facts, Facts]:
    """Return what Backbay and what an SDK makes of an exchange, each from a server of its own."""
    with ScriptedServer(replies(exchange, None)) as server:
        theirs = ask_sdk(sdk, exchange, server.url.removesuffix("/v1"))
    with ScriptedServer(replies(exchange, None)) as server:
        ours = asyncio.run(ask_backbay(exchange, open_backend(route, server.url, None)))
    return ours, theirs


def ask_sdk(sdk: ModuleType, exchange: Exchange, root: str) -> Facts:
    """Return what an SDK makes of an exchange; ``failed`` if it raises what is no error of its API."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an SDK warns of what it does not know; that is not what is asked here
        try:
            found: Facts = sdk.read(exchange, root)
        except Exception as raised:
            known: Facts | None = sdk.error(raised)
            return {"failed": f"{type(raised).__name__}: {raised}"} if known is None else known
        return found


async def ask_backbay(exchange: Exchange, backend: Backend) -> Facts:
    """Return what Backbay makes of an exchange."""
    async with backend:
        try:
            return await _read(exchange, backend)
        except BackbayError as error:
            return error_facts(error)


async def _read(exchange: Exchange, backend: Backend) -> Facts:
    api = exchange.api
    if exchange.kind == "embeddings" or api in ("embeddings", "embed", "embedContent"):
        count = exchange.expected.get("embeddings", {}).get("count", 1)
        return embedding_facts(await backend.embed(["text"] * count))
    if exchange.kind == "models" or api == "models":
        return model_facts(await backend.list_models())
    if api == "rerank":
        return ranking_facts(await backend.rerank("query", ["text"] * 9))
    if api == "count_tokens":
        return {"count": await backend.count_tokens("Say pong.")}
    if exchange.streamed:
        return chat_facts(await backend.stream("Say pong.").collect())
    return chat_facts(await backend.complete("Say pong."))
