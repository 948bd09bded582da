"""Pools of connections, with many calls at once and with servers that end what was kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import backbay
from backbay.http.adapters import admission
from backbay.testing import Pause, Reply, ScriptedServer, sse

TRANSPORTS = pytest.mark.parametrize("transport", ["direct", "aiohttp"])
CALLS = 256
DESCRIPTORS = Path("/proc/self/fd")


def _descriptors():
    return len([*DESCRIPTORS.iterdir()]) if DESCRIPTORS.is_dir() else 0


@TRANSPORTS
@pytest.mark.parametrize("how", ["complete", "stream"])
def test_with_256_calls_at_once_again_and_again_connections_tasks_and_descriptors_stay_flat(
    chat, connect, transport, how
):
    async def main(server):
        async def one():
            if how == "complete":
                return await backend.complete("hi")
            return await backend.stream("hi").collect()

        found = []
        async with connect(server, transport=transport) as backend:
            for _ in range(6):
                answers = await asyncio.gather(*(one() for _ in range(CALLS)))
                assert [answer.text for answer in answers] == ["Hello."] * CALLS
                found.append((server.connections, len(asyncio.all_tasks()), _descriptors()))
        return found

    with ScriptedServer(chat.answer()) as server:
        found = asyncio.run(main(server))
    # Never more connections than calls at once, whatever the round; and nothing but their two ends in this process.
    assert all(connections <= CALLS for connections, _, _ in found), found
    assert {tasks for _, tasks, _ in found} == {1}
    assert len({descriptors - 2 * connections for connections, _, descriptors in found if descriptors}) <= 1, found


@TRANSPORTS
def test_a_pool_of_dead_connections_costs_one_retry_and_not_one_each(chat, connect, transport):
    """Each kept connection takes a request and answers it with its end; the one that is tried after that is new."""
    served = set()

    def script(request):
        if request.connection in served:
            return Reply(framing="raw", end="close")
        served.add(request.connection)
        return Reply(framing="length", steps=[Pause(0.05), *chat.whole().steps], headers=chat.whole().headers)

    async def main(server):
        async with connect(server, transport=transport, retries=1) as backend:
            await asyncio.gather(*(backend.complete("hi") for _ in range(4)))
            answer = await backend.complete("hi")
            return answer.attempts, answer.text

    with ScriptedServer(script) as server:
        assert asyncio.run(main(server)) == (2, "Hello.")
        assert server.connections == 5


@TRANSPORTS
def test_what_a_dead_connection_was_asked_is_never_asked_again_in_silence(chat, connect, transport):
    """A GET neither, which aiohttp would send again by itself: each sending is an attempt that the caller hears of."""

    def script(request):
        if request.method == "GET":
            return Reply(framing="raw", end="close")
        return Reply(framing="length", steps=chat.whole().steps, headers=chat.whole().headers)

    async def main(server):
        async with connect(server, transport=transport) as backend:
            await backend.complete("hi")
            with pytest.raises(backbay.ConnectionLostError) as caught:
                await backend.list_models()
            return caught.value.attempts

    with ScriptedServer(script) as server:
        assert asyncio.run(main(server)) == 1
        assert [request.method for request in server.requests] == ["POST", "GET"]


@TRANSPORTS
def test_a_slow_reader_gets_all_that_came_before_the_connection_broke(chat, connect, transport):
    steps = [sse(chat.delta(content=f"{number} ")) for number in range(200)]

    async def main(server):
        texts = []
        async with connect(server, transport=transport) as backend, backend.stream("hi") as stream:
            with pytest.raises(backbay.ConnectionLostError) as caught:
                async for event in stream:
                    if isinstance(event, backbay.Text):
                        if not texts:
                            await asyncio.sleep(0.3)  # Meanwhile all else has come, and the end.
                        texts.append(event.delta)
        assert caught.value.partial.text == "".join(texts)
        return texts

    with ScriptedServer(Reply(steps=[steps[0], Pause(0.1), *steps[1:]], end="cut")) as server:
        assert asyncio.run(main(server)) == [f"{number} " for number in range(200)]


@TRANSPORTS
def test_a_backend_that_is_closed_while_calls_wait_for_a_connection_ends_them(chat, connect, transport, monkeypatch):
    monkeypatch.setattr(admission, "AT_ONCE", 1)

    async def main(server):
        backend = connect(server, transport=transport)
        tasks = [asyncio.create_task(backend.complete("hi")) for _ in range(8)]
        await asyncio.sleep(0.05)
        await backend.aclose()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    with ScriptedServer(Reply(steps=[Pause(1), b"{}"])) as server:
        found = asyncio.run(main(server))
    assert {type(each) for each in found} == {backbay.ClosedError}, found


@TRANSPORTS
def test_a_header_of_16_kib_is_taken(chat, connect, transport):
    reply = Reply(headers={"content-type": "application/json", "x-long": "x" * 2**14}, steps=chat.whole().steps)

    async def main(server):
        async with connect(server, transport=transport) as backend:
            return (await backend.complete("hi")).text

    with ScriptedServer(reply) as server:
        assert asyncio.run(main(server)) == "Hello."
