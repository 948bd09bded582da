"""The default transport, on httpx2; and a caller's own httpx or httpx2 client as one.

The default speaks to httpx2's transport layer, without its client: so there are no redirects, no cookies, no ``.netrc``
and no proxies from the environment, and a call costs less.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import httpx2

from ...errors import BackbayError, ClosedError, ConfigurationError, ConnectError, ConnectionLostError, DecodeError
from ..transport import Transport, TransportResponse
from .admission import Gates, Ticket
from .perloop import PerLoop
from .surplus import close_if_surplus, connection_of

CONNECT_LIMIT = 10.0
"""Seconds for one connection to be made, TLS included."""

KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept."""

_SHARD = 8
# httpcore2's pool looks at every connection for every request; small pools side by side keep 256 calls as cheap as one.

_tls: dict[str, ssl.SSLContext] = {}


def _tls_context(scheme: str) -> ssl.SSLContext:
    """Return the one TLS context of the process; for plain http an empty one, which trusts nobody and costs little."""
    found = _tls.get(scheme)
    if found is None:
        plain = scheme == "http"
        found = _tls[scheme] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx2.create_ssl_context()
    return found


class _Shard:
    __slots__ = ("busy", "idle_since", "pool", "transport")

    def __init__(self, scheme: str, pool: _Pool) -> None:
        self.busy = 0
        self.idle_since = 0.0
        self.pool = pool
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=_SHARD, keepalive_expiry=KEEP_ALIVE)
        self.transport = httpx2.AsyncHTTPTransport(verify=_tls_context(scheme), trust_env=False, limits=limits)


