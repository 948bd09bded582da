import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import TooLargeError
from backbay.http.ndjson import MAX_LINE_BYTES, NDJSONDecoder


def decode(chunks, limit=MAX_LINE_BYTES):
    """Return the lines of feed, and those of finish."""
    decoder = NDJSONDecoder(limit)
    return [line for chunk in chunks for line in decoder.feed(chunk)], decoder.finish()


STREAMS = st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"\t", b'{"a": 1}', "é🦆".encode(), b"\xff", b"x" * 9])).map(
    b"".join
)


@given(data=STREAMS, size=st.integers(1, 9))
def test_any_bytes_at_any_split_give_the_same_lines(data, size):
    lines = [line.strip(b" \t\r") for line in data.split(b"\n")]
    expected = [line for line in lines[:-1] if line], [line for line in lines[-1:] if line]
    assert decode([data]) == expected
    assert decode([data[i : i + size] for i in range(0, len(data), size)]) == expected


@given(data=STREAMS, size=st.integers(1, 9))
def test_the_size_limit_strikes_at_the_same_line_at_any_split(data, size):
    def outcome(chunks):
        decoder, lines = NDJSONDecoder(12), []
        try:
            for chunk in chunks:
                lines += decoder.feed(chunk)
            lines += decoder.finish()
        except TooLargeError:
            return lines, "too large"
        return lines, "fine"

    assert outcome([data]) == outcome([data[i : i + size] for i in range(0, len(data), size)])


def test_blank_lines_are_skipped_and_crlf_is_a_line_end():
    assert decode([b'\n\r\n{"a": 1}\r\n \t\n{"b": 2}\n']) == ([b'{"a": 1}', b'{"b": 2}'], [])


def test_finish_returns_a_last_line_without_its_line_feed():
    decoder = NDJSONDecoder()
    assert decoder.feed(b'{"a": 1}\n{"b": ') == [b'{"a": 1}']
    assert decoder.feed(b"2}") == []
    assert decoder.finish() == [b'{"b": 2}']
    assert decoder.finish() == []


def test_no_unicode_line_separator_ends_a_line():
    line = '{"text": "a\u2028b\u0085c\x0b"}'.encode()
    assert decode([line + b"\n"]) == ([line], [])


def test_a_line_over_the_limit_is_refused_after_the_lines_before_it():
    decoder = NDJSONDecoder(8)
    assert decoder.feed(b"1\n123456789\n2\n") == [b"1"]
    for call in (lambda: decoder.feed(b"3\n"), decoder.finish):
        with pytest.raises(TooLargeError, match="longer than 8 bytes"):
            call()


def test_a_line_of_exactly_the_limit_passes():
    assert decode([b"12345678\n"], 8) == ([b"12345678"], [])


def test_a_line_that_never_ends_is_refused_without_being_kept():
    decoder = NDJSONDecoder(1000)
    with pytest.raises(TooLargeError):
        for _ in range(100):
            decoder.feed(b"x" * 64)
    assert len(decoder._pending) == 0


def test_every_ndjson_stream_of_the_corpus_is_json_lines_whole_and_in_pieces(load_exchanges):
    checked = 0
    for exchange in load_exchanges("*/*/*/*.json"):
        if exchange["response"]["framing"] != "ndjson":
            continue
        data = exchange["response"]["bytes"]
        fed, last = decode([data])
        assert all(isinstance(json.loads(line), dict) for line in fed + last), exchange["id"]
        for size in (1, 2, 3, 5, 7):
            assert decode([data[i : i + size] for i in range(0, len(data), size)]) == (fed, last), exchange["id"]
        checked += 1
    assert checked > 5


def test_only_the_white_space_of_json_is_taken_off_around_a_line():
    assert decode([b" \t{}\t \r\n"]) == ([b"{}"], [])
    assert decode([b"\x0c{}\x0b\n\x0b"]) == ([b"\x0c{}\x0b"], [b"\x0b"])
