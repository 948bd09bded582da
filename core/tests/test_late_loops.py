"""Limits of blocking calls, where the loop behind them is busy when they are made (G4)."""

import time

import pytest

import backbay
from backbay.bridge import get_bridge
from backbay.testing import Pause, Reply, ScriptedServer


@pytest.fixture
def backend():
    with ScriptedServer(Reply(framing="raw", steps=[Pause(5)])) as server:
        with backbay.connect_sync("openai:m", api_key="k", base_url=server.url, retries=0) as connected:
            yield connected


def expired_after(ask):
    get_bridge().loop.call_soon_threadsafe(time.sleep, 0.4)
    start = time.monotonic()
    with pytest.raises(backbay.LimitExceededError):
        ask()
    return time.monotonic() - start


def test_the_limit_counts_from_the_call_and_not_from_when_the_loop_comes_to_it(backend):
    assert 0.4 < expired_after(lambda: backend.complete("Hi.", limits={"total": 0.5})) < 0.75


def test_the_limit_of_a_stream_counts_from_its_first_reading(backend):
    assert 0.4 < expired_after(lambda: list(backend.stream("Hi.", limits={"total": 0.5}))) < 0.75


def test_each_call_has_its_own_time(backend):
    for _ in range(2):
        assert 0.4 < expired_after(lambda: backend.complete("Hi.", limits={"total": 0.5})) < 0.75
