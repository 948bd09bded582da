"""The seam between Backbay and an HTTP library: send a request, get a status and an iterator of bytes.

No public signature shows a type of an HTTP library. An adapter raises only ``ConnectError`` and
``ConnectionLostError``. Limits are kept by core, so an adapter bounds nothing but the making of a connection; it
follows no redirects and reads no proxy settings from the environment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol


class TransportResponse(Protocol):
    """A response whose head has come. ``aclose`` must be called, and closes the connection unless all was read."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, by lower-case name; repeated ones are joined by a comma."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body, decompressed, as it comes. May be called once."""

    async def aclose(self) -> None:
        """Let go of the response. May be called again."""


class Transport(Protocol):
    """Moves bytes. One object serves many calls at once, on any number of event loops, in forked processes too."""

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request; return when the head of the response has come.

        Raises:
            ConnectError: No connection could be made.
            ConnectionLostError: The connection broke before the head was there.
        """

    async def aclose(self) -> None:
        """Close all connections of the running loop. May be called again."""
