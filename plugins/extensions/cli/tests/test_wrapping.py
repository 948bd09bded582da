"""Wrappers of other distributions: found when an option asks for one; what is missing is said with what to install."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest

from backbay import Backend, ConfigurationError
from backbay.testing import connect_fake
from backbay_cli import main
from backbay_cli.wrapping import GROUP, wrapped


def shouting(backend: Backend, *, loud: bool) -> tuple[Backend, bool]:
    """Stand in for a wrapper."""
    return backend, loud


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[metadata.EntryPoint]:
    """The entry points that there are."""
    found: list[metadata.EntryPoint] = []

    def entry_points(**wanted: Any) -> list[metadata.EntryPoint]:
        assert wanted["group"] == GROUP
        return [entry for entry in found if entry.name == wanted["name"]]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    monkeypatch.delenv("BACKBAY_PLUGINS", raising=False)
    return found


def test_one_is_given_the_backend_and_its_arguments(entries: list[metadata.EntryPoint]) -> None:
    entries.append(type("Entry", (), {"name": "shout", "value": "x:y", "load": lambda self: shouting})())
    backend = connect_fake("x")
    assert wrapped(backend, "shout", "--shout", loud=True) == (backend, True)


def test_one_that_is_not_there_says_what_to_install(entries: list[metadata.EntryPoint]) -> None:
    with pytest.raises(ConfigurationError, match="backbay-shout") as caught:
        wrapped(connect_fake("x"), "shout", "--shout")
    assert caught.value.hint == "pip install backbay-shout"
    assert not entries


def test_one_that_the_allow_list_leaves_out_is_not_loaded(
    entries: list[metadata.EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries.append(metadata.EntryPoint("shout", "no_such_module:x", GROUP))
    monkeypatch.setenv("BACKBAY_PLUGINS", "openai")
    with pytest.raises(ConfigurationError, match="needs") as caught:
        wrapped(connect_fake("x"), "shout", "--shout")
    assert "BACKBAY_PLUGINS" in (caught.value.hint or "")


def test_one_that_cannot_be_loaded_is_said(entries: list[metadata.EntryPoint]) -> None:
    entries.append(metadata.EntryPoint("shout", "no_such_module:x", GROUP))
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        wrapped(connect_fake("x"), "shout", "--shout")


def test_refresh_without_cache_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "acme:m-1", "hi", "--refresh"]) == 2
    assert "--refresh goes with --cache" in capsys.readouterr().err
