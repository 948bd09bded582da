"""A saved provider of a server that nobody here wrote: its models are refreshed, and it is asked by its own name."""

from __future__ import annotations

import pytest
from real_servers.processes import KEY
from real_servers.servers import LLAMA, MODEL

import backbay
from backbay import Provider

catalogue = pytest.importorskip("backbay_catalogue", reason="backbay-catalogue is not installed")


@pytest.mark.skipif(not LLAMA.there(), reason="xllamacpp is not installed")
def test_llama_cpp_is_saved_refreshed_and_asked_by_name(address, tmp_path, monkeypatch):
    monkeypatch.setenv("BACKBAY_CATALOGUE", str(tmp_path / "catalogue.db"))
    monkeypatch.setenv("MY_SERVERS_KEY", KEY)
    url = f"{address(LLAMA)}/v1"
    with catalogue.Catalogue() as opened:
        opened.add(Provider(name="mine", backend_name="llamacpp", base_url=url, credential="env:MY_SERVERS_KEY"))
        assert opened.refresh("mine").added >= 1
        [model] = opened.search()
        assert model.context_window > 0
        assert model.said_by("context_window") == "refreshed"
        again = opened.refresh("mine")
        assert (again.added, again.changed, again.missing) == (0, 0, 0)
        opened.alias("fast", "mine", model.handle)
    with backbay.connect_sync("fast") as backend:
        assert backend.complete("What is the capital of France?", max_tokens=8).text
    with backbay.connect_sync(f"mine:{MODEL}") as backend:
        assert backend.complete("Hello", max_tokens=4).usage.output <= 4
