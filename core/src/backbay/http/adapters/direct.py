"""The default transport: HTTP/1.1 by llhttp, on the event loop's own connections.

It follows no redirect, keeps no cookie, reads no ``.netrc`` and no proxy from the environment, since there is none of
all that in it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ...errors import BackbayError, ConnectError, ConnectionLostError, TransportError
from ..transport import Transport, TransportResponse
from .connection import Broken, Connection, Head, NotHTTP
from .decoding import decoded
from .letdown import LetDown
from .perloop import PerLoop
from .pools import CONNECT_LIMIT, Origin, Pool

_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~-._?"


class _Address(NamedTuple):
    origin: Origin
    host: str
    target: bytes


class DirectTransport(Transport):
    """The default transport: one pool of connections a loop."""

    def __init__(self) -> None:
        self._pools = PerLoop(Pool)
        self._let_down = LetDown()

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request; return when the head of the response has come."""
        address = _address(url)
        pool = await self._pools.get()
        try:
            connection = await pool.borrow(address.origin, new=self._let_down.take())
        except OSError as failure:
            raise no_connection(failure, url) from failure
        try:
            head = await connection.ask(method, address.target, _whole(address.host, headers, body), body)
        except BaseException as failure:
            await pool.close(connection)
            if not isinstance(failure, OSError | Broken | NotHTTP):
                raise
            error = broken(failure, url)
            if isinstance(error, ConnectionLostError) and connection.broke_unheard:
                self._let_down.note(error)
            raise error from failure
        return _Response(head, connection, pool, address.origin, url)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._pools.aclose()


@lru_cache(maxsize=256)
def _address(url: str) -> _Address:
    parts = urlsplit(url)
    name = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii").decode()
    origin = (parts.scheme, name, parts.port or _PORTS[parts.scheme])
    shown = f"[{name}]" if ":" in name else name
    host = shown if origin[2] == _PORTS[parts.scheme] else f"{shown}:{origin[2]}"
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return _Address(origin, host, target.encode("ascii"))


class _Headers(list[tuple[str, str]]):
    """Headers with the key among them, which a traceback that shows local variables must not show."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


def _whole(host: str, headers: Sequence[tuple[str, str]], body: bytes) -> _Headers:
    whole = _Headers([("host", host), *headers, ("accept-encoding", "identity")])
    if body:
        whole.append(("content-length", str(len(body))))
    return whole


class _Response:
    """A response, which is its own body."""

    def __init__(self, head: Head, connection: Connection, pool: Pool, origin: Origin, url: str) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._origin = origin
        self._url = url
        self.status: int = head.status
        self.headers: Mapping[str, str] = head.headers

    def chunks(self) -> _Response:
        return decoded(self, self.headers)  # type: ignore[return-value]

    def __aiter__(self) -> _Response:
        return self

    async def __anext__(self) -> bytes:
        if self._connection is None:
            raise StopAsyncIteration
        try:
            data = await self._connection.read()
        except (OSError, Broken) as failure:
            raise broken(failure, self._url) from failure
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not self._pool.give_back(self._origin, connection):
            await self._pool.close(connection)


def broken(failure: BaseException, url: str) -> BackbayError:
    """Return what happened to a connection, once there was one, as an error of ours."""
    where = url.partition("?")[0]
    if isinstance(failure, NotHTTP):
        hint = "Does the base URL lead to an HTTP server, and to nothing in between?"
        return TransportError(f"From {where}, {failure}.", hint=hint)
    if isinstance(failure, ssl.SSLError):
        return no_connection(failure, url)
    return ConnectionLostError(
        f"The connection to {where} broke: {str(failure) or type(failure).__name__}",
        retryable=True,
        hint="Try again; if it stays, the server is failing.",
    )


def no_connection(failure: OSError, url: str) -> ConnectError:
    """Return why no connection could be made, as an error of ours."""
    where = url.partition("?")[0]
    if isinstance(failure, ssl.SSLCertVerificationError):
        return ConnectError(
            f"The certificate of {where} is not trusted: {failure.verify_message}.",
            hint="Set SSL_CERT_FILE to your authority's certificate if this server is yours.",
        )
    if isinstance(failure, ssl.SSLError):
        return ConnectError(
            f"TLS with {where} failed: {failure.reason or failure}.",
            hint="Does the server speak TLS 1.2 or later on that port, and does it want a certificate of yours?",
        )
    if isinstance(failure, socket.gaierror) and failure.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", 0)):
        return ConnectError(f"No connection to {where}: there is no such host.", hint="Is the base URL right?")
    said = f"it took longer than {CONNECT_LIMIT:g} s" if isinstance(failure, TimeoutError) else str(failure)
    return ConnectError(
        f"No connection to {where}: {said}.",
        retryable=True,
        hint="Is the server running, and is the base URL right?",
    )
