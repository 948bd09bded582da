"""Searching, editing, aliases and prices; and names that mean harm."""

from __future__ import annotations

import pytest

import backbay
from backbay import Provider, Secret
from backbay_catalogue import Catalogue, CatalogueError, Query, Source, raw, shown

HOSTILE = [
    "plain\x1b]0;title\x07\x1b[2J",
    "<script>alert(1)</script>",
    "'; DROP TABLE backbay_models; --",
    "100%_of\\it",
    "a\u202eb\u2066c",
    "a:b/c d\ne\tf",
    "[bold]no[/bold]",
    "@@rows@@",
    "x" * 512,
]
UNKEEPABLE = ["", "x" * 513, "nul\0inside", "half\ud800"]


@pytest.fixture
def stocked(catalogue, provider, info):
    """A catalogue with models of every kind."""
    raws = {"pricing": {"prompt": "0.000001", "completion": "0.000004"}, "supported_parameters": ["tools"]}
    catalogue.write(
        "mine",
        [
            info("big", context_window=200_000, label="Big One", owned_by="Example", raw=raws),
            info("small", context_window=4_000, raw={"pricing": {"prompt": "0.0000001", "completion": "-1"}}),
            info("unknown"),
            info("vec_100%", raw={"type": "embedding"}),
        ],
    )
    return catalogue


def names(catalogue, **query):
    return [each.handle for each in catalogue.search(Query(**query))]


def test_what_is_unknown_meets_no_condition(stocked):
    assert names(stocked, min_context=1) == ["big", "small"]
    assert names(stocked, max_input_price=1.0) == ["big", "small"]
    assert names(stocked, max_input_price=0.5) == ["small"]
    assert names(stocked, max_output_price=100) == ["big"]
    assert names(stocked, model_use="embedding") == ["vec_100%"]
    assert names(stocked, min_context=10_000, max_input_price=1.0, capabilities=("tools",)) == ["big"]


def test_words_are_looked_for_and_not_patterns(stocked):
    assert names(stocked, text="ONE example") == ["big"]
    assert names(stocked, text="100%") == ["vec_100%"]
    assert names(stocked, text="_") == ["vec_100%"]
    assert names(stocked, text="%") == ["vec_100%"]
    for text in ("b_g", "' OR 1=1 --", "nothing", "zz\0yy", "\ud800xyz"):
        assert names(stocked, text=text) == []


def test_capabilities_are_those_said_of_the_model_over_those_declared(stocked):
    found = {each.handle: each for each in stocked.search()}
    assert found["big"].capabilities["tools"] == "full"
    assert found["big"].said_by("capabilities.tools") is Source.REFRESHED
    assert found["small"].capabilities["tools"] == "versioned"
    assert found["small"].said_by("capabilities.tools") is Source.DECLARED
    assert names(stocked, capabilities=("audio_input",)) == []
    stocked.edit("mine", "small", {"capabilities.audio_input": "full"}, source=Source.PROBED)
    assert names(stocked, capabilities=("audio_input",)) == ["small"]
    stocked.edit("mine", "small", {"capabilities.audio_input": None})
    assert names(stocked, capabilities=("audio_input",)) == []


def test_orders_put_the_unknown_last(stocked):
    assert names(stocked, order="context")[:2] == ["big", "small"]
    assert names(stocked, order="input-price")[:2] == ["small", "big"]
    assert names(stocked, order="name", limit=2) == ["big", "small"]


@pytest.mark.parametrize("query", [{"order": "size"}, {"capabilities": ("flying",)}, {"limit": 0}, {"text": "x" * 201}])
def test_a_query_that_cannot_be_is_refused(query):
    with pytest.raises(backbay.InvalidRequestError):
        Query(**query)


@pytest.mark.parametrize(
    "values",
    [
        {"context_window": 0},
        {"context_window": -5},
        {"context_window": "many"},
        {"context_window": True},
        {"context_window": 10**12},
        {"input_price": -1},
        {"input_price": float("nan")},
        {"input_price": float("inf")},
        {"output_price": "cheap"},
        {"display_name": ""},
        {"display_name": "a\0b"},
        {"base_url": "http://evil.example"},
        {"credential": "env:X"},
        {"capabilities.flying": "full"},
        {"capabilities.tools": "maybe"},
        {"context_window": 5, "nonsense": 1},
    ],
)
def test_values_that_cannot_be_are_refused_and_nothing_is_written(stocked, values):
    before = stocked.model("mine", "big")
    with pytest.raises(backbay.InvalidRequestError):
        stocked.edit("mine", "big", values)
    assert stocked.model("mine", "big") == before


