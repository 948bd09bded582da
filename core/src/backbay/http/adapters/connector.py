"""aiohttp's pool of connections: nothing is sent twice in silence, or read that nobody asked for."""

from __future__ import annotations

import socket
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.resolver import ThreadedResolver

from .admission import Ticket
from .exchange import Exchange
from .pools import KEEP_ALIVE
from .streams import is_readable

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class Errand:
    """A request on its way to a connection, and what is known of the one that it got.

    Args:
        ticket: Its place inside the gate.
        new: Whether the connection must be one that served nobody yet.
    """

    __slots__ = ("exchange", "new", "ticket")

    def __init__(self, ticket: Ticket, *, new: bool) -> None:
        self.ticket = ticket
        self.new = new
        self.exchange: ResponseHandler | None = None

    @property
    def died_idle(self) -> bool:
        """Whether the connection had served others, and nothing came on it for this one."""
        return self.ticket.reused and not getattr(self.exchange, "heard", False)


ERRAND: ContextVar[Errand | None] = ContextVar("ERRAND", default=None)
"""The request that looks for a connection: aiohttp hands nothing of a caller's through to its connector."""


class _Resolver(ThreadedResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if not found:
            raise OSError("its name has no address")  # Otherwise it would be an AssertionError of aiohttp's.
        return found


class Connector(aiohttp.TCPConnector):
    """aiohttp's pool, with connections that are watched, and none given out that has something to say."""

    def __init__(self) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_ALIVE, resolver=_Resolver())
        # There is no public way to say what class a connection is of. Where aiohttp does not ask this one, which the
        # fault suite shows, connections are of its own.
        self._factory = partial(Exchange, loop=self._loop)  # type: ignore[assignment]

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> Connection:
        """Return a connection of the pool, or a new one."""
        errand = ERRAND.get()
        assert errand is not None
        if errand.exchange is not None:
            # aiohttp would send a GET again, and nobody would know; whether to is core's to say.
            raise aiohttp.ClientConnectionError("it ended before the response was there")
        while True:
            connection = await super().connect(req, traces, timeout)
            if errand.ticket.made or (not errand.new and _is_quiet(connection)):
                break
            connection.close()  # What it may have sent unasked would be read as the answer to this request.
        errand.exchange = connection.protocol
        errand.ticket.connected()
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> ResponseHandler:
        if (errand := ERRAND.get()) is not None:
            errand.ticket.made = True
        return await super()._create_connection(req, traces, timeout)


def _is_quiet(connection: Connection) -> bool:
    """Whether nothing has come on a connection that was kept."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return False
    return not is_readable(transport)
