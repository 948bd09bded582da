"""A transport that cuts what comes into pieces of one size, wherever the network had cut it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from backbay.http.adapters.direct import DirectTransport
from backbay.http.transport import Transport, TransportResponse


class Splitting(Transport):
    """The default transport, with every body in pieces.

    Args:
        size: Bytes of a piece.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._transport = DirectTransport()

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request, as the default transport does."""
        return _Split(await self._transport.send(method, url, headers, body), self._size)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


class _Split:
    def __init__(self, response: TransportResponse, size: int) -> None:
        self._response = response
        self._size = size
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        held = b""
        async for data in self._response.chunks():
            held += data
            while len(held) >= self._size:
                piece, held = held[: self._size], held[self._size :]
                yield piece
        if held:
            yield held

    async def aclose(self) -> None:
        await self._response.aclose()
