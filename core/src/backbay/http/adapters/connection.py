"""One HTTP/1.1 connection: h11 says what the bytes mean, and is held to a little more than it asks for itself."""

from __future__ import annotations

from collections.abc import Sequence

import h11

from ...errors import ConfigurationError
from .streams import ByteStream

MAX_HEAD = 64 * 2**10
"""Bytes of a response's head."""

MAX_HEADERS = 100
"""Headers of a response."""

MAX_INFORMATIONAL = 8
"""Responses of status 1xx before the response itself."""

_AT_ONCE = 2**16
# A body up to this size goes out with its head, in one write.

_ENOUGH = 2**13
# Bytes that are read as one: chunk by chunk would cost more, and all at once would keep the first from the caller.


class Broken(Exception):  # noqa: N818 (what happened to the connection, before it is an error of ours)
    """The connection ended, or its framing did not hold; asking again may help."""


class NotHTTP(Exception):  # noqa: N818
    """What came is no HTTP, or not as HTTP must be; asking again does not help."""


class Connection:
    """A connection, which carries one exchange at a time.

    Attributes:
        requests: Exchanges that were begun on it.
        idle_since: When the last one ended, by the loop's clock.
    """

    __slots__ = ("_broken", "_heard", "_state", "idle_since", "requests", "stream")

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.requests = 0
        self.idle_since = 0.0
        self._heard = False
        self._broken: Broken | None = None
        self._state = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MAX_HEAD)

    async def ask(self, method: str, target: bytes, headers: Sequence[tuple[str, str]], body: bytes) -> h11.Response:
        """Send a request; return the head of the response.

        Raises:
            OSError: The connection broke.
            Broken: It ended before the head was there.
            NotHTTP: What came is no HTTP, or not as HTTP must be.
            ConfigurationError: The request is none; nothing was sent.
        """
        self.requests += 1
        self._heard = False
        whole = len(body) <= _AT_ONCE
        # In no variable here: a traceback that shows them would show the key.
        await self.stream.write(self._encoded(method, target, headers, body if whole else b""))
        if not whole:
            await self.stream.write(self._state.send(h11.Data(data=body)) or b"")
        self._state.send(h11.EndOfMessage())
        try:
            return await self._head()
        except h11.RemoteProtocolError as failure:
            raise NotHTTP(f"what came is no HTTP: {failure}") from None

    def _encoded(self, method: str, target: bytes, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
        """Return the head of a request, and the body behind it."""
        try:
            head = self._state.send(h11.Request(method=method, target=target, headers=list(headers))) or b""
        except (h11.LocalProtocolError, UnicodeError):
            # Its words have the header's value, which may be the key.
            raise ConfigurationError("The request cannot be sent as HTTP: a header has what no header may.") from None
        return head + (self._state.send(h11.Data(data=body)) or b"") if body else head

    async def _head(self) -> h11.Response:
        informational = 0
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                data = await self.stream.read()
                if not data:
                    raise Broken("it ended before the response was there")
                if not self._heard and data[:5] != b"HTTP/"[: len(data)]:
                    raise NotHTTP(f"what came is no HTTP: it begins with {data[:4]!r}")
                self._heard = True
                self._state.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                informational += 1
                if informational > MAX_INFORMATIONAL or event.status_code == 101:
                    raise NotHTTP(f"there are too many responses of status {event.status_code}")
            else:
                assert isinstance(event, h11.Response)
                if (problem := unsound([name for name, _ in event.headers])) is not None:
                    raise NotHTTP(problem)
                return event

    async def read(self) -> bytes:
        """Return more of the body, as much of it as is here; ``b""`` at its end.

        Raises:
            OSError: The connection broke.
            Broken: It ended, or its framing did not hold, before the body was whole.
        """
        pieces: list[bytes | bytearray] = []
        size = 0
        while self._state.their_state is h11.SEND_BODY:
            try:
                event = self._state.next_event()
            except h11.RemoteProtocolError as failure:
                self._broken = Broken(str(failure))
                break
            if type(event) is h11.Data:
                pieces.append(event.data)
                size += len(event.data)
                if size >= _ENOUGH:
                    break
            elif event is h11.NEED_DATA:
                if pieces:
                    break
                self._state.receive_data(await self.stream.read())
        if not pieces and self._broken is not None:
            raise self._broken
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    @property
    def broke_unheard(self) -> bool:
        """Whether it had served other requests, and nothing came for this one."""
        return self.requests > 1 and not self._heard

    def renew(self) -> bool:
        """Make ready for another exchange; return whether it can be used for one."""
        state = self._state
        done = state.our_state is h11.DONE and state.their_state is h11.DONE
        # Bytes behind an answer would be read as the next one: perhaps another caller's.
        if not done or state.trailing_data[0] or self.stream.is_writing or not self.stream.is_quiet:
            return False
        state.start_next_cycle()
        return True


def unsound(names: Sequence[bytes]) -> str | None:
    """Return what is wrong with a response's headers, by their names in lower case; ``None`` if nothing is."""
    if len(names) > MAX_HEADERS:
        return f"the response has {len(names)} headers, and {MAX_HEADERS} are the most"
    if b"transfer-encoding" in names and b"content-length" in names:
        # RFC 9112, section 6.3: a sign that somebody smuggles a response.
        return "the response has both a transfer-encoding and a content-length"
    return None
