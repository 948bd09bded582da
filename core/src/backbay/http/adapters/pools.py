"""The connections of one event loop: those that wait to be used again, by origin, and those in use."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from ...errors import ClosedError
from . import tls
from .admission import Gates
from .connection import Connection
from .streams import ByteStream

CONNECT_LIMIT = 5.0
"""Seconds for one connection to be made, TLS included."""

KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept."""

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class Pool:
    """Lends connections. It has as many as are needed at once; the gates bound only how many are being made."""

    def __init__(self) -> None:
        self.lent: set[Connection] = set()
        self.idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._gates = Gates()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    async def borrow(self, origin: Origin, *, new: bool = False) -> Connection:
        """Return a connection, the one that was used last if any is idle.

        Args:
            origin: Where it leads.
            new: Whether only one will do that nobody has used.

        Raises:
            ClosedError: The pool is closed.
            OSError: No connection could be made; a ``TimeoutError`` if it took longer than ``CONNECT_LIMIT``.
        """
        if not new and (found := self._idle(origin)) is not None:
            return found
        ticket = await self._gates.enter(*origin)
        try:
            # One may have come back meanwhile.
            return (None if new else self._idle(origin)) or await self._make(origin)
        finally:
            ticket.leave()

    def give_back(self, origin: Origin, connection: Connection) -> bool:
        """Take a connection back, whose exchange has ended; return whether it is kept, or else to be closed."""
        self.lent.discard(connection)
        if self._closed or not connection.renew():
            return False
        connection.idle_since = self._loop.time()
        self.idle[origin].append(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(KEEP_ALIVE, self._sweep)
        return True

    async def close(self, connection: Connection) -> None:
        """Close a connection that was lent."""
        self.lent.discard(connection)
        await connection.stream.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("The connections of this event loop are closed.")

    def _idle(self, origin: Origin) -> Connection | None:
        self._check_open()
        waiting = self.idle.get(origin)
        while waiting:
            connection = waiting.pop()
            if connection.stream.is_quiet:
                self.lent.add(connection)
                return connection
            connection.stream.abort()
        return None

    async def _make(self, origin: Origin) -> Connection:
        self._check_open()
        scheme, host, port = origin
        context = tls.context() if scheme == "https" else None
        async with asyncio.timeout(CONNECT_LIMIT):
            connection = Connection(await ByteStream.open(host, port, context))
        if self._closed:
            connection.stream.abort()
            self._check_open()
        self.lent.add(connection)
        return connection

    def _sweep(self) -> None:
        """Close what nobody has used for a while."""
        self._timer = None
        since = self._loop.time() - KEEP_ALIVE
        for origin, waiting in list(self.idle.items()):
            kept = [connection for connection in waiting if connection.idle_since > since]
            for connection in waiting[: len(waiting) - len(kept)]:
                connection.stream.abort()
            if kept:
                waiting[:] = kept
                next_one = max(kept[0].idle_since - since, 0.0)
                if self._timer is None:
                    self._timer = self._loop.call_later(next_one, self._sweep)
            else:
                del self.idle[origin]

    async def aclose(self) -> None:
        """Close all connections, those in use too: whoever reads one gets an error."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        found = [*self.lent, *(connection for waiting in self.idle.values() for connection in waiting)]
        self.lent.clear()
        self.idle.clear()
        await asyncio.gather(*(connection.stream.aclose() for connection in found))
