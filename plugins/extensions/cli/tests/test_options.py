from __future__ import annotations

import pytest

from backbay import (
    ConfigurationError,
    InvalidCredentialError,
    InvalidRequestError,
    Limits,
    MissingCredentialError,
)
from backbay_cli import options


def test_key_values_are_json_or_plain_words() -> None:
    pairs = ["threads=2", "mlock=true", "name=big one", 'tags=["a"]', "empty=", "half=a=b"]
    assert options.key_values(pairs, option="--config") == {
        "threads": 2,
        "mlock": True,
        "name": "big one",
        "tags": ["a"],
        "empty": "",
        "half": "a=b",
    }


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["threads"], "'threads' is not"),
        (["=2"], "'=2' is not"),
        (["a=1", "a=2"], "'a' twice"),
        (["a={"], "a is not valid JSON"),
        (['a="x'], "a is not valid JSON"),
    ],
)
def test_a_pair_that_cannot_be_meant_is_refused(pairs: list[str], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        options.key_values(pairs, option="--config")


@pytest.mark.parametrize("name", ["api_key", "base_url", "wire", "limits", "transport"])
def test_config_cannot_set_what_has_an_option_of_its_own(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot set {name}"):
        options.settings([f"{name}=x"])


def test_the_key_comes_from_the_named_variable_and_knows_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-1234")
    key = options.api_key("ACME_API_KEY")
    assert key is not None
    assert key.reveal() == "sk-1234"
    assert key.source == "env:ACME_API_KEY"
    assert options.api_key(None) is None


@pytest.mark.parametrize("given", ["sk-ant-verysecret", "gsk_verysecret", "two words", ""])
def test_a_key_given_in_place_of_a_variable_is_not_repeated(given: str) -> None:
    with pytest.raises((InvalidRequestError, MissingCredentialError)) as caught:
        options.api_key(given)
    assert "verysecret" not in f"{caught.value!r} {caught.value}"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    with pytest.raises(MissingCredentialError, match="ACME_API_KEY is not set"):
        options.api_key("ACME_API_KEY")


def test_a_key_with_a_line_end_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-verysecret\n")
    with pytest.raises(InvalidCredentialError) as caught:
        options.api_key("ACME_API_KEY")
    assert "verysecret" not in str(caught.value)


def test_limits_are_checked_at_once() -> None:
    assert options.limits(2.0, None, 0.5) == Limits(total=2.0, idle=0.5)
    with pytest.raises(InvalidRequestError, match="first_event"):
        options.limits(None, 0.0)
