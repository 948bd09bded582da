"""Every recorded model list goes through a refresh, twice: what the vendor says is there, and nothing changes again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from recorded_traffic.asking import KEY
from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.replay import ReplayTransport, replies
from recorded_traffic.routes import DIFFERENCES, ROUTES

import backbay
from backbay import Provider
from backbay.testing import ScriptedServer

catalogue = pytest.importorskip("backbay_catalogue", reason="backbay-catalogue is not installed")
raw = pytest.importorskip("backbay_catalogue.raw")

LISTS = [
    each
    for each in exchanges()
    if each.kind == "models" and (each.vendor, each.api) in ROUTES and each.id not in DIFFERENCES
]


@pytest.fixture(params=LISTS, ids=str)
def exchange(request: pytest.FixtureRequest) -> Exchange:
    return request.param


def test_a_recorded_list_is_refreshed_over_a_socket_and_changes_nothing_again(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = ROUTES[exchange.vendor, exchange.api]
    monkeypatch.setenv("RECORDED_API_KEY", KEY)
    fields = {"name": "mine", "backend_name": route.backend, "wire": route.wire}
    with catalogue.Catalogue(str(tmp_path / "catalogue.db")) as opened:
        with ScriptedServer(replies(exchange, None)) as server:
            fields |= {"base_url": server.url, "config": {**route.config, "retries": 0}}
            opened.add(Provider(**fields, credential="env:RECORDED_API_KEY"))
            first = opened.refresh("mine")
        found = {each.handle: each for each in opened.search(catalogue.Query(limit=None))}
        listed = asyncio.run(_listed(Provider(**fields), exchange))
        assert set(found) == {each.id for each in listed}
        assert first.listed == first.added == len(found)
        # Of several entries of one name, as Mistral has them, the first counts.
        for each in {each.id: each for each in reversed(listed)}.values():
            row = found[each.id]
            assert each.context_window in (None, row.context_window)
            assert row.display_name
            assert all(price is None or 0 <= price <= 1000 for price in (row.input_price, row.output_price))
        again = opened.write("mine", listed)
        assert (again.added, again.changed, again.missing) == (0, 0, 0)


async def _listed(provider: Provider, exchange: Exchange) -> list[backbay.ModelInfo]:
    transport = ReplayTransport(exchange, None)
    async with provider.backend(api_key=KEY, base_url="http://127.0.0.1:9", transport=transport) as backend:
        return list(await backend.list_models())


def test_prices_and_capabilities_are_read_where_vendors_say_them(corpus: Path) -> None:
    assert corpus.is_dir()
    said = {}
    for exchange in LISTS:
        route = ROUTES[exchange.vendor, exchange.api]
        provider = Provider(name="mine", backend_name=route.backend, wire=route.wire, config=route.config)
        for each in asyncio.run(_listed(provider, exchange)):
            for name, value in raw.read(each.raw).items():
                if value is not None:
                    said.setdefault(name, set()).add(exchange.vendor)
    assert {"openrouter", "venice", "perplexity"} <= said["input_price"] & said["output_price"]
    assert {"openrouter", "venice", "mistral", "copilot"} <= said["capabilities.tools"]
    assert {"openrouter", "venice", "anthropic", "huggingface"} <= said["capabilities.image_input"]
    assert {"venice", "google", "copilot"} <= said["model_use"]
