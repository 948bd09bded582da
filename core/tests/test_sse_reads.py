"""The same events come out of a stream however its bytes are read; and figures and bytes at their limits."""

import pytest

from backbay.http.sse import MAX_EVENT_BYTES, ServerSentEvent, SSEDecoder


def decode(chunks, limit=MAX_EVENT_BYTES):
    """Return the events of feed, those of finish, and retry."""
    decoder = SSEDecoder(limit)
    fed = [event for chunk in chunks for event in decoder.feed(chunk)]
    return fed, decoder.finish(), decoder.retry


def test_m7_retry_takes_15_digits_and_no_more():
    assert decode([b"retry: " + b"9" * 15 + b"\n\n"])[2] == 999_999_999_999_999
    assert decode([b"retry: 5\nretry: " + b"9" * 16 + b"\n\n"])[2] == 5


def test_m7_invalid_utf8_in_a_read_longer_than_the_limit_becomes_the_replacement_character():
    assert decode([b"data: \xff\n\n" * 5], 16)[0] == [ServerSentEvent("\ufffd")] * 5


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_m7_a_stream_with_any_line_end_has_the_same_events_at_every_split_in_three(end):
    lines = [b"\xef\xbb\xbfdata: a", b"data: b", b"id: 1", b"", b"event: x", "data: 🦆".encode(), b"", b": note"]
    stream = end.join([*lines, b"", b"data: c", b"", b""])
    events = [ServerSentEvent("a\nb", "message", "1"), ServerSentEvent("🦆", "x", "1"), ServerSentEvent("c", id="1")]
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            assert decode([stream[:first], stream[first:second], stream[second:]]) == (events, [], None), (
                first,
                second,
            )


def test_m7_a_byte_order_mark_in_a_later_read_is_kept():
    fed, last, _ = decode([b"data: a\n\n", b"\xef\xbb\xbfdata: b\n", b"\ndata: c\n\n"])
    assert (fed, last) == ([ServerSentEvent("a"), ServerSentEvent("c")], [])


def test_an_event_is_returned_with_the_read_that_ends_its_blank_line_though_more_follows():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\nda") == [ServerSentEvent("a")]
    assert decoder.feed(b"ta: b\n") == []
    assert decoder.feed(b"\n") == [ServerSentEvent("b")]
