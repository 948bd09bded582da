"""Connections that are kept: none outlives its use, none that was closed meanwhile costs a call (rows 13, 121, G6)."""

import asyncio
import json
import random

import pytest

import backbay
from backbay.http.adapters import pools
from backbay.retry import RetryBudget, RetryPolicy
from backbay.testing import Reply, ScriptedServer

ANSWER = json.dumps({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop", "index": 0}]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
WHOLE = HEAD % len(ANSWER) + ANSWER


def connect(url, **config):
    return backbay.connect("openai:m", api_key="k", base_url=url, **config)


async def serve(answer):
    """Serve ``answer(reader, writer, number)`` for each request; returns the server and its URL."""

    async def accept(reader, writer):
        try:
            number = 0
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(size.split(b":")[1]))
                number += 1
                if not await answer(writer, number):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def second_is_dropped(writer, number):
    if number == 2:
        return False  # As where it was closed while the request was under way.
    writer.write(WHOLE)
    await writer.drain()
    return True


def test_a_connection_that_was_closed_meanwhile_is_replaced_at_once_and_costs_no_budget():
    """Row 13."""

    async def main():
        server, url = await serve(second_is_dropped)
        slow = RetryPolicy(retries=1, first_pause=60.0, budget=RetryBudget(0))
        async with server, connect(url, retries=slow) as backend:
            attempts = [(await backend.complete("Hi.", limits={"total": 5})).attempts for _ in range(5)]
        assert attempts == [1, 2, 2, 2, 2], "each attempt that was sent is counted"

    asyncio.run(main())


def test_after_a_kept_connection_failed_the_request_gets_a_new_one_whatever_else_is_idle():
    """Row 13, G6: all that are kept may be dead."""

    async def main():
        server, url = await serve(second_is_dropped)
        async with server, connect(url, retries=1) as backend:
            await asyncio.gather(*(backend.complete("Hi.") for _ in range(8)))
            answers = [await backend.complete("Hi.", limits={"total": 5}) for _ in range(8)]
        assert {answer.attempts for answer in answers} == {2}

    asyncio.run(main())


def test_who_wants_no_retries_has_nothing_sent_twice():
    async def main():
        server, url = await serve(second_is_dropped)
        async with server, connect(url, retries=0) as backend:
            await backend.complete("Hi.")
            with pytest.raises(backbay.ConnectionLostError) as caught:
                await backend.complete("Hi.")
            assert (caught.value.stale, caught.value.attempts) == (True, 1)

    asyncio.run(main())


def test_a_new_connection_that_breaks_is_no_stale_one():
    reply = Reply(framing="raw", steps=[], end="reset")
    with ScriptedServer(reply) as server:

        async def main():
            async with connect(server.url, retries=RetryPolicy(retries=2, budget=RetryBudget(0))) as backend:
                with pytest.raises(backbay.ConnectionLostError) as caught:
                    await backend.complete("Hi.")
            return caught.value

        error = asyncio.run(main())
    assert (error.stale, error.attempts) == (False, 1)


def test_200_calls_to_a_server_that_closes_a_moment_after_each_answer_all_work():
    """G6."""
    chance = random.Random(7)

    async def close_soon(writer, number):
        writer.write(WHOLE)
        await writer.drain()
        await asyncio.sleep(chance.random() * 0.003)
        return False

    async def main():
        server, url = await serve(close_soon)
        async with server, connect(url) as backend:
            for _ in range(200):
                assert (await backend.complete("Hi.", limits={"total": 5})).text == "ok"
                await asyncio.sleep(chance.random() * 0.002)

    asyncio.run(main())


def test_after_a_storm_of_cancellations_every_call_works_and_nothing_counts_as_busy():
    """G6, row 121."""
    chance = random.Random(7)

    async def slowly(writer, number):
        await asyncio.sleep(0.005)
        writer.write(WHOLE)
        await writer.drain()
        return True

    async def main():
        server, url = await serve(slowly)
        async with server, connect(url, retries=0) as backend:
            for _ in range(25):
                tasks = [asyncio.create_task(backend.complete("Hi.")) for _ in range(30)]
                await asyncio.sleep(chance.random() * 0.02)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            answers = await asyncio.gather(*(backend.complete("Hi.", limits={"total": 5}) for _ in range(10)))
            assert [answer.text for answer in answers] == ["ok"] * 10
            transport = backend._transport[0]
            pool = await transport._pools.get()
            assert not pool.lent

    asyncio.run(main())


def test_connections_that_a_burst_left_are_closed_after_a_while(monkeypatch):
    monkeypatch.setattr(pools, "KEEP_ALIVE", 0.1)
    open_now = 0

    async def main():
        nonlocal open_now
        together = asyncio.Event()

        async def answer(writer, number):
            nonlocal open_now
            open_now += 1
            if open_now == 30:
                together.set()
            await together.wait()
            writer.write(WHOLE)
            await writer.drain()
            return True

        server, url = await serve(answer)
        async with server, connect(url) as backend:
            await asyncio.gather(*(backend.complete("Hi.") for _ in range(30)))
            pool = await backend._transport[0]._pools.get()
            assert sum(map(len, pool.idle.values())) == 30
            for _ in range(100):
                await asyncio.sleep(0.02)
                if not pool.idle:
                    break
            assert not pool.idle
            assert (await backend.complete("Hi.")).text == "ok"

    asyncio.run(main())
    assert open_now == 31
