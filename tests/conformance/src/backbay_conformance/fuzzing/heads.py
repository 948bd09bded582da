"""The surface below all wires: heads and bodies of HTTP, read by the transports from a socket on this machine.

An HTTP library reads these bytes, and whatever it raises for them must have become an error of ours.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from zlib import crc32

from backbay.connecting import build
from backbay.errors import BackbayError
from backbay.spec import BackendSpec

from .laws import BrokenLawError, told
from .mutation import Mutator, Seed
from .surface import Surface, surface

LIMIT = 5.0
"""Seconds for one input; the server has closed the connection long before."""

_SPEC = BackendSpec(name="example", wires=("openai_chat",), requires_credential=False)
_WHOLE = b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}'
_EVENTS = (
    b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n',
    b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n',
    b"data: [DONE]\n\n",
)
_OK = b"HTTP/1.1 200 OK\r\n"
_JSON = b"Content-Type: application/json\r\n"
_SSE = b"Content-Type: text/event-stream\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _sized(data: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(data)


_PACKED = gzip.compress(_WHOLE, mtime=0)
_SEEDS: Sequence[Seed] = (
    [_OK, _JSON, _sized(_WHOLE), b"\r\n", _WHOLE],
    [_OK, _SSE, b"Transfer-Encoding: chunked\r\n", b"\r\n", *map(_chunk, _EVENTS), b"0\r\n", b"\r\n"],
    [_OK, _SSE, b"Connection: close\r\n", b"\r\n", *_EVENTS],
    [b"HTTP/1.0 200 OK\r\n", _JSON, b"\r\n", _WHOLE],
    [b"HTTP/1.1 100 Continue\r\n", b"\r\n", b"HTTP/1.1 103 Early Hints\r\n", b"Link: </a>\r\n", b"\r\n", _OK,
     _sized(_WHOLE), b"\r\n", _WHOLE],
    [b"HTTP/1.1 429 Too Many Requests\r\n", b"Retry-After: 7\r\n", b"X-Request-Id: r\r\n", b"Content-Length: 26\r\n",
     b"\r\n", b'{"error":{"message":"no"}}'],
    [b"HTTP/1.1 302 Found\r\n", b"Location: /elsewhere\r\n", b"Content-Length: 0\r\n", b"\r\n"],
    [b"HTTP/1.1 204 No Content\r\n", b"\r\n"],
    [b"HTTP/1.1 101 Switching Protocols\r\n", b"Upgrade: h2c\r\n", b"Connection: Upgrade\r\n", b"\r\n", b"x"],
    [_OK, _JSON, b"Content-Encoding: gzip\r\n", _sized(_PACKED), b"\r\n", _PACKED],
    [_OK, _JSON, b"Content-Encoding: gzip\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n", _chunk(_PACKED), b"0\r\n",
     b"\r\n"],
    [_OK, b"Transfer-Encoding: chunked\r\n", b"Trailer: x-a\r\n", b"\r\n", b"5;a=b\r\n", b"hello\r\n", b"0\r\n",
     b"X-A: b\r\n", b"\r\n"],
    [b"HTTP/1.1 503 \r\n", b"X-Folded: a\r\n", b" b\r\n", b"Set-Cookie: a=b\r\n", b"Set-Cookie: c=d\r\n", b"\r\n"],
)  # fmt: skip


def head_surfaces() -> list[Surface]:
    """Return a surface for each transport that is installed."""
    transports: list[tuple[str, str | None]] = [("http_heads", None)]
    if find_spec("aiohttp") is not None:
        transports.append(("http_heads.aiohttp", "aiohttp"))
    mutator = Mutator(_SEEDS)
    return [surface(name, mutator, _check_by(transport), _SEEDS) for name, transport in transports]


def _check_by(transport: str | None) -> Callable[[bytes], object]:
    return lambda data: check_response(data, transport)


def check_response(data: bytes, transport: str | None = None) -> None:
    """Check what becomes of the bytes that a server answers a request with, before it closes the connection.

    Args:
        data: All that the server sends.
        transport: The transport that reads it; ``None`` for the default.
    """
    kind = crc32(data)
    asyncio.run(_call(data, transport, stream=kind % 2 == 0, cut=kind // 2 % (len(data) + 1) if kind % 3 else 0))


async def _call(data: bytes, transport: str | None, *, stream: bool, cut: int) -> None:
    requests = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(size.partition(b":")[2]))
            writer.write(data[:cut])
            await writer.drain()
            writer.write(data[cut:])
            await writer.drain()
        except OSError:  # the other end has read enough, and left
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    backend = build(_SPEC, "m", base_url=url, retries=0, transport=transport)
    try:
        async with asyncio.timeout(LIMIT):
            await (backend.stream("Hello.").collect() if stream else backend.complete("Hello."))
    except BackbayError as failure:
        told(failure)
    except TimeoutError:
        raise BrokenLawError(f"the call hung for {LIMIT:g} s after the connection was closed") from None
    finally:
        await backend.aclose()
        server.close()
    if requests != 1:
        raise BrokenLawError(f"{requests} requests were sent for one call")
