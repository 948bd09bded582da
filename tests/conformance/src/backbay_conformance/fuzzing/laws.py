"""What must hold of any bytes that a server may send: one kind of error, the grammar, and no matter of splits.

A broken law is a ``BrokenLawError``. Any other exception that comes out of a check is a finding too, and a plainer one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any
from zlib import crc32

from backbay.errors import BackbayError
from backbay.events import Ended, Event, Grammar
from backbay.folding import fold
from backbay.http.codec import Codec, Decoded, StreamDecoder
from backbay.http.statuses import BODY_CHARS, MESSAGE_CHARS, response_error

Outcome = tuple[Sequence[Any], tuple[object, ...] | None]
"""What came of some bytes: events or frames, and the kind and the words of the failure after them."""

_BYTEWISE = 32
"""One input in so many is cut into single bytes too, or nearly: that takes a hundred times as long as all else."""

_HEADERS = {"x-request-id": "r-1", "retry-after": "3"}


class BrokenLawError(AssertionError):
    """Something came of an input that must never come of any."""


def splits(data: bytes) -> list[list[bytes]]:
    """Return a few ways to cut ``data`` into pieces, always the same for the same bytes."""
    rng = Random(crc32(data))
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 6)))
    ways = [[data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]]
    if len(data) <= 4096 and rng.randrange(_BYTEWISE) == 0:
        size = rng.choice((1, 1, 2, 3))
        ways.append([data[start : start + size] for start in range(0, len(data), size)])
    return ways


def check_splits(data: bytes, outcome: Callable[[Sequence[bytes]], Outcome]) -> Outcome:
    """Return what comes of ``data`` as one piece; every split must give the same."""
    whole = outcome([data])
    for pieces in splits(data):
        found = outcome(pieces)
        if found != whole and repr(found) != repr(whole):  # by repr too, since no NaN equals another
            raise BrokenLawError(f"split into {len(pieces)} pieces the bytes give {found!r}, and whole {whole!r}")
    return whole


def check_stream(data: bytes, decoder: Callable[[], StreamDecoder]) -> None:
    """Check what a codec's decoder makes of a streamed body."""
    events, _ = check_splits(data, lambda pieces: _decoded(decoder(), pieces))
    answer = fold(events)
    if len({call.id for call in answer.tool_calls}) != len(answer.tool_calls):
        raise BrokenLawError("two tool calls with one id")


def _decoded(decoder: StreamDecoder, pieces: Sequence[bytes]) -> Outcome:
    found: list[Event] = []
    for piece in pieces:
        found += decoder.feed(piece)
        if decoder.failure is not None:
            break
    if decoder.failure is None:
        found += decoder.finish()
    failure = decoder.failure
    ended = check_grammar(found)
    if ended == (failure is not None):
        raise BrokenLawError(f"ended: {ended}, and the failure is {failure!r}")
    if list(decoder.feed(b"data: {}\n\n")) or list(decoder.finish()):
        raise BrokenLawError("events after the end")
    return found, None if failure is None else told(failure)


def check_grammar(events: Sequence[Event]) -> bool:
    """Return whether ``events`` are ended, after each was checked."""
    grammar = Grammar()
    for event in events:
        try:
            grammar.check(event)
        except ValueError as failure:
            raise BrokenLawError(f"the grammar: {failure}") from None
    return bool(events) and type(events[-1]) is Ended


def told(failure: object) -> tuple[object, ...]:
    """Return what an error tells; it must be one of ours."""
    if not isinstance(failure, BackbayError):
        raise BrokenLawError(f"the failure is a {type(failure).__name__}: {failure}")
    return type(failure).__name__, str(failure), failure.code, failure.retryable, failure.body and failure.body[:200]


def check_frames(data: bytes, make: Callable[[], object], *, shown: Callable[[object], object] = repr) -> None:
    """Check what cuts bytes into frames: an object with ``feed`` and ``finish`` that return or raise."""

    def outcome(pieces: Sequence[bytes]) -> Outcome:
        parser: object = make()
        found: list[object] = []
        try:
            for piece in pieces:
                found += map(shown, parser.feed(piece))  # type: ignore[attr-defined]
            found += map(shown, parser.finish())  # type: ignore[attr-defined]
        except BackbayError as failure:
            return found, told(failure)
        return found, None

    check_splits(data, outcome)


def check_whole(data: bytes, decode: Callable[[bytes], Decoded]) -> None:
    """Check what a codec makes of a body that was not streamed."""
    try:
        decoded = decode(data)
    except BackbayError as failure:
        told(failure)
        return
    if not check_grammar(decoded.events):
        raise BrokenLawError("an answer without an end was taken for a whole one")
    fold(decoded.events, raw=decoded.raw)


def check_error(data: bytes, codec: Codec) -> None:
    """Check what becomes of a body with an error status, and with a success."""
    for status in (200, 400, 429, 503):
        facts = codec.error(status, _HEADERS, data)
        error = response_error(status, _HEADERS, data, facts, redact=str)
        if len(error.message) > MESSAGE_CHARS or len(error.body or "") > BODY_CHARS:
            raise BrokenLawError(f"an error of {len(error.message)} and {len(error.body or '')} characters")
        str(error).encode()
        told(error)


def check_call(call: Callable[[], object]) -> None:
    """Check a call that gives something, or raises one of our errors."""
    try:
        call()
    except BackbayError as failure:
        told(failure)
