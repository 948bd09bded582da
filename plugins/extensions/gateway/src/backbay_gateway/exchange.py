"""One request of a client and its answer: what is known of it, and how bytes go back."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from backbay.errors import BackbayError
from backbay.response import Usage

from .guard import Guard, refusal

if TYPE_CHECKING:
    from .dialects.base import Writer
    from .endpoints import Endpoint
    from .keys import Grant
    from .routing.strategies import Target

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
SendWhole = Callable[[int, Sequence[tuple[bytes, bytes]], bytes], Awaitable[None]]

CLIENT_LEFT = 499
"""What the log and the metrics say of a client that left before its answer was whole."""

_JSON = (b"content-type", b"application/json")
_numbers = itertools.count()
_PROCESS = os.urandom(6).hex()


def _name_process() -> None:
    global _PROCESS
    _PROCESS = os.urandom(6).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_name_process)


def _request_id() -> str:
    return f"req_{_PROCESS}{next(_numbers):010x}"


class Exchange:
    """What is known of one request while it is answered.

    Attributes:
        request_id: Our name of it, which the client gets.
        endpoint: What it asks for; ``None`` before that is known.
        model: The model as the client wrote it, if there is such a model; else ``""``.
        served_by: Who answered, or was asked last: ``name:model``.
        mode: ``relay`` or ``transcode``; ``""`` if no upstream was asked.
        stream: Whether the client wants the answer as it comes.
        status: The HTTP status of the answer; 0 before there is one.
        first_byte: Seconds from the request to the first byte of its answer; ``None`` before it.
        sent: Bytes of the answer's body.
        usage: Token counts of the answer, or ``None``.
        error: What it ended with, or ``None``.
        attempts: How often upstreams were asked.
        grant: The leave of the client's key; ``None`` before there is one.
        target: Who was asked last; ``None`` before anybody was.
        writer: What writes a streamed answer in the client's dialect; ``None`` where its bytes are relayed.
        receive_raw: ASGI's ``receive``.
        send_raw: ASGI's ``send``.
        cut: Whether the gateway ends it, because it stops.
        gone: Whether the client left.
    """

    __slots__ = (
        "_abort",
        "_send_whole",
        "_task",
        "attempts",
        "body_size",
        "cut",
        "endpoint",
        "error",
        "first_byte",
        "gone",
        "grant",
        "mode",
        "model",
        "receive_raw",
        "request_id",
        "scope",
        "send_raw",
        "sent",
        "served_by",
        "start",
        "status",
        "stream",
        "target",
        "usage",
        "writer",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive_raw = receive
        self.send_raw = send
        self._abort: Callable[[], None] | None = scope.get("backbay.abort")
        self._send_whole: SendWhole | None = scope.get("backbay.whole")
        self._task = asyncio.current_task()
        self.start = time.perf_counter()
        self.request_id = _request_id()
        self.endpoint: Endpoint | None = None
        self.model = ""
        self.served_by = ""
        self.mode = ""
        self.stream = False
        self.status = 0
        self.first_byte: float | None = None
        self.sent = 0
        self.body_size = 0
        self.usage: Usage | None = None
        self.error: BackbayError | None = None
        self.attempts = 0
        self.grant: Grant | None = None
        self.target: Target | None = None
        self.writer: Writer | None = None
        self.cut = False
        self.gone = False
        scope["backbay.leave"] = self.leave

    @property
    def started(self) -> bool:
        """Whether the client got the first byte of an answer, so that nothing can be taken back."""
        return self.status != 0

    @property
    def started_well(self) -> bool:
        """Whether some of a model's answer was sent."""
        return self.first_byte is not None

    def leave(self) -> None:
        """Say that the client left: whatever is done for it ends now."""
        self.gone = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """End the answer because the gateway stops."""
        self.cut = True
        if self._task is not None:
            self._task.cancel()

    async def body(self, guard: Guard) -> bytes:
        """Return the whole body.

        Raises:
            BadRequestError: 413: it is too large.
            CancelledError: The client left before it had sent all.
        """
        message = await self.receive_raw()
        if message["type"] == "http.request" and not message.get("more_body", False):
            data: bytes = message["body"]
            self.body_size = len(data)
            if len(data) > guard.max_body:
                raise guard.too_large()
            return data
        parts: list[bytes] = []
        while True:
            if message["type"] == "http.disconnect":
                self.gone = True
                raise asyncio.CancelledError
            parts.append(message.get("body", b""))
            self.body_size += len(parts[-1])
            if self.body_size > guard.max_body:
                raise guard.too_large()
            if not message.get("more_body", False):
                return b"".join(parts)
            message = await self.receive_raw()

    async def begin(self, status: int, content_type: bytes, length: int | None = None) -> None:
        """Send the head of an answer.

        Args:
            status: HTTP status.
            content_type: Of the body.
            length: Bytes of the body; ``None`` if that is not known yet.
        """
        headers = self._head(status, content_type, length)
        await self.send_raw({"type": "http.response.start", "status": status, "headers": headers})

    def _head(self, status: int, content_type: bytes, length: int | None) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer that begins now."""
        headers = [(b"content-type", content_type), (b"x-request-id", self.request_id.encode())]
        if self.endpoint is not None and self.endpoint.module == "anthropic_messages":
            headers.append((b"request-id", self.request_id.encode()))  # Where the vendor's own clients look for it.
        if self.served_by:
            headers.append((b"x-backbay-served-by", self.served_by.encode("latin-1", "replace")))
        if length is None:
            headers += ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
        else:
            headers.append((b"content-length", b"%d" % length))
        self.status = status
        self.first_byte = time.perf_counter() - self.start
        return headers

    async def write(self, data: bytes) -> None:
        """Send some of the body; returns when the client has taken enough of what was sent before."""
        self.sent += len(data)
        await self.send_raw({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the rest of the body."""
        self.sent += len(data)
        await self.send_raw({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, data: bytes, content_type: bytes = b"application/json") -> None:
        """Send a whole answer, its head and its body as one where the server beneath can do that."""
        if self._send_whole is None:
            await self.begin(200, content_type, len(data))
            await self.finish(data)
            return
        headers = self._head(200, content_type, len(data))
        self.sent += len(data)
        await self._send_whole(200, headers, data)

    async def refuse(self, status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> None:
        """Send an error. The connection is closed if the request's body was not read to its end."""
        data = to_json(body)
        found = {**headers, "x-request-id": self.request_id}
        if self.served_by:
            found["x-backbay-served-by"] = self.served_by
        listed = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in found.items()
        ]
        listed += (_JSON, (b"content-length", b"%d" % len(data)))
        if status in (408, 413, 415, 431) or (status < 500 and not self.body_size and self.scope["method"] == "POST"):
            listed.append((b"connection", b"close"))
        self.status = status
        await self.send_raw({"type": "http.response.start", "status": status, "headers": listed})
        await self.finish(data)

    def abort(self) -> None:
        """Close the connection without the end of the answer.

        Raises:
            BackbayError: The server beneath has no such thing; it then closes because of this error.
        """
        if self._abort is None:
            raise refusal(500, "The answer broke off.", "aborted")
        self._abort()
