"""A transport on aiohttp: an extra (``pip install "backbay[aiohttp]"``), chosen by ``transport="aiohttp"``.

Costs less than half of the default one's CPU a call; see docs/performance.md.
"""

from __future__ import annotations

import ssl
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ...errors import BackbayError, ConfigurationError, ConnectionLostError, TransportError
from ..transport import Transport, TransportResponse
from . import tls
from .admission import Gates, Ticket
from .connection import unsound
from .decoding import decoded
from .direct import no_connection
from .perloop import PerLoop
from .pools import CONNECT_LIMIT, KEEP_ALIVE
from .streams import is_readable

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

try:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL
except ImportError as failure:
    raise ConfigurationError(
        "transport='aiohttp' needs aiohttp, which is not installed.", hint="pip install 'backbay[aiohttp]'"
    ) from failure

_TICKET: ContextVar[Ticket | None] = ContextVar("_TICKET", default=None)


class _Connector(aiohttp.TCPConnector):
    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> Connection:
        ticket = _TICKET.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            if (ticket is not None and ticket.made) or _is_quiet(connection):
                break
            connection.close()  # What it sent unasked would be read as the answer to this request.
        if ticket is not None:
            ticket.connected()
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> ResponseHandler:
        if (ticket := _TICKET.get()) is not None:
            ticket.made = True
        return await super()._create_connection(req, traces, timeout)


class _Session:
    def __init__(self) -> None:
        self.gates = Gates()
        connector = _Connector(limit=0, keepalive_timeout=KEEP_ALIVE)
        self.session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        self.responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()

    async def aclose(self) -> None:
        for response in list(self.responses):
            response.close()  # Or else whoever reads it would wait for ever.
        await self.session.close()


class AiohttpTransport(Transport):
    """aiohttp's connection pool, one a loop."""

    def __init__(self) -> None:
        self._sessions = PerLoop(_Session)

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request; return when the head of the response has come."""
        kept = await self._sessions.get()
        address = URL(url, encoded=True)
        ticket = await kept.gates.enter(address.scheme, address.host or "", address.port)
        before = _TICKET.set(ticket)
        try:
            response = await kept.session.request(
                method,
                address,
                headers=CIMultiDict([*headers, ("accept-encoding", "identity")]),
                data=body or None,
                allow_redirects=False,
                ssl=tls.context() if address.scheme == "https" else True,
            )
        except (aiohttp.ClientError, OSError) as failure:
            error = _explained(failure, url)
            if isinstance(error, ConnectionLostError):
                error.stale = ticket.reused
            raise error from _bare(failure)
        finally:
            _TICKET.reset(before)
            ticket.leave()
        names = [name.lower() for name, _ in response.raw_headers]
        if (problem := unsound(names)) is not None:
            response.close()
            raise TransportError(f"From {url}, {problem}.")
        kept.responses.add(response)
        return _Response(response, url)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._sessions.aclose()


class _Response:
    def __init__(self, response: aiohttp.ClientResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> AsyncIterator[bytes]:
        return decoded(self._chunks(), {name.lower(): value for name, value in self.headers.items()})

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._response.content.iter_any():
                if data:
                    yield data
        except (aiohttp.ClientError, OSError) as failure:
            raise _lost(failure, self._url) from failure

    async def aclose(self) -> None:
        # close() drops a connection whose body was not read, and keeps one whose body was.
        self._response.close() if not self._response.content.at_eof() else self._response.release()


def _is_quiet(connection: Connection) -> bool:
    """Whether nothing has come on a connection that was kept."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return False
    return not is_readable(transport)


def _bare(failure: Exception) -> Exception:
    # Frames of aiohttp have the headers, and so the key, in local variables.
    return failure.with_traceback(None)


def _explained(failure: Exception, url: str) -> BackbayError:
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        failure = failure.certificate_error
    if isinstance(failure, aiohttp.ClientConnectorError):
        failure = failure.os_error
        return no_connection(failure, url)
    if isinstance(failure, ssl.SSLError):
        return no_connection(failure, url)
    if isinstance(failure, aiohttp.ConnectionTimeoutError):
        return no_connection(TimeoutError(), url)
    if isinstance(failure, aiohttp.ClientResponseError):
        return TransportError(
            f"From {url}, what came is no HTTP: {failure.message}.",
            hint="Does the base URL lead to an HTTP server, and to nothing in between?",
        )
    return _lost(failure, url)


def _lost(failure: BaseException, url: str) -> ConnectionLostError:
    return ConnectionLostError(
        f"The connection to {url} broke: {str(failure) or type(failure).__name__}",
        retryable=True,
        hint="Try again; if it stays, the server is failing.",
    )
