"""One HTTP/1.1 connection: llhttp says what the bytes mean, and is held to a little more than it asks for itself."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from httptools import HttpParserError, HttpResponseParser

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
# Bytes that are given as one: chunk by chunk would cost more, and all at once would keep the first from the caller.

_LINES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: (?![ \t])[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
_NO_BODY = frozenset({204, 304})


class Broken(Exception):  # noqa: N818 (what happened to the connection, before it is an error of ours)
    """The connection ended, or its framing did not hold; asking again may help."""


class NotHTTP(Exception):  # noqa: N818
    """What came is no HTTP, or not as HTTP must be; asking again does not help."""


class Headers(Mapping[str, str]):
    """Headers by lower-case name; of those that came several times the values are joined. Decoded when asked for."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[bytes, bytes]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> str:
        return self._found[name.encode("latin-1", "replace")].decode("latin-1")

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return a header's value, or ``default``."""
        found = self._found.get(name.encode("latin-1", "replace"))
        return default if found is None else found.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._found)

    def __len__(self) -> int:
        return len(self._found)


class Head(NamedTuple):
    """The head of a response."""

    status: int
    headers: Headers


class Connection:
    """A connection, which carries one exchange at a time.

    Attributes:
        requests: Exchanges that were begun on it.
        idle_since: When the last one ended, by the loop's clock.
    """

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.requests = 0
        self.idle_since = 0.0
        self._pieces: deque[bytes] = deque()
        # The parser calls this directly: a method of ours in between would cost more than the parser.
        self.on_body = self._pieces.append
        self._parser = HttpResponseParser(self)
        # As RFC 9112 (2.2, 7.1) lets a recipient be, and servers written by hand need. Nothing is passed on that
        # somebody else could read otherwise.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._begin("GET")

    def _begin(self, method: str) -> None:
        self._bodiless = method == "HEAD"
        self._headers: dict[bytes, bytes] = {}
        self._count = 0
        self._head: Head | None = None
        self._heard = False
        self._informational = 0
        self._until_end = False
        self._whole = False
        self._lasts = False
        self._silent = 0
        self._large = False
        self._problem: str | None = None
        self._broken: Broken | None = None

    async def ask(self, method: str, target: bytes, headers: Sequence[tuple[str, str]], body: bytes) -> Head:
        """Send a request; return the head of the response.

        Raises:
            OSError: The connection broke.
            Broken: It ended before the head was there.
            NotHTTP: What came is no HTTP, or not as HTTP must be.
            ConfigurationError: The request is none; nothing was sent.
        """
        self.requests += 1
        self._begin(method)
        # In no variable here: a traceback that shows them would show the key.
        if len(body) <= _AT_ONCE:
            await self.stream.write(_encoded(method, target, headers) + body)
        else:
            await self.stream.write(_encoded(method, target, headers))
            await self.stream.write(body)
        while self._head is None:
            data = await self.stream.read()
            if not data:
                raise Broken("it ended before the response was there")
            if not self._heard and data[:5] != b"HTTP/"[: len(data)]:
                raise NotHTTP(f"what came is no HTTP: it begins with {data[:4]!r}")
            self._heard = True
            problem = self._feed(data)
            if self._head is None and problem is not None:
                raise NotHTTP(problem)
        return self._head

    async def read(self) -> bytes:
        """Return more of the body, as much of it as is here; ``b""`` at its end.

        Raises:
            OSError: The connection broke.
            Broken: It ended, or its framing did not hold, before the body was whole.
        """
        pieces = self._pieces
        while not pieces:
            if self._whole:
                return b""
            if self._broken is not None:
                raise self._broken
            data = await self.stream.read()
            if data:
                self._feed(data)
            elif self._until_end:
                self._whole = True
            else:
                self._broken = Broken("it ended before the body was whole")
        if len(pieces) == 1:
            return pieces.popleft()
        size, taken = 0, []
        while pieces and size < _ENOUGH:
            taken.append(pieces.popleft())
            size += len(taken[-1])
        return b"".join(taken)

    def _feed(self, data: bytes) -> str | None:
        """Parse; return what is wrong with what came, or ``None``."""
        held = len(self._pieces)
        self._large = self._silent + len(data) > MAX_HEAD
        try:
            self._parser.feed_data(data)
        except HttpParserError as failure:
            self._lasts = False
            if self._whole:
                return None  # It came behind the answer, and is nobody's.
            problem = self._problem or f"what came is no HTTP: {failure}"
            self._broken = Broken(problem)
            return problem
        # Heads, sizes of chunks and trailers that go on for ever would fill the memory.
        self._silent = 0 if len(self._pieces) > held else self._silent + len(data)
        if self._silent > MAX_HEAD and not self._whole:
            problem = f"its head is larger than {MAX_HEAD} bytes"
            self._broken = Broken(problem)
            return problem
        return None

    @property
    def broke_unheard(self) -> bool:
        """Whether it had served other requests, and nothing came for this one."""
        return self.requests > 1 and not self._heard

    def renew(self) -> bool:
        """Return whether the connection can be used for another exchange."""
        # Bytes behind an answer would be read as the next one: perhaps another caller's.
        return self._whole and self._lasts and not self._pieces and not self.stream.is_writing and self.stream.is_open

    # What the parser calls. What is raised here ends the parsing.

    def on_message_begin(self) -> None:
        """Refuse what comes behind a whole answer."""
        if self._whole:
            self._lasts = False
            raise NotHTTP

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody reads."""
        self._count += 1
        add(self._headers, name, value)

    def on_headers_complete(self) -> None:
        """Take the head of a response, or of one that comes before it."""
        status, headers = self._parser.get_status_code(), self._headers
        self._headers = {}
        self._problem = self._refusal(status, headers)
        if self._problem is not None:
            raise NotHTTP
        if status < 200:
            self._informational += 1
            self._count = 0
            return
        self._until_end = not (
            b"content-length" in headers or b"transfer-encoding" in headers or status in _NO_BODY or self._bodiless
        )
        self._head = Head(status, Headers(headers))
        if self._bodiless:
            self._whole = True  # Its length is that of a body which does not come; the connection is not used again.

    def on_message_complete(self) -> None:
        """Note that all has come."""
        if self._head is not None and not self._whole:
            self._whole = True
            self._lasts = self._parser.should_keep_alive()

    def _refusal(self, status: int, headers: Mapping[bytes, bytes]) -> str | None:
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            return f"what came is HTTP {self._parser.get_http_version()}"
        if status < 100:
            return f"its status is {status}"
        if status == 101 or (status < 200 and self._informational >= MAX_INFORMATIONAL):
            return f"there are too many responses of status {status}"
        if self._large and sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEAD:
            return f"its head is larger than {MAX_HEAD} bytes"
        return unsound(headers, self._count)


def _encoded(method: str, target: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the head of a request.

    Raises:
        ConfigurationError: It is none.
    """
    # In no variable here: a traceback that shows them would show the key.
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode("ascii"), target, _lines(headers))


