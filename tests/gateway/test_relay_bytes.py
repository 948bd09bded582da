"""The bytes of a recorded stream, through the gateway, are those that the vendor sent: some here, all in tox."""

from __future__ import annotations

import os

import pytest
from gateway_clients.relaying import Relayed, streams, wire_of

ALL = bool(os.environ.get("BACKBAY_CLIENTS"))
SOME = [each for number, each in enumerate(streams()) if ALL or number % 8 == 0]


@pytest.fixture(scope="session")
def relayed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECORDED_API_KEY", "recorded-key-000000")
        with Relayed(tmp_path_factory.mktemp("relayed")).running() as running:
            yield running


@pytest.mark.parametrize("exchange", SOME, ids=str)
def test_a_recorded_stream_comes_through_unchanged(relayed, exchange):
    sizes = (None, 1, 7) if len(exchange.body) < 4000 else (None, 1000)
    for size in sizes if ALL else sizes[-1:]:
        status, body, _ = relayed.ask(exchange, size)
        assert (status, body) == (200, exchange.body)
        assert len(relayed.got) == 1
        assert b"Bearer bb_" not in str(relayed.got[0].headers).encode()


def test_there_are_streams_of_every_wire():
    found = streams()
    assert {wire_of(each) for each in found} == {"openai_chat", "openai_responses", "anthropic_messages"}
    assert len(found) > 200
