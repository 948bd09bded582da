"""A caller's own httpx or httpx2 client as a transport. Neither library is imported here, nor needed otherwise."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from ...errors import BackbayError, ClosedError, ConfigurationError, ConnectError, ConnectionLostError, DecodeError
from ..transport import Transport, TransportResponse
from .surplus import close_if_surplus, connection_of


class _Response:
    """A response of httpx or httpx2, behind the seam."""

    def __init__(self, response: Any, url: str) -> None:
        self._response = response
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
        connection = connection_of(self._response)
        await self._response.aclose()
        if connection is not None:
            await close_if_surplus(connection)


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
        request = self._client.build_request(
            method, url, headers=[*headers, ("accept-encoding", "identity")], content=body
        )
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False)
        except (self._errors, OSError) as failure:
            raise explain(failure, url) from failure
        except RuntimeError as failure:
            raise ClosedError(f"The client that was given as transport cannot send: {failure}") from failure
        return _Response(response, url)

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