def _lines(headers: Sequence[tuple[str, str]]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    sound = lines.isascii() and lines.count("\n") == len(headers) and _LINES.fullmatch(lines)
    found = lines.encode("ascii") if sound else b""
    del lines
    if not sound:
        # No word of a header's value, which may be the key.
        raise ConfigurationError("The request cannot be sent as HTTP: a header has what no header may.")
    return found


def add(headers: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    """Add a header to those of a response, by its name in lower case; one that came before is joined with it."""
    name, value = name.lower(), value.strip(b" \t")
    headers[name] = value if name not in headers else headers[name] + b", " + value


def unsound(headers: Mapping[bytes, bytes], count: int) -> str | None:
    """Return what is wrong with the headers of a response; ``None`` if nothing is.

    Args:
        headers: By lower-case name; those that came several times joined.
        count: How many came.
    """
    if count > MAX_HEADERS:
        return f"the response has {count} headers, and {MAX_HEADERS} are the most"
    found = headers.get(b"transfer-encoding")
    if found is None:
        return None
    if b"content-length" in headers:
        # RFC 9112, section 6.3: a sign that somebody smuggles a response.
        return "the response has both a transfer-encoding and a content-length"
    return None if found.lower() == b"chunked" else "the response has a transfer-encoding that is not chunked"
