"""The gate before new connections (rows 35, 133; G10): how many are made at once, in what turn, and who may leave."""

import asyncio
import itertools
import json
import socket
import time
from collections import Counter

import aiohttp
import pytest

import backbay
from backbay.http.adapters import admission
from backbay.http.adapters.admission import Gates
from backbay.http.adapters.streams import ByteStream
from backbay.testing import Pause, Reply, ScriptedServer

TRANSPORTS = pytest.mark.parametrize("transport", [None, "aiohttp"])
ANSWER = json.dumps({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop", "index": 0}]}).encode()


def slowly(seconds):
    return Reply(headers={"content-type": "application/json"}, steps=[Pause(seconds), ANSWER])


def connect(server, transport=None, **config):
    return backbay.connect("openai:m", api_key="k", base_url=server.url, transport=transport, retries=0, **config)


@pytest.fixture
def making(monkeypatch):
    """Count the connections that one loop makes at once, and take a moment for each; ``seconds`` says how long.

    A gate is a loop's own, and the thread of a test before may still be at work.
    """

    class Making:
        seconds = 0.005
        most = 0

        def __init__(self):
            self._now = Counter()

        @property
        def now(self):
            return self._now[asyncio.get_running_loop()]

        async def wait(self):
            loop = asyncio.get_running_loop()
            self._now[loop] += 1
            self.most = max(self.most, self._now[loop])
            try:
                await asyncio.sleep(self.seconds)
            finally:
                self._now[loop] -= 1

    making = Making()

    def slow(home, name):
        made = getattr(home, name)

        async def wrapped(*args, **kwargs):
            await making.wait()
            return await made(*args, **kwargs)

        monkeypatch.setattr(home, name, wrapped)

    slow(ByteStream, "open")
    slow(aiohttp.TCPConnector, "_create_connection")
    return making


@TRANSPORTS
def test_a_storm_makes_so_many_connections_at_once_and_no_more_and_all_are_open_together(making, transport):
    calls = 3 * admission.AT_ONCE

    async def main(server):
        async with connect(server, transport) as backend:
            return await asyncio.gather(*(backend.complete("Hi.") for _ in range(calls)))

    with ScriptedServer(slowly(0.5)) as server:
        answers = asyncio.run(main(server))
        assert [answer.text for answer in answers] == ["ok"] * calls
        assert making.most == admission.AT_ONCE
        assert server.connections == calls, "the gate is not held while an answer is awaited"


@TRANSPORTS
def test_calls_that_are_cancelled_at_the_gate_or_while_connecting_leave_it_whole(making, transport, monkeypatch):
    monkeypatch.setattr(admission, "AT_ONCE", 4)

    async def main(server):
        async with connect(server, transport) as backend:
            for _ in range(5):
                making.seconds = 60
                tasks = [asyncio.create_task(backend.complete("Hi.")) for _ in range(20)]
                await asyncio.sleep(0.01)
                assert making.now == 4
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                assert making.now == 0
            making.seconds = 0
            assert len(await asyncio.gather(*(backend.complete("Hi.") for _ in range(20)))) == 20

    with ScriptedServer(slowly(0)) as server:
        asyncio.run(main(server))


@TRANSPORTS
def test_waiting_at_the_gate_counts_towards_the_limit_and_nothing_is_sent_for_it(making, transport, monkeypatch):
    monkeypatch.setattr(admission, "AT_ONCE", 1)
    making.seconds = 0.6

    async def main(server):
        async with connect(server, transport) as backend:
            first = asyncio.create_task(backend.complete("Hi."))
            await asyncio.sleep(0.05)
            start = time.monotonic()
            with pytest.raises(backbay.LimitExceededError) as caught:
                await backend.complete("Hi.", limits={"total": 0.2})
            assert 0.15 < time.monotonic() - start < 0.4
            assert caught.value.phase == "connect"
            assert (await first).text == "ok"
            assert len(server.requests) == 1

    with ScriptedServer(slowly(0)) as server:
        asyncio.run(main(server))


@TRANSPORTS
def test_a_connection_that_fails_lets_the_next_one_in(transport, monkeypatch):
    monkeypatch.setattr(admission, "AT_ONCE", 1)

    async def main(url):
        async with backbay.connect(
            "openai:m", api_key="k", base_url=url, transport=transport, retries=0, limits={"total": 5}
        ) as backend:
            return await asyncio.gather(*(backend.complete("Hi.") for _ in range(10)), return_exceptions=True)

    # A port that is taken, and that nobody listens on: one that a server left may be another's by now.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        errors = asyncio.run(main(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert {type(error) for error in errors} == {backbay.ConnectError}


def test_an_origin_that_is_slow_holds_up_no_other(making, monkeypatch):
    monkeypatch.setattr(admission, "AT_ONCE", 1)

    async def main(slow, quick):
        making.seconds = 60
        one, other = connect(slow), connect(quick)
        waiting = asyncio.create_task(one.complete("Hi."))
        await asyncio.sleep(0.02)
        making.seconds = 0
        assert (await other.complete("Hi.")).text == "ok"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await one.aclose()
        await other.aclose()

    with ScriptedServer(slowly(0)) as slow, ScriptedServer(slowly(0)) as quick:
        asyncio.run(main(slow, quick))


def test_who_waits_is_let_in_by_turn_also_when_others_give_up(monkeypatch):
    monkeypatch.setattr(admission, "AT_ONCE", 1)

    async def main():
        gates, entered = Gates(), []

        async def one(number):
            ticket = await gates.enter("http", "a", 1)
            entered.append(number)
            await asyncio.sleep(0)
            ticket.leave()
            ticket.leave()

        tasks = [asyncio.create_task(one(number)) for number in range(10)]
        await asyncio.sleep(0)
        for number in (3, 4):
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert entered == [0, 1, 2, 5, 6, 7, 8, 9]

    asyncio.run(main())


def test_one_backend_storms_on_several_loops_one_after_the_other():
    with ScriptedServer(slowly(0)) as server:
        backend = connect(server)

        async def main():
            return await asyncio.gather(*(backend.complete("Hi.") for _ in range(2 * admission.AT_ONCE)))

        for _ in range(3):
            assert len(asyncio.run(main())) == 2 * admission.AT_ONCE


@TRANSPORTS
def test_400_streams_at_once_are_all_whole_and_the_loop_stays_awake(transport):
    steps = [b'data: {"choices": [{"index": 0, "delta": {"content": "ok"}}]}\n\n', Pause(0.3)]
    steps += [b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n']
    reply = Reply(headers={"content-type": "text/event-stream"}, steps=steps)

    async def main(server):
        turns = [time.thread_time()]

        async def look():
            while True:
                await asyncio.sleep(0.002)
                turns.append(time.thread_time())

        async with connect(server, transport) as backend:
            looking = asyncio.create_task(look())
            answers = await asyncio.gather(*(backend.stream("Hi.").collect() for _ in range(400)))
            looking.cancel()
        return answers, max(after - before for before, after in itertools.pairwise(turns))

    with ScriptedServer(reply) as server:
        answers, busiest = asyncio.run(main(server))
    assert [answer.text for answer in answers] == ["ok"] * 400
    # CPU seconds of this thread in one turn, so that other processes do not count.
    assert busiest < 0.25