class _Pool:
    """The connections of one loop."""

    def __init__(self) -> None:
        self.gates = Gates()
        self._shards: dict[str, list[_Shard]] = {}
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.Task[None] | None = None

    def borrow(self, scheme: str) -> _Shard:
        if self._closed:
            raise ClosedError("The connections of this event loop are closed.")
        shards = self._shards.setdefault(scheme, [])
        for shard in shards:
            if shard.busy < _SHARD:
                return shard
        shards.append(_Shard(scheme, self))
        return shards[-1]

    def give_back(self, shard: _Shard) -> None:
        shard.busy -= 1
        if not shard.busy:
            shard.idle_since = self._loop.time()
            self._sweep_later()

    def _sweep_later(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(KEEP_ALIVE, self._begin_sweep)

    def _begin_sweep(self) -> None:
        self._timer = None
        self._sweeping = self._loop.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Close what a burst of calls left; httpcore2 looks at idle connections only when it is asked for one."""
        since = self._loop.time() - KEEP_ALIVE
        for scheme, shards in list(self._shards.items()):
            done = [shard for shard in shards if not shard.busy and shard.idle_since <= since]
            self._shards[scheme] = [shard for shard in shards if shard not in done]
            for shard in done:
                await shard.transport.aclose()
        if any(not shard.busy for shards in self._shards.values() for shard in shards):
            self._sweep_later()

    async def aclose(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._sweeping is not None:
            await asyncio.gather(self._sweeping, return_exceptions=True)
        for shards in self._shards.values():
            for shard in shards:
                await shard.transport.aclose()


class _Notice:
    """Sees where the connection of a request comes from, by httpcore2's ``trace``."""

    __slots__ = ("_ticket",)

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket

    async def __call__(self, name: str, info: Mapping[str, Any]) -> None:
        if name == "connection.connect_tcp.started":
            self._ticket.made = True
        elif name == "http11.send_request_headers.started":
            self._ticket.connected()
            # There is nothing more to see, and each step would cost a call.
            info["request"].extensions.pop("trace", None)


class HTTPXTransport(Transport):
    """The default transport: httpx2's connection pools, one set a loop."""

    def __init__(self) -> None:
        self._pools = PerLoop(_Pool)
        self._addresses: dict[str, tuple[httpx2.URL, str]] = {}

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request; return when the head of the response has come."""
        address, host = self._addresses.get(url) or self._address(url)
        sent = [("host", host), *headers, ("accept-encoding", "identity")]
        if body:
            sent.append(("content-length", str(len(body))))
        pool = await self._pools.get()
        ticket = await pool.gates.enter(address.scheme, address.host, address.port)
        try:
            # With stream=, httpx2 takes the headers as they are; with content=, it builds them three times over.
            request = httpx2.Request(
                method,
                address,
                headers=sent,
                stream=httpx2.ByteStream(body),
                extensions={"timeout": {"connect": CONNECT_LIMIT}, "trace": _Notice(ticket)},
            )
            del sent  # It has the key, which a traceback with local variables would show.
            return await _send(pool.borrow(address.scheme), request, url, ticket)
        finally:
            ticket.leave()

    def _address(self, url: str) -> tuple[httpx2.URL, str]:
        address = httpx2.URL(url)
        found = self._addresses[url] = (address, address.netloc.decode("ascii"))
        return found

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._pools.aclose()


async def _send(shard: _Shard, request: httpx2.Request, url: str, ticket: Ticket) -> TransportResponse:
    shard.busy += 1
    try:
        response = await shard.transport.handle_async_request(request)
    except BaseException as failure:
        shard.pool.give_back(shard)
        if not isinstance(failure, httpx2.HTTPError | OSError):
            raise
        error = explain(failure, url)
        if isinstance(error, ConnectionLostError):
            error.stale = ticket.reused
        raise error from failure
    return _Response(response, shard, url)


class _Response:
    """A response of httpx or httpx2, behind the seam."""

    def __init__(self, response: Any, shard: _Shard | None, url: str) -> None:
        self._response = response
        self._shard = shard
        self._url = url
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        response = self._response
        source = response.aiter_bytes() if "content-encoding" in self.headers else response.stream
        try:
            async for data in source:
                if data:
                    yield data
        except Exception as failure:
            raise explain(failure, self._url) from failure

    async def aclose(self) -> None:
        shard, self._shard = self._shard, None
        connection = connection_of(self._response)
        try:
            await self._response.aclose()
            if connection is not None:
                await close_if_surplus(connection)
        finally:
            if shard is not None:
                shard.pool.give_back(shard)


class ClientTransport(Transport):
    """A caller's own ``httpx.AsyncClient`` or ``httpx2.AsyncClient``, with its timeouts, proxies and TLS as they are.

    It is not closed with the backend. Redirects are not followed, since they would carry prompts and keys away.
    """

    def __init__(self, client: Any) -> None:
        homes = [parent.__module__.partition(".")[0] for parent in type(client).__mro__]
        library = next((home for home in homes if home in ("httpx", "httpx2")), None)
        if library is None:
            raise ConfigurationError("transport is no client of httpx or httpx2; give an AsyncClient object.")
        if not hasattr(client, "aclose"):
            raise ConfigurationError("transport is a synchronous client; give an AsyncClient, or leave it out.")
        self._client = client
        self._errors: type[Exception] = import_module(library).HTTPError

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request; return when the head of the response has come."""
        request = self._client.build_request(method, url, headers=list(headers), content=body)
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False)
        except (self._errors, OSError) as failure:
            raise explain(failure, url) from failure
        except RuntimeError as failure:
            raise ClosedError(f"The client that was given as transport cannot send: {failure}") from failure
        return _Response(response, None, url)

    async def aclose(self) -> None:
        """Leave the client open; it is the caller's."""


def explain(failure: BaseException, url: str) -> BackbayError:
    """Return an exception of httpx, httpx2 or the system as ours. The names of both libraries' classes are the same."""
    name = type(failure).__name__
    where = url.split("?", maxsplit=1)[0]
    said = str(failure) or next((str(cause) for cause in _causes(failure) if str(cause)), name)
    if name in ("ConnectError", "ConnectTimeout", "ProxyError", "PoolTimeout") or isinstance(failure, ConnectionError):
        return _no_connection(failure, where, said if name != "ConnectTimeout" else "it took too long")
    if name == "DecodingError":
        return DecodeError(f"The body from {where} cannot be decompressed: {said}")
    if name in ("LocalProtocolError", "UnsupportedProtocol", "InvalidURL"):
        return ConfigurationError(f"The request to {where} cannot be sent as HTTP: {name}.")
    return ConnectionLostError(
        f"The connection to {where} broke: {said}",
        retryable=True,
        hint="Try again; if it stays, the server is failing.",
    )


def _no_connection(failure: BaseException, where: str, said: str) -> ConnectError:
    for cause in _causes(failure):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConnectError(
                f"The certificate of {where} is not trusted: {cause.verify_message}.",
                hint="Set SSL_CERT_FILE to your authority's certificate if this server is yours.",
            )
    return ConnectError(
        f"No connection to {where}: {said}.",
        retryable=True,
        hint="Is the server running, and is the base URL right?",
    )


def _causes(failure: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = failure
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
