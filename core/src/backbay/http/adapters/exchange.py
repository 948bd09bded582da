"""aiohttp's side of a connection, held to a little more than it asks for itself.

Stock, it reads a head and what came with it as one: what is wrong behind the head takes the head away, and what is
wrong in a body that comes later is told to nobody, so that its reader waits for ever. Here each head is read alone, the
fault of a body is told to its reader, and what comes behind an answer is no answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import ClientPayloadError, StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage

from .connection import MAX_HEAD, MAX_INFORMATIONAL

_END = b"\r\n\r\n"


class Exchange(ResponseHandler):
    """A connection of aiohttp's, which carries one exchange after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._spent = False  # whether it must not be used again
        self._wants_head = False
        self._seam = b""  # the last bytes of a head that goes on
        self._head_size = 0
        self._informational = 0
        self._answer: StreamReader | None = None  # the body, once its head is there

    @property
    def heard(self) -> bool:
        """Whether anything came since the last request was begun."""
        return self._head_size > 0

    # What aiohttp and the loop call.

    @property
    def should_close(self) -> bool:
        """Whether it is not to be kept for another exchange."""
        return self._spent or super().should_close

    def set_response_params(self, **given: Any) -> None:
        """Begin an exchange: what comes next is a head."""
        self._wants_head = True
        self._seam = b""
        self._head_size = self._informational = 0
        self._answer = None
        super().set_response_params(**given)

    def data_received(self, data: bytes) -> None:
        """Read heads one by one, and what is behind them."""
        answer = self._answer
        if answer is None:
            data = self._heads(data)
            answer = self._answer
            if not data:
                return
        if data and answer is not None and answer.is_eof():
            self._spent = True  # Nobody asked for it.
        else:
            super().data_received(data)

    def _heads(self, data: bytes) -> bytes:
        """Read heads, up to that of the answer; return what is behind it."""
        while self._wants_head and data and self._exception is None:
            end = self._end_of_head(data)
            if self._head_size > MAX_HEAD:
                self._refuse(f"its head has more than {MAX_HEAD} bytes")
                return b""
            super().data_received(data[:end])
            data = data[end:]
        return b"" if self._exception is not None else data

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take a head that was read."""
        code = data[0].code
        if not self._wants_head:
            self._spent = True  # Nobody asked for it.
        elif code >= 200:
            self._wants_head = False
            self._answer = data[1]
            super().feed_data(data, size)
        else:
            self._informational += 1
            if code == 101 or self._informational > MAX_INFORMATIONAL:
                self._refuse(f"there are too many responses of status {code}")

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Tell what went wrong to whoever waits: for the head, or for the body."""
        answer = self._answer
        if answer is None or not isinstance(exc, HttpProcessingError):
            super().set_exception(exc, *cause)
            return
        self._spent = True
        if not answer.is_eof():
            answer.set_exception(ClientPayloadError(said(exc.message)))

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, and if it is no proper end, the body with it: one without a length would seem whole."""
        answer = self._answer
        if exc is not None and answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(ClientPayloadError(str(exc) or type(exc).__name__))
        super().connection_lost(exc)

    def close(self) -> None:
        """Close, at once: a peer that takes nothing would else keep it open with what it has not taken."""
        transport, answer = self.transport, self._answer
        stuck = transport is not None and transport.get_write_buffer_size() > 0
        if answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(ClientPayloadError("it was closed"))
        super().close()
        if stuck and transport is not None:
            transport.abort()

    def _end_of_head(self, data: bytes) -> int:
        """Return where the head ends in ``data``, which may be its end; and count."""
        seen = self._seam + data
        found = seen.find(_END)
        if found < 0:
            self._seam = seen[1 - len(_END) :]
            end = len(data)
        else:
            end = found + len(_END) - len(self._seam)
            self._seam = b""
        self._head_size += end
        return end

    def _refuse(self, why: str) -> None:
        self.set_exception(HttpProcessingError(code=400, message=why))
        if self.transport is not None:
            self.transport.close()


def said(message: str) -> str:
    """Return what aiohttp's parser says, without the picture of the bytes that it draws beneath."""
    return " ".join(message.partition("\n\n")[0].split()).rstrip(":") or "the framing did not hold"
