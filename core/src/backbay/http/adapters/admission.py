"""The gate before new connections: a storm of calls makes so many at once, and no more, so that the loop stays awake.

It bounds the making of connections, not how many are open. Each event loop has a gate for each origin. A request passes
it before it looks for a connection, and leaves it as soon as it has one, TLS included. Who waits is let in by turn; the
wait counts towards the call's own limits, not towards the one on making a connection.
"""

from __future__ import annotations

import asyncio

AT_ONCE = 32
"""Requests to one origin that look for a connection, or make one, at the same time."""


class Ticket:
    """A place inside a gate, for one request. ``leave`` may be called again.

    Attributes:
        made: Whether the request made a connection.
        reused: Whether it got one that had served others.
    """

    __slots__ = ("_gate", "made", "reused")

    def __init__(self, gate: asyncio.Semaphore) -> None:
        self._gate: asyncio.Semaphore | None = gate
        self.made = False
        self.reused = False

    def connected(self) -> None:
        """Say that the request has its connection."""
        self.reused = not self.made
        self.leave()

    def leave(self) -> None:
        """Let the next one in."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.release()


class Gates:
    """The gates of one event loop, by origin."""

    __slots__ = ("_gates",)

    def __init__(self) -> None:
        self._gates: dict[tuple[str, str, int | None], asyncio.Semaphore] = {}

    async def enter(self, scheme: str, host: str, port: int | None) -> Ticket:
        """Wait for a place inside the gate before an origin; the ticket's ``leave`` must be called."""
        origin = (scheme, host, port)
        gate = self._gates.get(origin)
        if gate is None:
            gate = self._gates[origin] = asyncio.Semaphore(AT_ONCE)
        await gate.acquire()
        return Ticket(gate)
