"""What the default transport takes for an HTTP response: what is odd, but allowed; and not what is odd, and refused."""

from __future__ import annotations

import asyncio

import pytest

from backbay.errors import ConfigurationError, ConnectionLostError, TransportError
from backbay.http.adapters.direct import DirectTransport
from backbay.testing import Reply, ScriptedServer

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"content-length: 2\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"

TAKEN = {
    "no reason": b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nok",
    "a reason that is no ASCII": b"HTTP/1.1 200 \xe2\x9c\x93\r\n" + LENGTH + b"\r\nok",
    "lines that end in LF": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    "HTTP/1.0, until the end": b"HTTP/1.0 200 OK\r\n\r\nok",
    "until the end": OK + b"connection: close\r\n\r\nok",
    "spaces behind a chunk's size": OK + CHUNKED + b"2  \r\nok\r\n0\r\n\r\n",
    "a chunk's extension": OK + CHUNKED + b"2;a=b\r\nok\r\n0\r\n\r\n",
    "zeros before a chunk's size": OK + CHUNKED + b"0000002\r\nok\r\n000\r\n\r\n",
    "a trailer": OK + CHUNKED + b"2\r\nok\r\n0\r\nfoo: bar\r\n\r\n",
    "bytes in many chunks": OK + CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    "100 before it": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH + b"\r\nok",
    "103 before it": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK + LENGTH + b"\r\nok",
    "the offer of another protocol": OK + b"upgrade: h2c\r\nconnection: upgrade\r\n" + LENGTH + b"\r\nok",
    "spaces around a value": OK + b"content-length:  2  \r\n\r\nok",
}
REFUSED = {
    "a space before the colon": OK + b"foo : x\r\n" + LENGTH + b"\r\nok",
    "a header without a name": OK + b": x\r\n" + LENGTH + b"\r\nok",
    "a NUL in a value": OK + b"foo: a\0b\r\n" + LENGTH + b"\r\nok",
    "two lengths": OK + LENGTH + b"content-length: 3\r\n\r\nok",
    "a length that is none": OK + b"content-length: +2\r\n\r\nok",
    "a length beyond all": OK + b"content-length: 99999999999999999999999\r\n\r\nok",
    "a length, and chunks": OK + LENGTH + CHUNKED + b"2\r\nok\r\n0\r\n\r\n",
    "another encoding": OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/2 in words": b"HTTP/2 200 OK\r\n" + LENGTH + b"\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n" + LENGTH + b"\r\nok",
    "a status below 100": b"HTTP/1.1 099 OK\r\n" + LENGTH + b"\r\nok",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nok",
    "nine of 1xx": 9 * b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + LENGTH + b"\r\nok",
    "a head without end": OK + b"foo: " + b"x" * 100_000,
    "headers without end": OK + b"foo: x\r\n" * 20_000,
}
BROKEN = {
    "a chunk's size that is none": OK + CHUNKED + b"2 ; a=b c\x01\r\nok\r\n0\r\n\r\n",
    "a chunk longer than it says": OK + CHUNKED + b"1\r\nok\r\n0\r\n\r\n",
    "an end before the last chunk": OK + CHUNKED + b"2\r\nok\r\n",
    "an end before the length": OK + b"content-length: 3\r\n\r\nok",
    "trailers without end": OK + CHUNKED + b"2\r\nok\r\n0\r\nfoo: " + b"x" * 200_000,
}


async def answered(raw: bytes, times: int = 1) -> tuple[list[bytes], int]:
    """Return the bodies of as many answers as asked for, and over how many connections they came."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(raw)
                await writer.drain()
                if times == 1:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = DirectTransport()
    bodies = []
    try:
        for _ in range(times):
            response = await transport.send("GET", url, [], b"")
            try:
                bodies.append(b"".join([data async for data in response.chunks()]))
            finally:
                await response.aclose()
    finally:
        await transport.aclose()
        server.close()
        await server.wait_closed()
    return bodies, connections


@pytest.mark.parametrize("name", TAKEN)
def test_a_response_that_is_odd_and_allowed_is_read(name):
    assert asyncio.run(answered(TAKEN[name]))[0] == [b"ok"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_head_that_is_no_http_is_refused_and_asking_again_is_not_advised(name):
    with pytest.raises(TransportError) as caught:
        asyncio.run(answered(REFUSED[name]))
    assert not isinstance(caught.value, ConnectionLostError)
    assert not caught.value.retryable


@pytest.mark.parametrize("name", BROKEN)
def test_a_body_whose_framing_does_not_hold_is_a_connection_that_broke(name):
    with pytest.raises(ConnectionLostError) as caught:
        asyncio.run(answered(BROKEN[name]))
    assert caught.value.retryable


@pytest.mark.parametrize("extra", [b"x", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad"])
def test_what_comes_behind_an_answer_is_nobodys(extra):
    bodies, connections = asyncio.run(answered(OK + LENGTH + b"\r\nok" + extra, times=3))
    assert (bodies, connections) == ([b"ok"] * 3, 3)


@pytest.mark.parametrize("framing", [LENGTH + b"\r\nok", CHUNKED + b"2\r\nok\r\n0\r\n\r\n"])
def test_one_connection_serves_many_exchanges(framing):
    bodies, connections = asyncio.run(answered(OK + framing, times=5))
    assert (bodies, connections) == ([b"ok"] * 5, 1)


@pytest.mark.parametrize(
    "header",
    [("x-a", "a\r\nx-b: b"), ("x-a", "a\nb"), ("x-a", "a\0b"), ("x a", "b"), ("", "b"), ("x-a", "ä"), ("x-a", " b")],
)
def test_a_header_that_no_request_may_have_is_never_sent_nor_shown(header):
    async def main(url: str) -> None:
        transport = DirectTransport()
        try:
            with pytest.raises(ConfigurationError) as caught:
                await transport.send("GET", url, [header], b"")
            assert "x-b" not in str(caught.value)
        finally:
            await transport.aclose()

    with ScriptedServer(Reply.json({})) as server:
        asyncio.run(main(f"{server.url}/"))
        assert not server.requests
