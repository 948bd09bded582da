"""Event streams of AWS are read at any split of their bytes, in linear time, and damage in them is one typed error."""

from __future__ import annotations

import json
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import DecodeError, OverloadedError, RateLimitError, ServerError, TooLargeError, TruncatedError
from backbay.events import Text
from backbay.http.codec import StreamDecoder
from backbay_bedrock.emitting import event, event_message, exception
from backbay_bedrock.eventstream import MAX_HEADERS, MAX_PAYLOAD, MessageParser, is_event_stream

STREAM = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "čovječe 🌍"}}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " pong"}}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2}, "metrics": {"latencyMs": 3}}),
]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def run(decoder: StreamDecoder, chunks: list[bytes]) -> list[object]:
    """Feed and finish; return the events."""
    events: list[object] = [found for chunk in chunks for found in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def said(events: list[object]) -> str:
    return "".join(found.delta for found in events if isinstance(found, Text))


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=60)), max_size=5), st.integers(1, 40))
def test_any_split_gives_the_same_messages(sent: list[tuple[str, bytes]], size: int) -> None:
    data = b"".join(event_message({":event-type": name}, payload) for name, payload in sent)
    parser = MessageParser()
    found = [message for chunk in pieces(data, size) for message in parser.feed(chunk)]
    assert [(message.headers[":event-type"], message.payload) for message in found] == sent
    assert parser.idle


def test_headers_of_every_type_are_passed_over_but_strings() -> None:
    values = {
        0: b"",
        1: b"",
        2: b"1",
        3: b"12",
        4: b"1234",
        5: b"12345678",
        6: b"\0\x02ab",
        8: b"12345678",
        9: b"x" * 16,
    }
    written = b"".join(b"\x01a" + bytes([kind]) + value for kind, value in values.items()) + b"\x01s\x07\0\x02ok"
    prelude = struct.pack(">II", len(written) + 16, len(written))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + written
    [found] = MessageParser().feed(message + struct.pack(">I", zlib.crc32(message)))
    assert dict(found.headers) == {"s": "ok"}


@pytest.mark.parametrize("headers", [b"\x01a\x0a", b"\x05ab", b"\x01a\x07\x00\x09ab", b"\x02\xff\xff\x00", b"\x01a"])
def test_headers_that_cannot_be_read_are_a_decode_error(headers: bytes) -> None:
    prelude = struct.pack(">II", len(headers) + 16, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers
    with pytest.raises(DecodeError, match="headers of an event"):
        list(MessageParser().feed(message + struct.pack(">I", zlib.crc32(message))))


@pytest.mark.parametrize("size", [1, 3, 7, 100, 100_000])
@pytest.mark.parametrize(
    ("place", "words"), [(0, "beginning"), (9, "beginning"), (40, "an event is"), (-1, "an event is")]
)
def test_damage_is_an_error_after_what_came_before_it(codec, size: int, place: int, words: str) -> None:
    """M5: what was whole is given, at any split, and nothing after the damage."""
    broken = bytearray(STREAM[2])
    broken[place] ^= 0x20
    decoder = codec.decoder()
    events = run(decoder, pieces(b"".join([*STREAM[:2], bytes(broken), *STREAM[3:]]), size))
    assert said(events) == "čovječe 🌍"
    assert isinstance(decoder.failure, DecodeError)
    assert words in decoder.failure.message


@pytest.mark.parametrize(
    ("total", "headers", "kind"),
    [
        (MAX_PAYLOAD + 17, 0, TooLargeError),
        (0xFFFFFFFF, 0, TooLargeError),
        (MAX_HEADERS + 100, MAX_HEADERS + 1, TooLargeError),
        (15, 0, DecodeError),
        (40, 30, DecodeError),
    ],
)
def test_a_length_that_cannot_be_is_an_error_before_any_more_is_read(total: int, headers: int, kind: type) -> None:
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(kind):
        list(MessageParser().feed(prelude + struct.pack(">I", zlib.crc32(prelude))))


def test_time_is_linear_in_the_bytes() -> None:
    """Eight times as much may take some eight times as long, in one message of small pieces and in many at once."""

    def seconds(data: bytes, size: int) -> float:
        chunks, parser = pieces(data, size), MessageParser()
        start = time.process_time()
        count = sum(1 for chunk in chunks for _ in parser.feed(chunk))
        assert count
        return time.process_time() - start

    one = [event_message({}, b"x" * length) for length in (400_000, 3_200_000)]
    many = [event_message({}, b"x" * 50) * count for count in (5_000, 40_000)]
    for (small, large), size in ((one, 40), (many, 10_000_000)):
        ratio = min(seconds(large, size) for _ in range(3)) / max(min(seconds(small, size) for _ in range(3)), 1e-4)
        assert ratio < 24, f"eight times the bytes took {ratio:.0f} times as long"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", RateLimitError),
        ("modelStreamErrorException", ServerError),
        ("internalServerException", ServerError),
        ("serviceUnavailableException", OverloadedError),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_an_exception_in_a_stream_is_its_error(codec, invoke, name: str, kind: type, size: int) -> None:
    for decoder, before in ((codec.decoder(), STREAM[:2]), (invoke.decoder(), [])):
        events = run(decoder, pieces(b"".join([*before, exception(name, "Too many tokens, please wait")]), size))
        assert said(events) == ("čovječe 🌍" if before else "")
        assert type(decoder.failure) is kind
        assert decoder.failure.code == name
        assert decoder.failure.retryable
        assert "Too many tokens" in decoder.failure.message


def test_an_error_outside_of_the_model_is_an_error_too(codec) -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "the bus broke"}
    decoder = codec.decoder()
    run(decoder, [STREAM[0] + event_message(headers, b"")])
    assert decoder.failure is not None
    assert "the bus broke" in decoder.failure.message


@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_a_stream_that_is_cut_is_truncated(codec, size: int) -> None:
    data = b"".join(STREAM[:4]) + STREAM[4][:-3]
    decoder = codec.decoder()
    events = run(decoder, pieces(data, size))
    assert said(events) == "čovječe 🌍 pong"
    assert isinstance(decoder.failure, TruncatedError)


def test_a_stream_without_metadata_is_finished_without_usage(codec) -> None:
    decoder = codec.decoder()
    events = run(decoder, [b"".join(STREAM[:-1])])
    assert decoder.failure is None
    assert said(events) == "čovječe 🌍 pong"


def test_events_and_headers_that_nobody_knows_yet_are_passed_over(codec) -> None:
    strange = event("contentBlockSurprise", {"contentBlockIndex": 0, "surprise": 1})
    decoder = codec.decoder()
    events = run(decoder, [b"".join([STREAM[0], strange, *STREAM[1:]])])
    assert decoder.failure is None
    assert said(events) == "čovječe 🌍 pong"


def test_a_chunk_of_invoke_without_bytes_is_a_decode_error(invoke) -> None:
    decoder = invoke.decoder()
    run(decoder, [event("chunk", {"bytes": "***"})])
    assert isinstance(decoder.failure, DecodeError)


def test_json_is_no_event_stream() -> None:
    assert is_event_stream(STREAM[0])
    assert not is_event_stream(json.dumps({"output": {}}).encode())
    assert not is_event_stream(b"")
