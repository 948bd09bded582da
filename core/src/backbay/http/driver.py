"""The only I/O for vendors that speak HTTP: a codec's request in, the transport out, events and errors back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from ..attempt import Call
from ..backend import Backend
from ..errors import BackbayError, ConfigurationError, TooLargeError
from ..events import Ended, Event
from ..folding import fold
from ..limits import NO_LIMITS
from ..request import Request
from ..response import Embeddings, Health, ModelInfo, Response
from ..secrets import redact
from ..settings import Settings
from ..spec import BackendSpec
from . import setup, urls
from .codec import MAX_BODY, HTTPRequest
from .statuses import response_error
from .transport import Transport, TransportResponse

MAX_ERROR_BODY = 64 * 2**10
"""Bytes that are read of an error's body."""

_DRAIN = 0.25
"""Seconds to wait for the end of a body whose answer has ended, so that the connection can be used again."""

T = TypeVar("T")


class _Headers(list[tuple[str, str]]):
    """Headers with the key among them, which a traceback that shows local variables must not show."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class HTTPBackend(Backend):
    """A vendor that speaks HTTP on some wire. A vendor on a wire that core knows needs no subclass."""

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(spec, model, settings)
        settings = self.settings
        insecure = settings.config.get("allow_insecure_http", False) is True
        self.base_url = urls.check_base_url(
            settings.base_url or setup.base_url(spec), backend=spec.name, allow_insecure_http=insecure
        )
        default = spec.default_base_url
        self._at_home = default is not None and urls.origin(self.base_url) == urls.origin(default)
        self._codec = setup.codec(spec, settings, at_home=self._at_home)
        self._headers = setup.headers(spec, settings)
        # In a list, so that the views of with_options share it, whoever needs it first.
        self._transport: list[Transport] = [] if settings.transport is None else [settings.transport]

    @property
    def id(self) -> str:
        """``name`` at the vendor's own address, ``name:URL`` anywhere else and for local engines."""
        return self.spec.name if self._at_home and not self.spec.native else f"{self.spec.name}:{self.base_url}"

    _has_whole = True

    def _stream(self, request: Request) -> AsyncIterator[Event]:
        return self._events(Call(self.id, request.model, NO_LIMITS, request=request))

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        assert call.request is not None
        response = await self._send(self._codec.encode(call.request, stream=True), call)
        decoder = self._codec.decoder()
        chunks = response.chunks()
        ended = False
        try:
            async for data in chunks:
                call.watch.byte()
                for event in decoder.feed(data):
                    yield event
                    ended = type(event) is Ended
                if decoder.failure is not None:
                    raise self._cleaned(decoder.failure)
                if ended:
                    await _drain(chunks)
                    return
            for event in decoder.finish():
                yield event
            if decoder.failure is not None:
                raise self._cleaned(decoder.failure)
        finally:
            await response.aclose()

    async def _whole(self, call: Call) -> Response:
        assert call.request is not None
        body = await self._fetch(self._codec.encode(call.request, stream=False), call)
        call.phase = "decode"
        decoded = self._decoded(lambda: self._codec.decode(body))
        return fold(decoded.events, raw=decoded.raw)

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        body = await self._fetch(HTTPRequest("GET", self.spec.models_path or ""), call)
        call.phase = "decode"
        return self._decoded(lambda: self._codec.decode_models(body))

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        if call.model is None:
            raise ConfigurationError("There is no model to ask for embeddings; give model=.", backend=self.id)
        body = await self._fetch(self._codec.encode_embeddings(call.model, inputs, extra), call)
        call.phase = "decode"
        return self._decoded(lambda: self._codec.decode_embeddings(body, len(inputs)))

    async def _probe(self) -> Health:
        start = time.perf_counter()
        response = await self._exchange(HTTPRequest("GET", self.spec.health_path or ""))
        try:
            status = response.status
            milliseconds = 1000 * (time.perf_counter() - start)
            if 200 <= status < 300 or status in self.spec.health_statuses:
                # Read, so that the connection can be used again.
                await _drain(response.chunks())
                return Health(reachable=True, latency_ms=milliseconds, status=status)
            error = await self._error(response)
            return Health(reachable=False, last_error=str(error), status=status)
        finally:
            await response.aclose()

    async def _aclose(self) -> None:
        for transport in self._transport:
            await transport.aclose()

    async def _fetch(self, request: HTTPRequest, call: Call) -> bytes:
        response = await self._send(request, call)
        try:
            return await _read(response, MAX_BODY, call)
        finally:
            await response.aclose()

    async def _send(self, request: HTTPRequest, call: Call) -> TransportResponse:
        """Send; return a response whose status is 2xx, or raise what the vendor's error means."""
        call.phase = "connect"
        response = await self._exchange(request)
        call.phase = "wait"
        try:
            call.request_id = self._request_id(response)
            if not 200 <= response.status < 300:
                raise await self._error(response)
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _exchange(self, request: HTTPRequest) -> TransportResponse:
        """Send; return a response of any status."""
        url = urls.join(self.base_url, request.path)
        headers = self._all_headers("application/json" if request.body else "")
        headers += [(name, value) for name, value in request.headers.items()]
        try:
            return await self._get_transport().send(request.method, url, headers, request.body)
        except BackbayError as error:
            self._cleaned(error)  # Words of a peer that does not speak HTTP may be in it.
            raise

    async def _error(self, response: TransportResponse) -> BackbayError:
        body = await _read_some(response, MAX_ERROR_BODY)
        facts = self._codec.error(response.status, response.headers, body)
        return response_error(response.status, response.headers, body, facts, redact=self._redact)

    def _decoded(self, decode: Callable[[], T]) -> T:
        try:
            return decode()
        except BackbayError as error:
            raise self._cleaned(error) from error.__cause__

    def _cleaned(self, error: BackbayError) -> BackbayError:
        """Take the key out of an error that a codec made."""
        error.message = self._redact(error.message)
        error.args = (error.message,)
        for name in ("body", "code", "request_id", "hint"):
            text = getattr(error, name)
            setattr(error, name, None if text is None else self._redact(text))
        cause: BaseException | None = error.__cause__
        while cause is not None:
            if self._redact(str(cause)) != str(cause):
                # A library repeats what a peer sent, and the peer repeated the key.
                error.__cause__ = None
                break
            cause = cause.__cause__ or cause.__context__
        return error

    def _request_id(self, response: TransportResponse) -> str | None:
        found = response.headers.get("x-request-id") or response.headers.get("request-id")
        return self._redact(found) if found else None

    def _redact(self, text: str) -> str:
        secret = self.settings.api_key
        return text if secret is None else redact(text, secret.reveal())

    def _all_headers(self, content_type: str) -> _Headers:
        headers = _Headers(self._headers)
        if content_type:
            headers.append(("content-type", content_type))
        secret = self.settings.api_key
        if secret is not None:
            name = self.spec.auth_header
            bearer = name.lower() == "authorization"
            headers.append((name, f"Bearer {secret.reveal()}" if bearer else secret.reveal()))
        return headers

    def _get_transport(self) -> Transport:
        if not self._transport:
            from .adapters.httpx import HTTPXTransport

            self._transport.append(HTTPXTransport())
        return self._transport[0]


async def _read(response: TransportResponse, limit: int, call: Call) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for data in response.chunks():
        if not parts:
            call.watch.first_event()
        call.watch.byte()
        parts.append(data)
        size += len(data)
        if size > limit:
            raise TooLargeError(f"The answer is larger than {limit} bytes.")
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _read_some(response: TransportResponse, limit: int) -> bytes:
    """Read the beginning of an error's body; a connection that breaks meanwhile does not hide the status."""
    body = bytearray()
    try:
        async for data in response.chunks():
            body += data
            if len(body) >= limit:
                break
    except BackbayError:
        return bytes(body)
    return bytes(body[:limit])


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what follows the last event, which is nothing but the end of the body, unless the server dawdles."""
    try:
        async with asyncio.timeout(_DRAIN):
            async for _ in chunks:
                continue
    except (TimeoutError, BackbayError):
        return
