"""Byte schedules: named ways in which the bytes of one answer come, or fail to come, over a real socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from backbay.testing import Pause, Reply, ScriptedServer, Step

SILENCE = 8.0
"""Seconds that a stalled server says nothing; far longer than any limit that a law sets."""

Ends = Literal["whole", "broken", "stalled"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A way in which a body comes.

    Attributes:
        name: What happens, in words.
        ends: ``"whole"``: it is all there, and the answer is the same as ever; ``"broken"``: it is not, and the call
            must fail; ``"stalled"``: it never ends, and only a limit ends the call.
        make: Makes the reply from a body and its content type.
    """

    name: str
    ends: Ends
    make: Callable[[bytes, str], Reply]

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfClosed(Reply):
    """A reply after which the server closes its own direction alone, and goes on listening."""


class ScheduledServer(ScriptedServer):
    """A scripted server that knows ``HalfClosed`` as well."""

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        kept = await super()._answer(reply, reader, writer)
        if isinstance(reply, HalfClosed) and kept:
            writer.write_eof()
            await reader.read()
            return False
        return kept


def pieces(body: bytes, size: int) -> list[bytes]:
    """Return a body in pieces of ``size`` bytes."""
    return [body[start : start + size] for start in range(0, len(body), size)]


def within_characters(body: bytes) -> list[bytes]:
    """Return a body cut after the first byte of each character that has several; an ASCII one, in its middle."""
    cuts = [place + 1 for place, byte in enumerate(body) if byte >= 0xC0] or [len(body) // 2]
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def _split(size: int) -> Callable[[bytes, str], Reply]:
    return lambda body, kind: _reply(kind, pieces(body, size or len(body)))


def _reply(kind: str, steps: Sequence[Step]) -> Reply:
    return Reply(headers={"content-type": kind}, steps=steps)


def _paused(body: bytes, kind: str) -> Reply:
    size = max(len(body) // 5, 1)
    steps = [step for piece in pieces(body, size) for step in (Pause(0.03), piece)]
    return _reply(kind, [*steps, Pause(0.03)])


def _dripped(body: bytes, kind: str) -> Reply:
    return _reply(kind, [step for byte in pieces(body, 1) for step in (byte, Pause(0.05))] + [Pause(SILENCE)])


def head(kind: str, *lines: str) -> bytes:
    """Return the head of a 200, with further header lines."""
    return "\r\n".join(["HTTP/1.1 200 OK", f"content-type: {kind}", *lines, "", ""]).encode()


def _raw(*steps: Step, end: Literal["keep", "close", "reset"] = "close") -> Reply:
    return Reply(framing="raw", steps=steps, end=end)


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _lengths(*shown: Callable[[int], str]) -> Callable[[bytes, str], Reply]:
    """Return a schedule whose Content-Length is what ``shown`` says of the true one; several give several."""
    return lambda body, kind: _raw(head(kind, *(f"content-length: {one(len(body))}" for one in shown)) + body)


def _chunked(frame: Callable[[bytes, bytes], bytes]) -> Callable[[bytes, str], Reply]:
    """Return a schedule whose chunks are what ``frame`` makes of a body's size, in hexadecimal, and the body."""
    line = "transfer-encoding: chunked"
    return lambda body, kind: _raw(head(kind, line), frame(b"%x" % len(body), body))


def _half_closed(body: bytes, kind: str, *, whole: bool) -> Reply:
    lines = ["connection: close"] if whole else [f"content-length: {len(body)}"]
    return HalfClosed(framing="raw", steps=[head(kind, *lines), body if whole else _half(body)])


LAST = b"0\r\n\r\n"
"""The chunk that ends a chunked body."""

WHOLE = (
    Schedule("whole", "whole", _split(0)),
    Schedule("byte by byte", "whole", _split(1)),
    *(Schedule(f"split at every {size}", "whole", _split(size)) for size in (2, 3, 7, 61)),
    Schedule("split within characters", "whole", lambda body, kind: _reply(kind, within_characters(body))),
    Schedule("with pauses", "whole", _paused),
    Schedule("with a content length", "whole", _lengths(str)),
    Schedule("half-closed after it", "whole", lambda body, kind: _half_closed(body, kind, whole=True)),
)
"""Those that bring all of a body."""

BROKEN = (
    Schedule("reset before the first byte", "broken", lambda body, kind: _raw(end="reset")),
    Schedule(
        "reset in mid-stream",
        "broken",
        lambda body, kind: Reply(headers={"content-type": kind}, steps=[_half(body), Pause(0.02)], end="reset"),
    ),
    Schedule("closed before the first byte", "broken", lambda body, kind: _raw()),
    Schedule("closed within the status line", "broken", lambda body, kind: _raw(b"HTT")),
    Schedule("closed within the head", "broken", lambda body, kind: _raw(head(kind)[:30])),
    Schedule("closed after the head", "broken", lambda body, kind: _raw(head(kind, f"content-length: {len(body)}"))),
    Schedule("half-closed in mid-stream", "broken", lambda body, kind: _half_closed(body, kind, whole=False)),
    Schedule("content length too long", "broken", _lengths(lambda size: str(size + 10))),
    Schedule("content length too short", "broken", _lengths(lambda size: str(size // 2))),
    Schedule("content length no number", "broken", _lengths(lambda _: "12x")),
    Schedule("content length negative", "broken", _lengths(lambda _: "-1")),
    Schedule("two content lengths", "broken", _lengths(str, lambda size: str(size + 5))),
    Schedule("chunk size no number", "broken", _chunked(lambda _, body: b"zz\r\n" + body + b"\r\n" + LAST)),
    Schedule(
        "chunk size with 0x", "broken", _chunked(lambda size, body: b"0x" + size + b"\r\n" + body + b"\r\n" + LAST)
    ),
    Schedule("chunk size negative", "broken", _chunked(lambda _, body: b"-5\r\n" + body + b"\r\n" + LAST)),
    Schedule("chunk size missing", "broken", _chunked(lambda _, body: b"\r\n" + body + b"\r\n" + LAST)),
    Schedule(
        "chunk shorter than said",
        "broken",
        _chunked(lambda _, body: b"%x\r\n" % (len(body) + 99) + body + b"\r\n" + LAST),
    ),
    Schedule(
        "chunk longer than said",
        "broken",
        _chunked(lambda _, body: b"%x\r\n" % (len(body) // 2) + body + b"\r\n" + LAST),
    ),
    Schedule("junk after a chunk", "broken", _chunked(lambda size, body: size + b"\r\n" + body + b"junk\r\n" + LAST)),
    Schedule("no last chunk", "broken", _chunked(lambda size, body: size + b"\r\n" + body + b"\r\n")),
)
"""Those that lose some of it, or break the framing that says where it ends."""

STALLED = (
    Schedule("stall before the first byte", "stalled", lambda body, kind: _raw(Pause(SILENCE))),
    Schedule("stall after the head", "stalled", lambda body, kind: _reply(kind, [Pause(SILENCE)])),
    Schedule("stall in mid-stream", "stalled", lambda body, kind: _reply(kind, [_half(body), Pause(SILENCE)])),
    Schedule("drip", "stalled", _dripped),
)
"""Those that do not end."""

SCHEDULES = {schedule.name: schedule for schedule in (*WHOLE, *BROKEN, *STALLED)}
"""Every schedule, by name."""


class Noted(list[Step]):
    """Steps of a reply that tell when the last of them was sent."""

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__(steps)
        self.sent = threading.Event()

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps; the server asks for one when it has sent the one before."""
        try:
            yield from super().__iter__()
        finally:
            self.sent.set()  # Also where the client hung up, as it may.


def surplus(body: bytes, kind: str, more: bytes, *, after: float) -> Reply:
    """Return a body with its right length, and ``more`` after it that nobody asked for. Its steps are ``Noted``.

    Args:
        body: The body.
        kind: Its content type.
        more: Bytes that follow it, for instance a whole response.
        after: Seconds between the two; 0 sends them at once.
    """
    first = head(kind, f"content-length: {len(body)}") + body
    steps: list[Step] = [first, Pause(after), more] if after else [first + more]
    return Reply(framing="raw", end="keep", steps=Noted(steps))
