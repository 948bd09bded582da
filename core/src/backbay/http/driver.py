"""The only I/O for vendors that speak HTTP: a codec's request in, the transport out, events and errors back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

from ..attempt import Call
from ..errors import BackbayError
from ..events import Ended, Event
from ..folding import fold
from ..limits import NO_LIMITS
from ..request import Request
from ..response import Health, Response
from ..secrets import Secret
from ..settings import Settings
from ..spec import BackendSpec
from . import setup, urls
from .batching import Batching
from .codec import MAX_BODY, Authorizer, HTTPRequest
from .intake import MAX_ERROR_BODY, close, drain, read, read_some
from .redaction import Hidden
from .sealing import seal, uncover
from .statuses import response_error
from .transport import Transport, TransportResponse

ANSWERED = (200, 204)

T = TypeVar("T")


class _Headers(list[tuple[str, str]]):
    """Headers with the key among them, which a traceback that shows local variables must not show."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


def _secrets(key: Secret | None, authorizer: Authorizer | None) -> list[str]:
    found = [] if key is None else [key.reveal()]
    return found if authorizer is None else [*found, *authorizer.secrets()]


class HTTPBackend(Batching):
    """A vendor that speaks HTTP on some wire. A vendor on a wire that core knows needs no subclass."""

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(spec, model, settings)
        settings = self.settings
        insecure = settings.config.get("allow_insecure_http", False) is True
        default = None
        if settings.base_url is None or (spec.default_base_url and not spec.url_parts):
            default = setup.base_url(spec, settings.config)
        self.base_url = urls.check_base_url(
            settings.base_url or default or "", backend=spec.name, allow_insecure_http=insecure
        )
        self._at_home = default is not None and urls.origin(self.base_url) == urls.origin(default)
        self._codec = setup.codec(spec, settings, at_home=self._at_home)
        self._headers = setup.headers(spec, settings, self._codec)
        self._auth_header = self._codec.auth_header or spec.auth_header
        self._authorizer = setup.authorizer(spec, settings)
        self._hidden = Hidden(partial(_secrets, settings.api_key, self._authorizer))
        # In a list, so that the views of with_options share it, whoever needs it first.
        self._transport: list[Transport] = [] if settings.transport is None else [settings.transport]

    @property
    def id(self) -> str:
        """``name`` at the vendor's own address, ``name:URL`` anywhere else and for local engines."""
        return self.spec.name if self._at_home and not self.spec.native else f"{self.spec.name}:{self.base_url}"

    _has_whole = True
    # What a repr shows of an object that is not made yet, as a traceback with local variables may want it.
    base_url = ""
    _at_home = False

    def _stream(self, request: Request) -> AsyncIterator[Event]:
        return self._events(Call(self.id, request.model, NO_LIMITS, request=request))

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        assert call.request is not None
        response = await self._send(self._codec.encode(call.request, stream=True), call)
        chunks: AsyncIterator[bytes] | None = None
        ended = False
        data, event = b"", None
        try:
            decoder = self._codec.decoder()
            chunks = response.chunks()
            async for data in chunks:
                call.watch.byte()
                for event in decoder.feed(data):
                    yield event
                    ended = type(event) is Ended
                if decoder.failure is not None:
                    raise self._cleaned(decoder.failure)
                if ended:
                    await drain(chunks)
                    return
            for event in decoder.finish():
                yield event
            if decoder.failure is not None:
                raise self._cleaned(decoder.failure)
        except Exception as failure:
            # What came may have the key in it, and this frame is the first that a traceback shows of the driver.
            data, event = b"", None
            seal(failure)
            raise
        finally:
            try:
                if chunks is not None:
                    await close(chunks)
            finally:
                await response.aclose()

    async def _whole(self, call: Call) -> Response:
        assert call.request is not None
        request = self._codec.encode(call.request, stream=False)
        decoded = await self._asked(request, call, self._codec.decode)
        return fold(decoded.events, raw=decoded.raw)

    async def _probe(self) -> Health:
        start = time.perf_counter()
        response = await self._exchange(HTTPRequest("GET", self.spec.health_path or ""))
        try:
            status = response.status
            milliseconds = 1000 * (time.perf_counter() - start)
            if 200 <= status < 300 or status in self.spec.health_statuses:
                # Read, so that the connection can be used again.
                await drain(response.chunks())
                return Health(reachable=True, latency_ms=milliseconds, status=status)
            error = await self._error(response)
            return Health(reachable=False, last_error=str(error), status=status)
        finally:
            await response.aclose()

    async def _aclose(self) -> None:
        for transport in self._transport:
            await transport.aclose()

    async def _asked(self, request: HTTPRequest, call: Call, decode: Callable[[bytes], T]) -> T:
        """Send, read the whole answer, and return what ``decode`` makes of it."""
        response = await self._send(request, call)
        body = b""
        try:
            body = await read(response, MAX_BODY, call)
            call.phase = "decode"
            return decode(body)
        except BackbayError as error:
            seal(error)
            if response.status not in ANSWERED:
                error.retryable = False  # 202 and its like are meant; asking again gives the same.
            raise self._cleaned(error) from error.__cause__
        except Exception as failure:
            seal(failure)
            raise
        finally:
            del body  # which may have the key in it
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
        if request.overrides:
            headers = _Headers(header for header in headers if header[0] not in request.headers)
        headers += request.headers.items()
        self._hidden.watch()
        try:
            if self._authorizer is not None:
                # In no variable of this frame, since there is a token among them.
                headers += (await self._authorizer.headers(request.method, url, dict(headers), request.body)).items()
            return await self._get_transport().send(request.method, url, headers, request.body)
        except BackbayError as error:
            seal(error)
            self._cleaned(error)  # Words of a peer that does not speak HTTP may be in it.
            raise

    async def _error(self, response: TransportResponse) -> BackbayError:
        body = await read_some(response, MAX_ERROR_BODY)
        facts = self._codec.error(response.status, response.headers, body)
        return response_error(response.status, response.headers, body, facts, redact=self._redact)

    def _cleaned(self, error: BackbayError) -> BackbayError:
        """Take the key out of an error that a codec made."""
        error.message = self._redact(error.message)
        error.args = (error.message,)
        for name in ("body", "code", "request_id", "hint"):
            text = getattr(error, name)
            setattr(error, name, None if text is None else self._redact(text))
        uncover(error, self._redact)
        return error

    def _request_id(self, response: TransportResponse) -> str | None:
        found = response.headers.get("x-request-id") or response.headers.get("request-id")
        return self._redact(found) if found else None

    def _redact(self, text: str) -> str:
        return self._hidden.redact(text)

    def _all_headers(self, content_type: str) -> _Headers:
        headers = _Headers(self._headers)
        if content_type:
            headers.append(("content-type", content_type))
        secret = self.settings.api_key
        if secret is not None:
            name = self._auth_header
            bearer = name.lower() == "authorization"
            headers.append((name, f"Bearer {secret.reveal()}" if bearer else secret.reveal()))
        return headers

    def _get_transport(self) -> Transport:
        if not self._transport:
            from .adapters.direct import DirectTransport

            self._transport.append(DirectTransport())
        return self._transport[0]
