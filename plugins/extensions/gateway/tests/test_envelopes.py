"""Vendor data under seal: what is opened again, and what is not."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay_gateway.dialects.envelopes import MARK, Envelopes, Opened

SECRET = b"a secret of sixteen bytes or more"
OPAQUE = {"acme": {"signature": "sig", "half": "\ud800", "n": [1, None]}}


def test_what_was_sealed_is_opened_by_every_process_of_the_same_secret() -> None:
    sealed = Envelopes(SECRET).seal(OPAQUE, call="c1", text="Hm.")
    assert Envelopes(SECRET).open(sealed) == Opened(OPAQUE, "c1", "Hm.")
    assert sealed.startswith(MARK)
    assert sealed.isascii()


def test_another_secret_opens_nothing() -> None:
    assert Envelopes().open(Envelopes(SECRET).seal(OPAQUE)) is None
    changing = Envelopes(SECRET)
    sealed = changing.seal(OPAQUE)
    changing.use(b"another secret of many bytes")
    assert changing.open(sealed) is None


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Envelopes(b"short")


def test_a_payload_of_a_clients_own_making_is_left_out() -> None:
    """Security 5.5: no client puts items of its own into a request that goes out under the gateway's key."""
    forged = base64.urlsafe_b64encode(json.dumps({"o": {"acme": {"item": {"type": "item_reference"}}}}).encode())
    seal = Envelopes(SECRET).seal(OPAQUE).rpartition(".")[2]
    assert Envelopes(SECRET).open(f"{MARK}{forged.decode().rstrip('=')}.{seal}") is None


@given(st.text() | st.text().map(lambda text: MARK + text) | st.none() | st.integers())
def test_anything_else_is_no_envelope(value: object) -> None:
    assert Envelopes(SECRET).open(value) is None


@given(st.data())
def test_an_envelope_with_one_character_changed_is_none(data: st.DataObject) -> None:
    sealed = Envelopes(SECRET).seal(OPAQUE)
    at = data.draw(st.integers(0, len(sealed) - 2))  # Of the last character base64 leaves bits unused.
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != sealed[at]))
    assert Envelopes(SECRET).open(sealed[:at] + other + sealed[at + 1 :]) is None
