"""uvicorn's HTTP protocol with what a server that strangers reach needs besides: limits on heads and on time.

The parser is llhttp, in its strict mode. This class counts the bytes of a head, bounds the time in which a request
comes and an answer is taken, tells the application at once when a client leaves, and lets it drop a connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HEADER_VALUE_RE, STATUS_LINE, HttpToolsProtocol

from .config import Server

MAX_HEAD = 32 * 1024
"""Bytes of a request's target and headers at most."""

MAX_HEADERS = 100
"""Headers of a request at most."""

_HEAD, _BODY = 1, 2


class _Refused(Exception):  # noqa: N818 (it leaves the parser, and nothing else)
    pass


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a client. ``configured`` makes the class for a configuration."""

    limits: Server

    # What of a request is awaited, and how much of a head came.
    _awaiting = 0
    _size = 0
    _count = 0
    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _why: tuple[int, str] = (400, "This is no HTTP request that is read here.")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._late = self.loop.call_later(self.limits.header_timeout, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application, if it answers somebody who is no longer there."""
        self._on_time()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        super().connection_lost(exc)
        if answering and cycle is not None:
            leave = cycle.scope.get("backbay.leave")
            if leave is not None:
                leave()  # type: ignore[operator]

    def data_received(self, data: bytes) -> None:
        """Read what came, and see to it that the rest comes in time."""
        awaited = self._awaiting
        super().data_received(data)
        if self.transport.is_closing():
            self._on_time()
        elif self._awaiting:
            if self._late is None or self._awaiting != awaited:
                self._on_time()
                seconds = self.limits.header_timeout if self._awaiting == _HEAD else self.limits.body_timeout
                self._late = self.loop.call_later(seconds, self._too_late)
        elif self._late is not None and awaited:
            self._on_time()

    def on_message_begin(self) -> None:
        """Begin a request; give the application a way to drop the connection."""
        super().on_message_begin()
        self._awaiting, self._size, self._count = _HEAD, 0, 0
        self.scope["backbay.abort"] = self.abort  # type: ignore[typeddict-unknown-key]
        self.scope["backbay.whole"] = self.send_whole  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        """Take some of the target."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count += 1
        self._size += len(name) + len(value) + 4
        if self._size > MAX_HEAD:
            self._grow(0)
        if self._count > MAX_HEADERS:
            self._refuse(431, f"The request has more than {MAX_HEADERS} headers.")
        name = name.lower()
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            self._refuse(400, "The only transfer encoding that is read here is chunked.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Give the request to the application, if its target is a path."""
        if not self.url.startswith(b"/") or b"#" in self.url:
            self._refuse(400, "The target of the request must be a path.")
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names and (b"content-length" in names or names.count(b"transfer-encoding") > 1):
            self._refuse(400, "The length of the body is said in two ways.")
        self._awaiting = _BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._awaiting = 0
        if self._late is not None:
            self._on_time()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a client that reads slowly, but not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def abort(self) -> None:
        """Send what was written, and close without the end of the answer, so that nobody takes it for whole."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.close()

    async def send_whole(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole answer with one write: of two, as uvicorn makes them, each wakes the client.

        Args:
            status: HTTP status, of an answer that has a body.
            headers: With a content-length, which is that of ``body``.
            body: All of it.
        """
        cycle = self.cycle
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            if HEADER_VALUE_RE.search(value):
                raise ValueError("A header of the answer has what no header may.")
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", body) if cycle.keep_alive else (b"connection: close\r\n\r\n", body)
        cycle.waiting_for_100_continue = False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join(parts))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the application never sees. Every client library goes by the status."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            # Anything written now would stand in the middle of an answer.
            self.abort()
            return
        status, said = self._why
        error = {"message": said, "type": "invalid_request_error", "param": None, "code": "bad_request"}
        body = json.dumps({"type": "error", "error": error}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HEAD:
            self._refuse(431, f"The head of the request is larger than {MAX_HEAD} bytes.")

    def _refuse(self, status: int, said: str) -> None:
        # Whatever a callback raises, the parser makes an HttpParserError of, and that is answered by send_400_response.
        self._why = (status, said)
        raise _Refused(said)

    def _too_late(self) -> None:
        self._late = None
        if not self._awaiting and self.cycle is None:
            self.transport.close()  # Nothing ever came.
            return
        if self._awaiting == _HEAD and self.cycle is not None and not self.cycle.response_complete:
            return  # A pipelined request waits behind one that is being answered.
        self._why = (408, "The request did not come in time.")
        self.send_400_response("")

    def _on_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def configured(server: Server) -> type[GuardedProtocol]:
    """Return the protocol with the limits of a configuration."""
    members: dict[str, Any] = {"limits": server, "__doc__": GuardedProtocol.__doc__}
    return type("ConfiguredProtocol", (GuardedProtocol,), members)
