"""The commands, in this process, with the command line's own ``main``."""

from __future__ import annotations

import json

import pytest

from backbay_catalogue import Catalogue
from backbay_cli import main

RUDE = "m\x1b]0;title\x07[red]\u202e"


@pytest.fixture
def run(capsys, where):
    """Run a command; gives its exit code, and what it wrote to both streams."""

    def call(*words):
        code = main(list(words))
        done = capsys.readouterr()
        return code, done.out, done.err

    return call


@pytest.fixture
def saved(run, vendor):
    assert run("providers", "add", "mine", "--backend", "acme", "--base-url", vendor.url)[0] == 0
    return run


def document(done):
    assert done[0] == 0, done
    return json.loads(done[1])


def test_a_saved_provider_is_listed_shown_tried_and_removed(saved, vendor):
    [one] = document(saved("providers", "list", "--json"))["providers"]
    assert (one["name"], one["backend"], one["base_url"], one["credential"]) == ("mine", "acme", vendor.url, None)
    shown = document(saved("providers", "show", "mine", "--json"))["provider"]
    assert (shown["requires_credential"], shown["api_key_env"]) == (False, ["ACME_API_KEY"])
    tried = document(saved("providers", "test", "mine", "--json"))
    assert (tried["health"]["reachable"], tried["models"]) == (True, 1)
    assert saved("providers", "list")[1].splitlines()[1].split()[:2] == ["mine", "acme"]
    assert document(saved("providers", "remove", "mine", "--yes", "--json")) == {"removed": "mine", "models": 0}
    assert document(saved("providers", "list", "--json")) == {"providers": []}


def test_where_a_key_is_is_shown_and_the_key_never(run, vendor, monkeypatch):
    monkeypatch.setenv("MY_ACME_KEY", "sk-never-shown")
    assert run("providers", "add", "mine", "--backend", "acme", "--key-env", "MY_ACME_KEY")[0] == 0
    for words in (["list"], ["list", "--json"], ["show", "mine"], ["show", "mine", "--json"]):
        code, out, err = run("providers", *words)
        assert code == 0
        assert "env:MY_ACME_KEY" in out
        assert "sk-never-shown" not in out + err
    monkeypatch.delenv("MY_ACME_KEY")
    assert "not set" in run("providers", "list")[1]


def test_a_saved_provider_chats_by_its_name_and_by_an_alias(saved, vendor):
    """The whole journey: save, refresh, search, alias, chat."""
    assert saved("catalogue", "refresh")[0] == 0
    assert "m" in saved("catalogue", "search")[1]
    code, out, err = saved("chat", "mine:m", "Who?", "--quiet")
    assert (code, out.strip()) == (0, "I am m."), err
    assert saved("catalogue", "edit", "mine:m", "--alias", "fast")[0] == 0
    assert saved("chat", "fast", "Who?", "--quiet")[1].strip() == "I am m."
    assert saved("models", "mine")[0] == 0
    assert saved("health", "mine")[0] == 0


def test_a_refresh_says_what_changed_and_one_broken_vendor_stops_no_other(saved, vendor):
    vendor.models = [{"id": "a"}, {"id": "b"}]
    saved(
        "providers", "add", "away", "--backend", "acme", "--base-url", "http://127.0.0.1:9/v1", "--config", "retries=0"
    )
    code, out, _ = saved("catalogue", "refresh", "--json")
    assert code == 1
    found = {each["provider"]: each for each in json.loads(out)["refreshed"]}
    assert (found["mine"]["refreshed"]["added"], found["mine"]["error"]) == (2, None)
    assert (found["away"]["refreshed"], found["away"]["error"]["type"]) == (None, "ConnectError")
    code, out, _ = saved("catalogue", "refresh", "mine")
    assert code == 0
    assert out.splitlines()[1].split() == ["mine", "2", "0", "0", "0", "ok"]
    assert saved("catalogue", "refresh", "nobody")[0] == 1


def test_search_filters_and_show_says_who_said_what(saved, vendor):
    vendor.models = [{"id": "big", "context_length": 200_000, "pricing": {"prompt": "0.000001"}}, {"id": "small"}]
    saved("catalogue", "refresh")
    found = document(saved("catalogue", "search", "--min-context", "100000", "--max-input-price", "1", "--json"))
    assert [each["handle"] for each in found["models"]] == ["big"]
    assert found["models"][0]["provenance"]["context_window"]["source"] == "refreshed"
    saved("catalogue", "edit", "mine:small", "--set", "context_window=8192", "--can", "tools=unsupported", "--pin")
    shown = document(saved("catalogue", "show", "mine:small", "--json"))["model"]
    assert (shown["context_window"], shown["capabilities"]["tools"]) == (8192, "unsupported")
    assert shown["provenance"]["context_window"]["pinned"]
    lines = saved("catalogue", "show", "mine:small")[1].splitlines()
    assert any(line.split()[:4] == ["context", "window", "person,", "pinned"] for line in lines)
    assert saved("catalogue", "search", "nothing-like-this")[0] == 0


def test_a_rude_name_is_shown_safe_and_written_exact_as_json(saved, vendor):
    vendor.models = [{"id": RUDE, "name": f"{RUDE}\n", "owned_by": RUDE}]
    saved("catalogue", "refresh")
    for words in (["search"], ["show", f"mine:{RUDE}"]):
        out = saved("catalogue", *words)[1]
        assert "[red]" in out
        assert not set("\x1b\x07\u202e") & set(out)
    assert document(saved("catalogue", "search", "--json"))["models"][0]["handle"] == RUDE
    assert document(saved("catalogue", "export", "--json"))["models"][0]["handle"] == RUDE


@pytest.mark.parametrize(
    "words",
    [
        "providers add mine --backend opnai",
        "providers add Mine --backend acme",
        "providers add mine --backend acme --config nonsense=1",
        "providers add mine --backend acme --key-env A --credential env:B",
        "providers add mine --backend acme --credential sk-abc",
        "catalogue show mine",
        "catalogue edit mine:m",
        "catalogue export",
        "catalogue search --order size",
        "catalogue search --can flying",
        "providers list --database mysql://h/x",
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(run, vendor, words, where):
    code, out, err = run(*words.split())
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    assert "sk-abc" not in err
    with Catalogue(where) as catalogue:
        assert catalogue.providers() == []


@pytest.mark.parametrize("words", ["providers show nobody", "providers test nobody", "catalogue show nobody:m"])
def test_what_is_not_there_is_an_error_in_json_too(run, words):
    code, out, _ = run(*words.split(), "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "unknown_provider"


def test_remove_asks_first(saved, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert saved("providers", "remove", "mine")[0] == 2
    assert len(document(saved("providers", "list", "--json"))["providers"]) == 1
