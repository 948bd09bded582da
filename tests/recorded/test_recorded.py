"""Every recorded exchange of every vendor, read through the public API, gives the facts that the corpus expects.

Holds A10, M4, M5, M7 to M10, M14, N3, N5, N6 and N9 on real traffic, at every size of chunk from 1 to 7 and whole.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from recorded_traffic.asking import open_backend, problems
from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.replay import ReplayTransport, replies
from recorded_traffic.routes import DIFFERENCES, LEFT_OUT, ROUTES

from backbay.testing import ScriptedServer

SIZES = (None, 1, 2, 3, 4, 5, 6, 7)
LONG = 20_000
"""Bytes of a body above which only some of the sizes are tried here; ``tox run -e recorded`` tries all."""

ROUTED = [each for each in exchanges() if (each.vendor, each.api) in ROUTES and each.id not in DIFFERENCES]


@pytest.fixture(params=ROUTED, ids=str)
def exchange(request: pytest.FixtureRequest) -> Exchange:
    return request.param


def test_an_exchange_over_a_socket_gives_its_facts(exchange: Exchange) -> None:
    route = ROUTES[exchange.vendor, exchange.api]
    with ScriptedServer(replies(exchange, None if len(exchange.body) > LONG else 1000)) as server:
        found = asyncio.run(problems(exchange, open_backend(route, server.url, None), stream=exchange.streamed))
    assert not found


def test_an_exchange_gives_its_facts_at_every_size_of_chunk(exchange: Exchange) -> None:
    route = ROUTES[exchange.vendor, exchange.api]

    async def check() -> dict[int | None, list[str]]:
        found = {}
        for size in (None, 1, 7) if len(exchange.body) > LONG else SIZES:
            backend = open_backend(route, "http://127.0.0.1:9", ReplayTransport(exchange, size))
            found[size] = await problems(exchange, backend, stream=exchange.streamed)
        return {size: said for size, said in found.items() if said}

    assert not asyncio.run(check())


def test_a_stream_that_nobody_asked_for_gives_the_same_facts(exchange: Exchange) -> None:
    """``complete`` understands a server that streams all the same, ``stream`` one that does not (law 1)."""
    if exchange.kind == "chat":
        route = ROUTES[exchange.vendor, exchange.api]
        backend = open_backend(route, "http://127.0.0.1:9", ReplayTransport(exchange, None))
        assert not asyncio.run(problems(exchange, backend, stream=not exchange.streamed))


def test_every_api_of_the_corpus_is_read_or_left_out_with_a_reason(corpus: Path) -> None:
    assert corpus.is_dir()
    pairs = {(each.vendor, each.api) for each in exchanges()}
    assert pairs == set(ROUTES) | set(LEFT_OUT)
    assert not set(ROUTES) & set(LEFT_OUT)


def test_every_difference_names_an_exchange_that_is_there(corpus: Path) -> None:
    assert corpus.is_dir()
    assert set(DIFFERENCES) <= {each.id for each in exchanges()}