def test_every_value_says_who_said_it_and_when(stocked):
    stocked.edit("mine", "big", {"input_price": 2}, pinned=True)
    found = stocked.model("mine", "big").provenance
    assert (found["input_price"].source, found["input_price"].pinned) == (Source.PERSON, True)
    assert (found["output_price"].source, found["output_price"].pinned) == (Source.REFRESHED, False)
    assert all(each.at.startswith("20") and each.at.endswith("Z") for each in found.values())


def test_a_model_that_is_not_there_is_a_typed_error_unless_it_is_made(stocked):
    with pytest.raises(CatalogueError) as caught:
        stocked.edit("mine", "new", {"context_window": 5})
    assert caught.value.code == "unknown_model"
    with pytest.raises(CatalogueError):
        stocked.model("mine", "new")
    assert stocked.edit("mine", "new", {"context_window": 5}, create=True).context_window == 5


@pytest.mark.parametrize("handle", HOSTILE)
def test_a_name_that_means_harm_is_kept_exactly_and_does_none(catalogue, provider, info, rows, handle):
    label = f"\x1b[31m{handle}"[:200]
    done = catalogue.write("mine", [info(handle, label=label), info("other")])
    assert (done.listed, done.left_out) == (2, 0)
    assert set(rows()) == {handle, "other"}
    assert catalogue.model("mine", handle).display_name == label
    assert handle in names(catalogue, text=handle[:20].split()[0])
    catalogue.alias("short", "mine", handle)
    assert catalogue.find("short").model == handle
    assert backbay.connect("short").model == handle


@pytest.mark.parametrize("handle", UNKEEPABLE)
def test_a_name_that_cannot_be_kept_is_left_out_and_counted(catalogue, provider, info, rows, handle):
    done = catalogue.write("mine", [info(handle), info("other", label="nul\0inside", raw={"description": "\ud800"})])
    assert (done.listed, done.left_out) == (1, 1)
    assert (rows()["other"].display_name, rows()["other"].description) == ("other", None)


def test_a_model_that_is_listed_twice_counts_once(catalogue, provider, info, rows):
    done = catalogue.write("mine", [info("m", context_window=1), info("m", context_window=2)])
    assert (done.listed, rows()["m"].context_window) == (1, 1)


def test_values_that_a_vendor_cannot_mean_are_taken_for_silence(catalogue, provider, info, rows):
    silly = {
        "pricing": {"prompt": "NaN", "completion": "1e99", "input_cache_read": "free"},
        "type": 7,
        "description": [],
    }
    silly |= {"supported_parameters": "tools", "architecture": [1], "capabilities": "all", "model_spec": None}
    catalogue.write("mine", [info("m", context_window=-3, max_output_tokens=10**30, raw=silly)])
    row = rows()["m"]
    assert (row.input_price, row.output_price, row.cached_price, row.context_window) == (None, None, None, None)
    assert (row.max_output_tokens, row.description, row.model_use) == (None, None, "chat")


def test_a_key_is_never_saved(catalogue, vendor):
    with pytest.raises(backbay.ConfigurationError, match="keeps none"):
        catalogue.add(Provider(name="mine", backend_name="acme", credential=Secret("sk-very-secret")))
    assert catalogue.providers() == []


def test_a_saved_provider_is_what_it_was(catalogue, vendor):
    full = Provider(
        name="mine",
        backend_name="acme",
        vendor="example",
        base_url=vendor.url,
        vendor_base_url="https://api.example.com/v1",
        wire="openai_chat",
        model="m",
        credential="env:MY_API_KEY",
        config={"retries": 1, "headers": {"x-team": "é"}},
        defaults={"temperature": 0.5},
        broker="desk",
    )
    catalogue.add(full)
    assert catalogue.provider("mine") == full
    assert catalogue.providers() == [full]


