"""A transport on aiohttp: an extra (``pip install "backbay[aiohttp]"``), chosen by ``transport="aiohttp"``.

Its figures beside the default one are in docs/performance.md.
"""

from __future__ import annotations

import io
import ssl
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, urlsplit, urlunsplit

from ...errors import BackbayError, ConfigurationError, ConnectionLostError
from ..sealing import seal
from ..transport import Transport, TransportResponse
from . import tls
from .admission import Gates
from .connection import MAX_HEAD, Broken, Headers, NotHTTP, add, unsound
from .decoding import decoded
from .direct import broken, no_connection
from .letdown import LetDown
from .perloop import PerLoop
from .pools import CONNECT_LIMIT

try:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL

    from .connector import ERRAND, Connector, Errand
    from .exchange import said
except ImportError as failure:
    raise ConfigurationError(
        "transport='aiohttp' needs aiohttp, which is not installed.", hint="pip install 'backbay[aiohttp]'"
    ) from failure

_LARGE = 2**20
# Bytes of a body above which aiohttp warns, unless it is a file.

_SAFE = "/%:@!$&'()*+,;=~-._?"


class _Session:
    def __init__(self) -> None:
        self.gates = Gates()
        self.session = aiohttp.ClientSession(
            connector=Connector(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
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
        self._let_down = LetDown()

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Send a request; return when the head of the response has come."""
        kept = await self._sessions.get()
        address = _address(url)
        ticket = await kept.gates.enter(address.scheme, address.raw_host or "", address.port)
        errand = Errand(ticket, new=self._let_down.take())
        before = ERRAND.set(errand)
        try:
            response = await kept.session.request(
                method,
                address,
                headers=CIMultiDict([*headers, ("accept-encoding", "identity")]),
                data=(io.BytesIO(body) if len(body) > _LARGE else body) if body else None,
                allow_redirects=False,
                ssl=tls.context() if address.scheme == "https" else True,
            )
        except BaseException as failure:
            seal(failure)  # Frames of aiohttp have the headers, and so the key, in local variables.
            error = _explained(failure, url, closed=kept.session.closed)
            if error is None:
                raise
            if isinstance(error, ConnectionLostError) and errand.died_idle:
                self._let_down.note(error)
            raise error from failure
        finally:
            ERRAND.reset(before)
            ticket.leave()
        answer = _Response(response, _headers(response, url), url)
        kept.responses.add(response)
        return answer

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._sessions.aclose()


class _Response:
    """A response, which is its own body."""

    def __init__(self, response: aiohttp.ClientResponse, headers: Headers, url: str) -> None:
        self._response = response
        self._content = response.content
        self._url = url
        self._failure: BackbayError | None = None
        self.status: int = response.status
        self.headers: Mapping[str, str] = headers

    def chunks(self) -> AsyncIterator[bytes]:
        return decoded(self, self.headers)

    def __aiter__(self) -> _Response:
        return self

    async def __anext__(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            data = await self._content.readany()
        except (aiohttp.ClientError, OSError) as failure:
            error = _lost(failure, self._url)
            data = self._rest()
            if not data:
                raise error from failure
            self._failure = error
        if not data:
            raise StopAsyncIteration
        return data

    def _rest(self) -> bytes:
        """Return what had come before the connection broke, and was not read yet: aiohttp raises first."""
        self._content.set_exception(None)  # type: ignore[arg-type]
        return self._content.read_nowait()

    async def aclose(self) -> None:
        # close() drops a connection whose body was not read, and keeps one whose body was.
        self._response.close() if not self._content.at_eof() else self._response.release()


def _headers(response: aiohttp.ClientResponse, url: str) -> Headers:
    raw = response.raw_headers
    found = {name.lower(): value for name, value in raw}
    if len(found) < len(raw):
        found = {}
        for name, value in raw:
            add(found, name, value)
    if (problem := unsound(found, len(raw))) is not None:
        response.close()
        raise broken(NotHTTP(problem), url)
    return Headers(found)


@lru_cache(maxsize=256)
def _address(url: str) -> URL:
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    path, query = quote(parts.path or "/", safe=_SAFE), quote(parts.query, safe=_SAFE)
    return URL(urlunsplit((parts.scheme, host, path, query, "")), encoded=True)


def _explained(failure: BaseException, url: str, *, closed: bool) -> BackbayError | None:
    """Return what kept a response from coming as an error of ours; ``None`` for what is no fault of a connection.

    Args:
        failure: What aiohttp raised.
        url: Of the request.
        closed: Whether the session was closed meanwhile, of which aiohttp makes a ``RuntimeError``.
    """
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return no_connection(failure.certificate_error, url)  # type: ignore[arg-type]
    if isinstance(failure, aiohttp.ClientConnectorError):
        return no_connection(failure.os_error, url)
    if isinstance(failure, aiohttp.ConnectionTimeoutError):
        return no_connection(TimeoutError(), url)
    if isinstance(failure, aiohttp.ClientResponseError):
        return broken(NotHTTP(f"what came is no HTTP: {said(failure.message)}"), url)
    if isinstance(failure, ValueError):
        # Its words may have the header's value, which may be the key.
        return ConfigurationError("The request cannot be sent as HTTP: its address or a header has what none may.")
    if isinstance(failure, aiohttp.ClientError | OSError) or (closed and isinstance(failure, RuntimeError)):
        return _lost(failure, url)
    return None


def _lost(failure: BaseException, url: str) -> BackbayError:
    cause = failure.__cause__
    if isinstance(cause, ssl.SSLError):
        return broken(cause, url)
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return broken(Broken("it ended before the response was there"), url)  # Its words are half a head.
    return broken(failure, url)
