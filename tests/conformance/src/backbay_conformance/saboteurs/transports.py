"""Saboteurs of the transport: backends over HTTP whose way of moving bytes is careless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import httpx2

from backbay import ConnectionLostError
from backbay.http.driver import HTTPBackend
from backbay.http.transport import Transport, TransportResponse

_Change = Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]


class _Response:
    def __init__(self, response: TransportResponse, change: _Change) -> None:
        self._response = response
        self._change = change

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def chunks(self) -> AsyncIterator[bytes]:
        return self._change(self._response.chunks())

    async def aclose(self) -> None:
        await self._response.aclose()


class _Changed(Transport):
    """A transport whose bodies are changed on their way."""

    def __init__(self, honest: Transport, change: _Change) -> None:
        self._honest = honest
        self._change = change

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        return _Response(await self._honest.send(method, url, headers, body), self._change)

    async def aclose(self) -> None:
        await self._honest.aclose()


async def _first(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for data in chunks:
        yield data
        return


async def _unbroken(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for data in chunks:
            yield data
    except ConnectionLostError:
        return


async def _reluctant(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for data in chunks:
            yield data
    except asyncio.CancelledError:
        await asyncio.sleep(3)
        raise


class ReadsOnePiece(HTTPBackend):
    """Takes the first bytes that come for the whole body."""

    def _get_transport(self) -> Transport:
        return _Changed(super()._get_transport(), _first)


class IgnoresTheFraming(HTTPBackend):
    """Takes a body whose framing is broken, or that ends too early, for a whole one."""

    def _get_transport(self) -> Transport:
        return _Changed(super()._get_transport(), _unbroken)


class WaitsInMidBody(HTTPBackend):
    """Lets a limit end a call only before the body has begun."""

    def _get_transport(self) -> Transport:
        return _Changed(super()._get_transport(), _reluctant)


class _Raw(Transport):
    """httpx2 alone, as it is."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncHTTPTransport()

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        request = httpx2.Request(method, url, headers=list(headers), content=body)
        return _RawResponse(await self._client.handle_async_request(request))

    async def aclose(self) -> None:
        await self._client.aclose()


class _RawResponse:
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> AsyncIterator[bytes]:
        return self._response.aiter_raw()

    async def aclose(self) -> None:
        await self._response.aclose()


class KeepsStrayBytes(HTTPBackend):
    """Takes bytes that nobody asked for as the answer to the next request."""

    def _get_transport(self) -> Transport:
        if not self._transport:
            self._transport.append(_Raw())
        return self._transport[0]
