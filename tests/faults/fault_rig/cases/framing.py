"""Faults 36 to 65: the framing of HTTP, and what a body is."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import backbay
from backbay import (
    ConfigurationError,
    ConnectionLostError,
    DecodeError,
    InvalidCredentialError,
    OverloadedError,
    ProtocolError,
    ResponseError,
    ServerError,
    TooLargeError,
    TransportError,
)

from ..asking import COMPLETE, HOWS, KEY, STREAM, Outcome, ask, raised
from ..faults import Bench, Row, fault
from ..plan import Answer, Door, Repeat, Sleep, Step
from ..rig import OpenDoor
from ..words import (
    ALL,
    JSON,
    LAST,
    SSE,
    WHOLE,
    body,
    chunk,
    failed,
    head,
    message,
    sized,
    streamed,
    zipped,
)
from ..words import (
    STREAM as WHOLE_STREAM,
)
from .connecting import answer_for, calls_in_a_row

CHUNKED = "transfer-encoding: chunked"


def sent(*parts: bytes) -> Sequence[Step]:
    """Return the steps of an answer after which the server closes."""
    return [b"".join(parts), "close"]


def short(outcome: Outcome, door: OpenDoor) -> None:
    """Check that an error quotes little of a page."""
    error = outcome.error
    assert isinstance(error, ProtocolError | ResponseError)
    assert len(str(error)) < 1200
    assert len(error.body or "") <= 2000


PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>" + b"<p>proxy</p>" * 2000 + b"</body></html>"

LENGTHS = (
    Row(
        number=36,
        name="a_body_shorter_than_its_length",
        answers=[sent(head("content-length: 900"), body())],
        hows=COMPLETE,
        error=ConnectionLostError,
        wire=2,
    ),
    Row(
        number=37,
        name="a_body_longer_than_its_length",
        answers=[sent(head(f"content-length: {len(body()) - 20}"), body())],
        hows=COMPLETE,
        error=DecodeError,
        wire=2,
    ),
    Row(
        number=39,
        name="a_length_and_chunks",
        answers=[sent(head("content-length: 5", CHUNKED), chunk(body()), LAST)],
        hows=COMPLETE,
        error=TransportError,
    ),
    Row(
        number=40,
        name="two_lengths",
        answers=[sent(head(f"content-length: {len(body())}", "content-length: 7"), body())],
        hows=COMPLETE,
        error=TransportError,
    ),
    *(
        Row(
            number=41,
            name=f"a_chunk_size_{name}",
            answers=[sent(head(CHUNKED), size, b"\r\n", body(), b"\r\n", LAST)],
            hows=COMPLETE,
            error=ConnectionLostError,
            wire=2,
        )
        for name, size in {
            "that_is_none": b"zz",
            "with_0x": b"0x%x" % len(body()),
            "with_an_underscore": b"1_0",
            "of_40_digits": b"f" * 40,
            "below_0": b"-5",
        }.items()
    ),
    Row(
        number=41,
        name="a_chunk_size_that_ends_in_lf_alone",
        answers=[sent(head(CHUNKED), b"%x\n" % len(body()), body(), b"\r\n", LAST)],
        hows=COMPLETE,
        error=ConnectionLostError,
        wire=2,
    ),
    Row(
        number=41,
        name="two_bytes_of_junk_after_a_chunk",
        answers=[sent(head(CHUNKED), b"%x\r\n" % len(body()), body(), b"XX", LAST)],
        hows=COMPLETE,
        error=ConnectionLostError,
        wire=2,
    ),
    Row(
        number=42,
        name="a_header_of_300_kb",
        answers=[sent(head(f"x-long: {'x' * 300_000}", "content-length: 2"), b"{}")],
        error=(TransportError, TooLargeError),
    ),
    Row(
        number=42,
        name="ten_thousand_headers",
        answers=[sent(head(*(f"x-{number}: 1" for number in range(10_000)), "content-length: 2"), b"{}")],
        error=(TransportError, TooLargeError),
    ),
)


@fault(37, hows=HOWS)
def what_follows_an_answer_is_no_answer(bench: Bench, how: str) -> None:
    """The surplus is thrown away with its connection, and the next call gets its own answer."""
    whole, other = answer_for(how), sized(body("somebody else's"))
    with bench.rig.opened(Door(answers=[Answer([whole + other]), Answer([whole])])) as door:
        outcomes = calls_in_a_row(door.url, how, 3)
        assert [outcome.text for outcome in outcomes] == ["Hello world"] * 3, outcomes[-1].error


@fault(38, hows=HOWS)
def an_answer_that_nobody_asked_for(bench: Bench, how: str) -> None:
    """It comes on an idle connection, which is not used again."""
    whole, other = answer_for(how), sized(body("somebody else's"))
    with bench.rig.opened(Door(answers=[Answer([whole, Sleep(0.03), other])])) as door:
        outcomes = calls_in_a_row(door.url, how, 3, pause=0.15)
        assert [outcome.text for outcome in outcomes] == ["Hello world"] * 3, outcomes[-1].error
        assert len(door.seen("open")) == 3


@fault(43)
def what_would_break_a_header_is_refused_before_any_io(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        for mark in ("\r", "\n", "\r\n", "\0"):
            hidden = f"secret{mark}value"
            for config in (
                {"api_key": f"{KEY.shape}{mark}x"},
                {"headers": {"x-a": hidden}},
                {"headers": {f"x{mark}a": "b"}},
            ):
                _refuse(door.url, config)
        outcome = ask(door.url, "complete", options={"model": "m\r\nx-injected: 1"})
        assert outcome.text == "Hello world", "a model's name stands in the body, where it can do no harm"
        assert all("x-injected" not in request.headers for request in door.requests)
        assert door.attempts == 1


def _refuse(url: str, config: Mapping[str, Any]) -> None:
    given = {"api_key": "sk-plain", **config}
    error = raised(ConfigurationError, lambda: backbay.connect("openai:m-1", base_url=url, **given))
    assert "secret" not in str(error), f"the value is repeated: {error}"


@fault(44)
def a_key_that_is_not_ascii(bench: Bench, how: str) -> None:
    for mark in ("\xe9", "\u2028", "\u201c", "\u0661"):
        key = f"sk-hidden{mark}tail"
        given: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1", "api_key": key}
        error = raised(InvalidCredentialError, functools.partial(backbay.connect, "openai:m-1", **given))
        assert "position 9" in str(error)
        assert "hidden" not in str(error)


GZIP = "content-encoding: gzip"
PACKED = zipped(body())

ENCODED = (
    Row(
        number=45,
        name="gzip_that_is_none",
        answers=[[sized(b"not gzip at all", GZIP)]],
        error=ProtocolError,
        wire=2,
    ),
    Row(
        number=45,
        name="gzip_with_a_wrong_check_sum",
        answers=[[sized(PACKED[:-8] + b"\0" * 8, GZIP)]],
        hows=COMPLETE,
        error=ProtocolError,
        wire=2,
    ),
    Row(
        number=46,
        name="gzip_that_is_cut",
        answers=[[sized(PACKED[:-12], GZIP)]],
        hows=COMPLETE,
        error=ProtocolError,
        wire=2,
    ),
    Row(number=47, name="gzip_that_is_right", answers=[[sized(PACKED, GZIP)]], hows=COMPLETE),
    Row(
        number=47,
        name="gzip_three_times",
        answers=[[sized(zipped(zipped(PACKED)), "content-encoding: gzip, gzip, gzip")]],
        hows=COMPLETE,
        error=(ProtocolError, TransportError),
    ),
    Row(
        number=48,
        name="an_unknown_encoding",
        answers=[[sized(body(), "content-encoding: x-acme")]],
        hows=COMPLETE,
        error=(ProtocolError, TransportError),
    ),
    Row(
        number=48,
        name="identity_that_is_said",
        answers=[[sized(body(), "content-encoding: identity")]],
        hows=COMPLETE,
    ),
)


@fault(47, hows=HOWS)
def a_gzip_bomb(bench: Bench, how: str) -> None:
    """100 MiB in 100 kB. Whatever is asked for, the server may send it compressed."""
    bomb = _bomb(how)
    with bench.rig.opened(Door(answers=[Answer([sized(bomb, GZIP, kind=SSE if how in STREAM else JSON)])])) as door:
        error = ask(door.url, how).error
        assert isinstance(error, TooLargeError), repr(error)
        assert (error.attempts, door.attempts) == (1, 1)
        assert all(request.headers["accept-encoding"] == "identity" for request in door.requests)


@functools.cache
def _bomb(how: str) -> bytes:
    """Return 100 MiB of a body that is never whole, compressed: an event, or a JSON string."""
    return gzip.compress((b"data: " if how in STREAM else b'{"a": "') + b"x" * (100 * 2**20), compresslevel=6, mtime=0)


def json_rows() -> tuple[Row, ...]:
    """Return the rows of bodies that are no answers."""
    good = message()
    rows = {
        (57, "cut_json"): (body()[:-5], True),
        (57, "garbage_after_json"): (body() + b"xx", True),
        (57, "two_documents"): (body() + body(), True),
        (59, "nan"): (body(temperature=1.0).replace(b"1.0", b"NaN"), False),
        (59, "infinity"): (body(temperature=1.0).replace(b"1.0", b"-Infinity"), False),
        (59, "more_than_a_float"): (body(temperature=1.0).replace(b"1.0", b"1e999"), False),
        (60, "an_integer_of_5000_digits"): (body(temperature=1.0).replace(b"1.0", b"9" * 5000), False),
        (61, "nested_200000_deep"): (b"[" * 200_000, False),
        (61, "nested_1000_deep_within"): (body(deep="@").replace(b'"@"', b"[" * 1000 + b"]" * 1000), False),
        (62, "bytes_that_are_no_utf8"): (body().replace(b"Hello", b"He\xff\xfe"), True),
        (63, "utf16"): (json.dumps(good).encode("utf-16"), False),
        (63, "utf32"): (json.dumps(good).encode("utf-32"), False),
        (55, "null"): (b"null", True),
        (55, "an_empty_object"): (b"{}", True),
        (55, "an_empty_list"): (b"[]", True),
        (55, "an_empty_body"): (b"", True),
    }
    return tuple(
        Row(
            number=number,
            name=name,
            answers=[[sized(data)]],
            hows=COMPLETE,
            error=ProtocolError,
            wire=2 if again else 1,
            check=short,
        )
        for (number, name), (data, again) in rows.items()
    )


BODIES = json_rows()

KINDS = (
    Row(
        number=49,
        name="a_page_with_200",
        answers=[[sized(PAGE, kind="text/html")]],
        error=DecodeError,
        wire=2,
        check=short,
    ),
    Row(
        number=50,
        name="a_page_with_502",
        answers=[[sized(PAGE, kind="text/html", status="502 Bad Gateway")]],
        error=ServerError,
        wire=2,
        phase="wait",
        check=short,
    ),
    Row(
        number=50,
        name="a_page_with_503",
        answers=[[sized(PAGE, kind="text/html", status="503 Service Unavailable")]],
        error=OverloadedError,
        wire=2,
        check=short,
    ),
    Row(number=51, name="a_whole_answer_to_a_stream", answers=[[WHOLE]], hows=STREAM),
    Row(
        number=51,
        name="an_error_to_a_stream",
        answers=[[sized(failed("invalid_api_key"))]],
        hows=STREAM,
        error=ResponseError,
    ),
    Row(number=52, name="a_stream_to_a_whole_call", answers=[[WHOLE_STREAM]], hows=COMPLETE),
    *(
        Row(
            number=53,
            name=f"{'no' if kind is None else kind.replace('/', '_')}_type_of_{name}",
            answers=[[sized(body(), kind=kind) if hows is COMPLETE else streamed(*ALL, kind=kind)]],
            hows=hows,
        )
        for kind in ("application/json", "text/plain", "application/octet-stream", None)
        for name, hows in (("an_answer", COMPLETE), ("a_stream", STREAM))
    ),
    Row(
        number=54,
        name="another_charset_of_a_stream",
        answers=[[streamed(*ALL, kind="text/event-stream; charset=iso-8859-1")]],
        hows=STREAM,
    ),
    Row(
        number=54,
        name="another_charset_of_an_answer",
        answers=[[sized(body("Gr\u00fc\u00dfe"), kind="application/json; charset=iso-8859-1")]],
        hows=COMPLETE,
        text="Gr\u00fc\u00dfe",
    ),
    Row(number=55, name="204", answers=[[head(status="204 No Content", kind=None)]], error=ProtocolError, wire=2),
    Row(number=55, name="an_empty_stream", answers=[[streamed()]], hows=STREAM, error=ProtocolError, wire=2),
    Row(
        number=56,
        name="an_error_with_200",
        answers=[[sized(failed("insufficient_quota"))]],
        error=ResponseError,
    ),
    Row(
        number=56,
        name="an_error_of_no_name_with_200",
        answers=[[sized(failed(None))]],
        error=ResponseError,
    ),
    Row(
        number=58,
        name="a_key_twice_in_an_answer",
        answers=[[sized(body().replace(b'"id": "c-1"', b'"id": "c-0", "id": "c-1"'))]],
        hows=COMPLETE,
    ),
    Row(number=63, name="a_byte_order_mark_before_json", answers=[[sized(b"\xef\xbb\xbf" + body())]], hows=COMPLETE),
    Row(
        number=64,
        name="half_a_surrogate_pair",
        answers=[[sized(body("@").replace(b"@", rb"a\ud800b"))]],
        hows=COMPLETE,
        text="a\ufffdb",
    ),
    Row(
        number=64,
        name="half_a_surrogate_pair_in_a_stream",
        answers=[[streamed(ALL[0].replace(b"Hello", rb"a\ud800b"), *ALL[2:])]],
        hows=STREAM,
        text="a\ufffdb",
    ),
    Row(
        number=65,
        name="a_body_without_end",
        answers=[[head(CHUNKED), Repeat(chunk(b" " * 2**20), 200)]],
        hows=COMPLETE,
        error=TooLargeError,
    ),
    Row(
        number=65,
        name="a_body_without_end_to_a_stream",
        answers=[[head(CHUNKED), chunk(b'{"a": "'), Repeat(chunk(b"x" * 2**20), 200)]],
        hows=STREAM,
        error=TooLargeError,
    ),
    Row(
        number=65,
        name="white_space_without_end_to_a_stream",
        answers=[[head(CHUNKED, kind=SSE), Repeat(chunk(b"\n" * 2**16), 64), LAST]],
        hows=STREAM,
        error=TooLargeError,
    ),
    Row(
        number=65,
        name="a_length_of_1_gb_that_is_said",
        answers=[[head(f"content-length: {2**30}"), Repeat(b" " * 2**20, 200)]],
        hows=COMPLETE,
        error=TooLargeError,
    ),
)
