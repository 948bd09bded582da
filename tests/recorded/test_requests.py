"""Recorded requests, built again from our types, are the same JSON, but for differences with a reason."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.encoding import differences, encoded
from recorded_traffic.requests import Call, Reader, reader_of
from recorded_traffic.routes import ROUTES
from recorded_traffic.unlike import UNLIKE

from backbay import BackbayError, resolve


def _readable() -> Iterator[Exchange]:
    """Yield the exchanges whose request is a call of ours, on a wire that has a reader."""
    for exchange in exchanges():
        route, body = ROUTES.get((exchange.vendor, exchange.api)), exchange.request.get("json")
        if route is None or exchange.kind not in ("chat", "error") or "messages" not in (body or ()):
            continue
        if reader_of(route.wire or resolve(route.backend).wires[0]) is not None and _call(exchange) is not None:
            yield exchange


def _reader(exchange: Exchange) -> Reader:
    route = ROUTES[exchange.vendor, exchange.api]
    found = reader_of(route.wire or resolve(route.backend).wires[0])
    assert found is not None
    return found


def _call(exchange: Exchange) -> Call | None:
    route = ROUTES[exchange.vendor, exchange.api]
    return _reader(exchange).read(exchange.request["json"], route.backend)


def _differences(exchange: Exchange) -> list[str]:
    route, call = ROUTES[exchange.vendor, exchange.api], _call(exchange)
    assert call is not None
    try:
        _, body = asyncio.run(encoded(exchange, route, call))
    except BackbayError as error:
        return [str(error)]
    return list(differences(_reader(exchange), exchange.request["json"], body))


READABLE = list(_readable())


@pytest.mark.parametrize("exchange", READABLE, ids=str)
def test_a_recorded_request_is_built_again_from_our_types(exchange: Exchange) -> None:
    unexplained = [
        difference
        for difference in _differences(exchange)
        if not any(kind.explains(exchange.id, difference) for kind in UNLIKE)
    ]
    assert not unexplained


@pytest.mark.parametrize("kind", UNLIKE, ids=lambda kind: kind.exchanges)
def test_every_kind_of_difference_is_there(kind, corpus) -> None:
    named = [exchange for exchange in READABLE if re.fullmatch(kind.exchanges, exchange.id)]
    about = [exchange for exchange in named if any(kind.explains(exchange.id, one) for one in _differences(exchange))]
    assert about, f"nothing differs so any more: {kind.why}"


def test_there_are_requests_of_many_vendors(corpus) -> None:
    assert len(READABLE) > 400
    assert len({exchange.vendor for exchange in READABLE}) > 25