@pytest.mark.parametrize(
    "fields",
    [
        {"backend_name": "opnai"},
        {"name": "openai"},
        {"name": "local"},
        {"config": {"thinking_feld": 1}},
        {"defaults": {"temprature": 1}},
        {"config": {"headers": {1, 2}}},
        {"backend_name": "local", "base_url": "http://127.0.0.1:1"},
        {"wire": "carrier_pigeon"},
    ],
)
def test_a_provider_that_could_never_work_is_not_saved(catalogue, vendor, fields):
    with pytest.raises(backbay.BackbayError):
        catalogue.add(Provider(**{"name": "mine", "backend_name": "acme", **fields}))
    assert catalogue.providers() == []


def test_names_are_given_once(stocked, vendor):
    with pytest.raises(CatalogueError, match="already"):
        stocked.add(Provider(name="mine", backend_name="acme"))
    stocked.alias("fast", "mine", "big")
    stocked.alias("fast", "mine", "small")
    assert stocked.aliases() == {"fast": "mine:small"}
    for call in (
        lambda: stocked.add(Provider(name="fast", backend_name="acme")),
        lambda: stocked.alias("mine", "mine", "big"),
    ):
        with pytest.raises(CatalogueError) as caught:
            call()
        assert caught.value.code == "name_taken"
    with pytest.raises(backbay.ConfigurationError):
        stocked.alias("openai", "mine", "big")
    assert stocked.remove_alias("fast")
    assert not stocked.remove_alias("fast")


def test_replacing_a_provider_keeps_its_models_and_removing_it_keeps_nothing(stocked):
    stocked.add(Provider(name="mine", backend_name="acme", model="big"), replacing=True)
    assert stocked.count("mine") == (4, 0)
    stocked.alias("fast", "mine", "big")
    assert stocked.remove("mine") == 4
    assert (stocked.providers(), stocked.aliases(), stocked.search()) == ([], {}, [])


def test_prices_are_imported_with_their_date_where_nobody_better_said_them(catalogue, info):
    pytest.importorskip("genai_prices", reason="the extra prices is not installed")
    catalogue.add(Provider(name="mine", backend_name="manual", vendor="openai"))
    catalogue.write("mine", [info("gpt-4o"), info("gpt-4o-mini", context_window=7), info("no-such-model-anywhere")])
    catalogue.edit("mine", "gpt-4o-mini", {"input_price": 9})
    done = catalogue.import_prices()
    assert (done.known, done.changed) == (2, 2)
    assert done.as_of.startswith("20")
    full = catalogue.model("mine", "gpt-4o")
    assert full.input_price > 0
    assert full.output_price > full.input_price
    assert (full.provenance["input_price"].source, full.context_window) == (Source.IMPORTED, 128_000)
    assert done.as_of in full.provenance["input_price"].detail
    small = catalogue.model("mine", "gpt-4o-mini")
    assert (small.input_price, small.context_window) == (9, 7)
    assert catalogue.import_prices().changed == 0


def test_without_the_package_of_prices_it_is_said_how_to_get_it(catalogue, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    with pytest.raises(backbay.ConfigurationError, match=r"backbay-catalogue\[prices\]"):
        catalogue.import_prices()


def test_a_live_backend_in_this_process_is_refreshed_and_used(catalogue, rows):
    catalogue.add(Provider(name="mine", backend_name="local"))
    assert catalogue.refresh("mine").listed >= 1
    assert rows()["tiny"].context_window > 0
    with backbay.connect_sync("mine:tiny") as backend:
        assert backend.complete("Hello", max_tokens=4).text


def test_records_of_vendors_are_read_by_their_shape():
    assert raw.read({"pricing": {"input": 10, "output": 50, "cache_read": 1, "unit": "usd_per_1m_tokens"}}) == {
        "description": None,
        "model_use": None,
        "input_price": 10.0,
        "output_price": 50.0,
        "cached_price": 1.0,
    }
    read = raw.read({"capabilities": {"function_calling": True, "vision": False}, "type": "base"})
    assert (read["capabilities.tools"], read["capabilities.image_input"]) == ("full", "unsupported")
    assert raw.read({"supportedGenerationMethods": ["embedContent"]})["model_use"] == "embedding"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (2.5, "2.50"), (0.075, "0.075"), (0.00001, "1e-05"), (15.0, "15.00"), (None, None)],
)
def test_prices_are_shown_as_people_read_them(value, text):
    assert shown.dollars(value) == text


def test_a_catalogue_may_be_closed_twice(where):
    catalogue = Catalogue(where)
    catalogue.providers()
    catalogue.close()
    catalogue.close()
