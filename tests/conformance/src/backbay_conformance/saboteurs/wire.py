"""Where a saboteur of the chat-completions wire puts its defect: an honest codec with hooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from backbay import BackbayError, Event
from backbay.http.codec import Decoded, HTTPRequest, StreamDecoder
from backbay.request import Request
from backbay.wires.openai_chat import OpenAIChat


class Sabotaged(OpenAIChat):
    """The honest twin: every hook leaves things as they are."""

    def body(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return the body that goes out."""
        return body

    def incoming(self, data: bytes) -> bytes:
        """Return the bytes that are decoded in place of those that came."""
        return data

    def event(self, event: Event) -> Iterable[Event]:
        """Return the events that are delivered in place of one."""
        return (event,)

    def failed(self, failure: BackbayError | None) -> BackbayError | None:
        """Return the failure of a stream that is reported."""
        return failure

    def last(self) -> Iterable[Event]:
        """Return events that follow where a stream failed."""
        return ()

    def raw_body(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return the body that goes out where a text is continued."""
        return body

    def encode_raw(self, request: Request) -> HTTPRequest:
        """Encode, and let ``raw_body`` have its way."""
        honest = super().encode_raw(request)
        body = self.raw_body(json.loads(honest.body), request)
        return HTTPRequest(honest.method, honest.path, json.dumps(body).encode(), honest.headers)

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Encode, and let ``body`` have its way."""
        honest = super().encode(request, stream=stream)
        body = self.body(json.loads(honest.body), request)
        return HTTPRequest(honest.method, honest.path, json.dumps(body).encode(), honest.headers)

    def decode(self, body: bytes) -> Decoded:
        """Decode, and let ``event`` have its way."""
        decoded = super().decode(body)
        return Decoded([changed for event in decoded.events for changed in self.event(event)], decoded.raw)

    def decoder(self) -> StreamDecoder:  # type: ignore[override]
        """Return an honest decoder behind the hooks."""
        return _Decoder(self, super().decoder())


class _Decoder:
    def __init__(self, codec: Sabotaged, honest: StreamDecoder) -> None:
        self._codec = codec
        self._honest = honest
        self.failure: BackbayError | None = None

    def feed(self, data: bytes) -> Sequence[Event]:
        return self._changed(self._honest.feed(self._codec.incoming(data)))

    def finish(self) -> Sequence[Event]:
        return self._changed(self._honest.finish())

    def _changed(self, events: Sequence[Event]) -> Sequence[Event]:
        delivered = [changed for event in events for changed in self._codec.event(event)]
        honest = self._honest.failure
        self.failure = self._codec.failed(honest)
        if honest is not None and self.failure is None:
            delivered += self._codec.last()
        return delivered
