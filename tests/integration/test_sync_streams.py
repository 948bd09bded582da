"""Blocking streams read ahead, and the caller notices nothing of it but the speed."""

from __future__ import annotations

import gc
import time

import pytest

import backbay
from backbay.syncstream import AHEAD
from backbay.testing import FakeBackend, Pause, Reply, ScriptedServer, connect_fake, sse


class Counting(FakeBackend):
    """Counts how far its answer was read."""

    made = 0

    async def _stream(self, request):
        for number in range(10 * AHEAD):
            self.made = number + 1
            yield backbay.Text("x")
        yield backbay.Ended(backbay.Finish.STOP, "stop")


@pytest.fixture
def connect_sync(key):
    def connected(server, **config):
        return backbay.connect_sync("openai:m-1", base_url=server.url, **{"api_key": key, "retries": 0, **config})

    return connected


def test_no_more_is_read_ahead_than_allowed_however_slow_the_caller_is():
    fake = Counting()
    with backbay.SyncBackend(fake) as backend, backend.stream("hi") as stream:
        next(stream)
        time.sleep(0.1)
        assert fake.made <= AHEAD + 1
        assert stream.collect().text == "x" * 10 * AHEAD


def test_partial_and_response_know_only_what_the_caller_got():
    fake = connect_fake([backbay.Text("one"), backbay.Text("two"), backbay.Ended(backbay.Finish.STOP, "stop")])
    with backbay.SyncBackend(fake) as backend, backend.stream("hi") as stream:
        next(stream)
        time.sleep(0.05)
        assert (stream.partial.text, stream.partial.finish) == ("one", None)
        with pytest.raises(backbay.ClosedError):
            _ = stream.response
        assert [type(event).__name__ for event in stream] == ["Text", "Ended"]
        assert stream.response.text == "onetwo"


def test_a_failure_comes_after_all_that_came_before_it_and_stays(chat, connect_sync):
    reply = Reply(steps=[sse(chat.delta(content="Hel")), sse(chat.delta(content="lo"))], end="cut")
    with ScriptedServer(reply) as server, connect_sync(server) as backend:
        stream = backend.stream("hi")
        assert [next(stream), next(stream), next(stream)][1:] == [backbay.Text("Hel"), backbay.Text("lo")]
        with pytest.raises(backbay.ConnectionLostError) as caught:
            next(stream)
        with pytest.raises(backbay.ConnectionLostError):
            next(stream)
    assert caught.value.partial.text == "Hello"


def test_closing_while_reading_ahead_waits_hangs_up_and_ends_the_stream(chat, connect_sync):
    steps = [sse(chat.delta(content="x")) for _ in range(5 * AHEAD)]
    with ScriptedServer(Reply(steps=[*steps, Pause(10)])) as server, connect_sync(server) as backend:
        with backend.stream("hi") as stream:
            next(stream)
            time.sleep(0.05)
        assert server.wait_for(lambda server: server.hangups, 1)
        with pytest.raises(backbay.ClosedError):
            next(stream)


def test_a_stream_that_nobody_holds_any_more_hangs_up(chat, connect_sync):
    steps = [sse(chat.delta(content="x")), Pause(10)]
    with ScriptedServer(Reply(steps=steps)) as server, connect_sync(server) as backend:
        stream = backend.stream("hi")
        next(stream)
        del stream
        gc.collect()
        assert server.wait_for(lambda server: server.hangups, 1)
