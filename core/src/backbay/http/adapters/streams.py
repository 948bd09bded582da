"""One connection of bytes, on the running event loop: opened, read when somebody asks, written, and closed."""

from __future__ import annotations

import asyncio
import ipaddress
import select
import ssl
from collections import deque
from typing import Any

HELD = 2**16
"""Bytes that may wait for a reader before the peer is made to wait."""

_SECOND_ADDRESS = 0.25
# Seconds after which the next address of a name is tried beside the first, as RFC 8305 has it.


class ByteStream(asyncio.Protocol):
    """A connection. One task reads it, and one writes; they may be different tasks.

    What comes while nobody reads is kept up to ``HELD`` bytes; then the peer has to wait, as far as its own buffers
    reach. No limit on time is kept here.
    """

    __slots__ = ("_ended", "_error", "_held", "_loop", "_paused", "_reader", "_size", "_stuck", "_transport", "_writer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._held: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._ended = False
        self._error: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._stuck = False
        self._writer: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int, context: ssl.SSLContext | None) -> ByteStream:
        """Connect, with TLS if there is a context. What fails or is cancelled leaves no socket behind.

        Raises:
            OSError: No connection could be made; an ``ssl.SSLError`` where TLS failed.
        """
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {} if context is None else {"ssl": context, "server_hostname": host}
        # uvloop's loop knows neither option, and an address needs neither.
        if isinstance(loop, asyncio.BaseEventLoop) and not _is_address(host):
            options |= {"happy_eyeballs_delay": _SECOND_ADDRESS, "interleave": 1}
        _, stream = await loop.create_connection(cls, host, port, **options)
        return stream

    async def read(self) -> bytes:
        """Return what has come, waiting for something if nothing has; ``b""`` when the peer has ended.

        Raises:
            OSError: The connection broke.
        """
        while not self._held:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._held.popleft() if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            if not self._ended:
                self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Write, and wait while the peer does not take it; not any longer once it has sent something or is gone.

        A server that answers before it has read a request has said all that it wants to say.
        """
        if self._ended:
            return
        self._transport.write(data)
        del data  # It may have the key, which a traceback with local variables would show.
        while self._stuck and not self._held and not self._ended:
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    @property
    def is_writing(self) -> bool:
        """Whether the peer has yet to take something that was written."""
        return bool(self._transport.get_write_buffer_size())

    @property
    def is_open(self) -> bool:
        """Whether the loop has neither heard of more from the peer, nor of its end."""
        return not (self._held or self._ended or self._transport.is_closing())

    @property
    def is_quiet(self) -> bool:
        """Whether the peer has sent nothing more, and is there; asks the system too, as the loop may not have yet."""
        return self.is_open and not is_readable(self._transport)

    async def aclose(self) -> None:
        """Close, at once: what the peer has not taken yet is lost."""
        self._transport.close()
        try:
            await asyncio.sleep(0)  # TLS says that it ends; nobody waits for the answer.
        finally:
            self._transport.abort()

    def abort(self) -> None:
        """Close without a word."""
        self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came, and wake who waits."""
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Note the end; the transport then closes itself."""
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and why."""
        self._ended = True
        self._error = exc
        self._wake()

    def pause_writing(self) -> None:
        """Note that the peer does not take what is written."""
        self._stuck = True

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._stuck = False
        self._wake()

    def _wake(self) -> None:
        for waiting in (self._reader, self._writer):
            if waiting is not None and not waiting.done():
                waiting.set_result(None)


def is_readable(transport: asyncio.BaseTransport) -> bool:
    """Whether the system has something of a connection's peer that the loop has not taken yet: bytes, or its end."""
    descriptor = transport.get_extra_info("socket").fileno()
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
