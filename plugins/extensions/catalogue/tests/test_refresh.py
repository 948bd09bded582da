"""What a refresh does to what is there: nothing that a person wrote is lost, and nothing is ever half written."""

from __future__ import annotations

import itertools
import threading

import pytest

import backbay
from backbay import InferenceModelSpec, Provider
from backbay_catalogue import Catalogue, CatalogueError, Query, Source, listing


def test_a_first_refresh_makes_a_row_of_each_model(catalogue, provider, vendor, rows):
    vendor.models = [{"id": "m", "context_length": 8192, "owned_by": "acme"}, {"id": "n", "name": "Model N"}]
    done = catalogue.refresh("mine")
    assert (done.listed, done.added, done.changed, done.missing) == (2, 2, 0, 0)
    found = rows()
    assert (found["m"].display_name, found["m"].model_use, found["m"].context_window) == ("m", "chat", 8192)
    assert (found["m"].said_by("display_name"), found["m"].said_by("context_window")) == ("assumed", "refreshed")
    assert (found["n"].display_name, found["n"].context_window, found["n"].said_by("context_window")) == (
        "Model N",
        None,
        None,
    )


def test_what_the_vendor_leaves_out_takes_the_place_of_nothing_a2(catalogue, provider, vendor, rows):
    catalogue.refresh("mine")
    mine = {"display_name": "My own", "model_use": "embedding", "context_window": 4096}
    catalogue.edit("mine", "m", mine)
    assert catalogue.refresh("mine").changed == 0
    row = rows()["m"]
    assert {name: getattr(row, name) for name in mine} == mine
    assert {row.said_by(name) for name in mine} == {Source.PERSON}


def test_what_the_vendor_says_takes_the_place_of_what_was_written_a2(catalogue, provider, vendor, rows):
    catalogue.refresh("mine")
    catalogue.edit("mine", "m", {"display_name": "My own", "model_use": "embedding", "context_window": 4096})
    vendor.models = [{"id": "m", "name": "Theirs", "type": "image", "context_length": 8192}]
    assert catalogue.refresh("mine").changed == 1
    row = rows()["m"]
    assert (row.display_name, row.model_use, row.context_window) == ("Theirs", "image", 8192)
    assert row.said_by("context_window") is Source.REFRESHED


def test_what_a_person_pinned_stays_whatever_the_vendor_says(catalogue, provider, vendor, rows):
    catalogue.refresh("mine")
    catalogue.edit("mine", "m", {"context_window": 4096, "capabilities.tools": "unsupported"}, pinned=True)
    vendor.models = [{"id": "m", "context_length": 8192, "supported_parameters": ["tools"]}]
    catalogue.refresh("mine")
    assert (rows()["m"].context_window, rows()["m"].capabilities["tools"]) == (4096, "unsupported")
    catalogue.edit("mine", "m", {"context_window": 4096})
    catalogue.refresh("mine")
    assert rows()["m"].context_window == 8192


def test_a_model_that_vanished_is_marked_and_keeps_all_it_has_a3(catalogue, provider, vendor, rows):
    vendor.models = [{"id": "m"}, {"id": "n"}]
    catalogue.refresh("mine")
    catalogue.edit("mine", "n", {"status": "retired", "context_window": 1000})
    vendor.models = [{"id": "m"}]
    assert catalogue.refresh("mine").missing == 1
    gone = rows()["n"]
    assert (gone.status, gone.context_window) == ("retired", 1000)
    assert gone.missing_since is not None
    assert [each.handle for each in catalogue.search()] == ["m"]
    assert catalogue.refresh("mine").missing == 0
    vendor.models = [{"id": "m"}, {"id": "n"}]
    assert catalogue.refresh("mine").changed == 1
    assert (rows()["n"].missing_since, rows()["n"].status) == (None, "retired")


def test_a_second_identical_refresh_writes_nothing_new_a3(catalogue, provider, vendor, rows):
    vendor.models = [{"id": f"m{number}", "context_length": 10 + number} for number in range(1200)]
    first = catalogue.refresh("mine")
    before = rows()
    second = catalogue.refresh("mine")
    assert (first.listed, first.added, second.listed, second.added, second.changed) == (1200, 1200, 1200, 0, 0)
    assert rows() == before


def test_a_list_that_breaks_on_its_second_page_writes_nothing_a3(catalogue, provider, rows, info):
    def pages():
        yield info("new")
        raise backbay.ConnectionLostError("page 2")

    with pytest.raises(backbay.ConnectionLostError):
        catalogue.write("mine", pages())
    assert rows() == {}


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_vendor_that_fails_changes_nothing_a3(catalogue, provider, vendor, rows, status):
    catalogue.refresh("mine")
    before, at = rows(), catalogue.listed_at("mine")
    catalogue.add(
        Provider(name="mine", backend_name="acme", base_url=vendor.url, config={"retries": 0}), replacing=True
    )
    vendor.status = status
    with pytest.raises(backbay.ResponseError):
        catalogue.refresh("mine")
    assert (rows(), catalogue.listed_at("mine")) == (before, at)


