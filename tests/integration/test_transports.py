"""What moves the bytes: the default, aiohttp, or a client of the caller's own."""

from __future__ import annotations

import asyncio

import httpx
import httpx2
import pytest

import backbay
from backbay.testing import Pause, Reply, ScriptedServer, sse

OWN = [httpx, httpx2]
ALL = [None, "aiohttp", httpx, httpx2]


def given(kind):
    return kind.AsyncClient(trust_env=False) if kind in OWN else kind


async def close(client):
    if hasattr(client, "aclose"):
        await client.aclose()


@pytest.mark.parametrize("kind", ALL)
def test_every_transport_carries_both_ways_and_keeps_the_connection(chat, connect, kind):
    async def main(server):
        client = given(kind)
        async with connect(server, transport=client) as backend:
            for _ in range(3):
                assert (await backend.complete("hi")).text == "Hello."
                assert (await backend.stream("hi").collect()).text == "Hello."
        await close(client)

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
    assert (len(server.requests), server.connections) == (6, 1)


FAULTS = {
    "status": (Reply.json({"error": "no"}, status=429, headers={"retry-after": "3"}), backbay.RateLimitError),
    "reset": (Reply(framing="raw", end="reset"), backbay.ConnectionLostError),
    "half a head": (Reply(framing="raw", steps=[b"HTTP/1.1 200 OK\r\nx"], end="close"), backbay.ConnectionLostError),
    "cut": (Reply(steps=[b'{"choices": ['], end="cut"), backbay.ConnectionLostError),
    "redirect": (Reply(status=307, headers={"location": "/v2"}), backbay.ResponseError),
    "not HTTP": (Reply(framing="raw", steps=[b"hello\r\n\r\n"], end="close"), backbay.TransportError),
    "bad gzip": (Reply(steps=[b"not gzip"], headers={"content-encoding": "gzip"}), backbay.BackbayError),
}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("how", ["complete", "stream"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_transport_gives_the_same_typed_error(connect, kind, how, name):
    async def main(server):
        client = given(kind)
        try:
            async with connect(server, transport=client) as backend:
                await (backend.complete("hi") if how == "complete" else backend.stream("hi").collect())
        finally:
            await close(client)

    reply, expected = FAULTS[name]
    with ScriptedServer(reply) as server, pytest.raises(expected) as caught:
        asyncio.run(main(server))
    assert caught.value.attempts == len(server.requests) == 1


@pytest.mark.parametrize("kind", ALL)
def test_every_transport_has_a_typed_connect_error(chat, connect, kind):
    async def main(server):
        client = given(kind)
        try:
            async with connect(server, transport=client) as backend:
                await backend.complete("hi")
        finally:
            await close(client)

    with ScriptedServer(chat.answer()) as server:
        pass
    with pytest.raises(backbay.ConnectError) as caught:
        asyncio.run(main(server))
    assert (caught.value.retryable, caught.value.phase) == (True, "connect")


@pytest.mark.parametrize("kind", ALL)
def test_every_transport_closes_the_socket_of_a_stream_that_is_left_m13(chat, connect, kind):
    async def main(server):
        client = given(kind)
        async with connect(server, transport=client) as backend:
            async with backend.stream("hi") as stream:
                async for _ in stream:
                    break
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1.0)
        await close(client)

    with ScriptedServer(Reply(steps=[sse(chat.delta(content="x")), Pause(5)])) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("library", OWN)
def test_a_client_of_the_callers_own_is_used_as_it_is_and_left_open(chat, connect, library):
    async def main(server):
        async with library.AsyncClient(headers={"x-mine": "1"}, follow_redirects=True, trust_env=False) as client:
            async with connect(server, transport=client) as backend:
                await backend.complete("hi")
            assert not client.is_closed
            async with connect(server, transport=client) as backend:
                await backend.complete("hi")

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
    assert [request.headers["x-mine"] for request in server.requests] == ["1", "1"]


@pytest.mark.parametrize("library", OWN)
def test_a_client_that_is_closed_already_is_a_typed_error(chat, connect, library):
    async def main(server):
        client = library.AsyncClient(trust_env=False)
        await client.aclose()
        await connect(server, transport=client).complete("hi")

    with ScriptedServer(chat.answer()) as server:
        with pytest.raises(backbay.ClosedError):
            asyncio.run(main(server))


@pytest.mark.parametrize("library", OWN)
def test_a_timeout_of_the_callers_client_is_a_typed_error(connect, library):
    async def main(server):
        async with library.AsyncClient(timeout=0.2, trust_env=False) as client:
            await connect(server, transport=client).complete("hi")

    with ScriptedServer(Reply(steps=[Pause(5)])) as server:
        with pytest.raises(backbay.TransportError):
            asyncio.run(main(server))


class _SyncSession:
    """As requests.Session: a send, and no coroutine."""

    def send(self, request):
        raise AssertionError("never called")


@pytest.mark.parametrize(
    "make",
    [
        httpx.Client,
        httpx2.Client,
        _SyncSession,
        httpx.AsyncHTTPTransport,
        lambda: httpx.AsyncClient,
        lambda: "requests",
        lambda: 5,
        object,
    ],
)
def test_what_is_no_asynchronous_transport_is_refused_when_it_is_given(key, make):
    value = make()
    with pytest.raises(backbay.ConfigurationError):
        backbay.connect("openai:m", api_key=key, transport=value)
    if isinstance(value, httpx.Client | httpx2.Client):
        value.close()