def test_an_empty_list_says_nothing(catalogue, provider, vendor, rows):
    catalogue.refresh("mine")
    before = rows()
    vendor.models = []
    assert catalogue.refresh("mine").listed == 0
    assert rows() == before


def test_a_provider_without_a_backend_lists_nothing_and_loses_nothing_a4(catalogue, rows):
    catalogue.add(Provider(name="mine"))
    catalogue.edit("mine", "by-hand", {"context_window": 5}, create=True)
    before = rows()
    assert catalogue.refresh("mine").listed == 0
    assert rows() == before


def test_a_broker_gives_every_model_a_second_name_a10(catalogue, vendor, rows):
    catalogue.add(Provider(name="mine", backend_name="acme", base_url=vendor.url, broker="desk"))
    assert catalogue.refresh("mine").listed == 2
    assert set(rows()) == {"m", "desk/m"}
    assert rows()["desk/m"].config == {"provider_model": "m"}
    assert rows()["desk/m"].display_name == "m (desk)"
    answer = backbay.connect_sync("mine:desk/m")
    with answer:
        assert answer.complete("Who?").text == "I am m."
    assert b"desk" not in vendor.server.requests[-1].body


def test_specs_are_taken_as_a_list_too(catalogue, provider, rows):
    full = InferenceModelSpec("e", model_use="embedding", context_window=512, capabilities={"embeddings": "full"})
    catalogue.write("mine", [InferenceModelSpec("m"), full])
    assert (rows()["m"].said_by("model_use"), rows()["e"].said_by("model_use")) == ("assumed", "refreshed")
    assert rows()["e"].capabilities["embeddings"] == "full"


def test_a_list_that_was_begun_earlier_does_not_undo_a_later_one(catalogue, provider, rows, info):
    catalogue.write("mine", [info("m", context_window=2)], begun="2026-01-02T00:00:00.000000Z")
    old = catalogue.write("mine", [info("m", context_window=1)], begun="2026-01-01T00:00:00.000000Z")
    assert old.superseded
    assert rows()["m"].context_window == 2
    # A clock that was years ahead does not stop refreshes for years.
    catalogue.write("mine", [info("m", context_window=3)], begun="2999-01-01T00:00:00.000000Z")
    assert not catalogue.write("mine", [info("m", context_window=4)]).superseded


def test_two_refreshes_at_once_leave_one_whole_list(where, provider, info):
    lists = [[info(f"m{n}", context_window=size) for n in range(700)] for size in (100, 200)]
    failures = []

    def write(models):
        with Catalogue(where, timeout=30) as other:
            try:
                for _ in range(3):
                    other.write("mine", models)
            except Exception as failure:
                failures.append(failure)

    threads = [threading.Thread(target=write, args=(models,)) for models in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Catalogue(where) as after:
        found = after.search(Query(limit=None))
    assert len(found) == 700
    assert len({each.context_window for each in found}) == 1


def test_a_list_is_checked_before_anything_is_written(catalogue, provider, monkeypatch, rows, info):
    monkeypatch.setattr(listing, "MOST_MODELS", 10)
    with pytest.raises(backbay.TooLargeError, match="11"):
        catalogue.write("mine", [info(f"m{number}") for number in range(11)])
    assert rows() == {}


def test_a_million_models_are_refused_whole(catalogue, provider, info, rows):
    one = info("m")
    with pytest.raises(backbay.TooLargeError):
        catalogue.write("mine", itertools.repeat(one, 1_000_000))
    assert rows() == {}


def test_what_counts_when_several_say_a_value(catalogue, provider, vendor, rows):
    catalogue.refresh("mine")
    order = [(Source.IMPORTED, 1), (Source.PROBED, 2), (Source.IMPORTED, 2), (Source.PERSON, 3), (Source.PROBED, 3)]
    for source, stays in order:
        catalogue.edit(
            "mine", "m", {"context_window": {"imported": 1, "probed": 2, "person": 3}[source]}, source=source
        )
        assert rows()["m"].context_window == stays


def test_an_unknown_provider_is_a_typed_error(catalogue):
    for call in (catalogue.refresh, catalogue.provider, catalogue.remove, catalogue.count):
        with pytest.raises(CatalogueError) as caught:
            call("nobody")
        assert caught.value.code == "unknown_provider"
