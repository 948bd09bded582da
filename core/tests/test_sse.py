import base64
import json
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import TooLargeError
from backbay.http.sse import MAX_EVENT_BYTES, ServerSentEvent, SSEDecoder


def decode(chunks, limit=MAX_EVENT_BYTES):
    """Return the events of feed, those of finish, and retry."""
    decoder = SSEDecoder(limit)
    fed = [event for chunk in chunks for event in decoder.feed(chunk)]
    return fed, decoder.finish(), decoder.retry


def one_event(data, **fields):
    """Feed one whole stream of one event; return the event."""
    (event,), rest, _ = decode([data], **fields)
    assert rest == []
    return event


def as_facts(events):
    return [{"event": event.event, "data": event.data, "id": event.id} for event in events]


def by_the_letter(data):
    """Decode a whole stream as section 9.2.6 of the standard is written, one line after the other."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    events, buffer, name, last_id, retry = [], "", "", "", None
    for line in re.split("\r\n|\r|\n", text)[:-1]:
        if line == "":
            if buffer:
                events.append(ServerSentEvent(buffer[:-1], name or "message", last_id))
            buffer, name = "", ""
            continue
        if line[0] == ":":
            continue
        field, value = line.split(":", 1) if ":" in line else (line, "")
        value = value[1:] if value[:1] == " " else value
        if field == "data":
            buffer += value + "\n"
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and re.fullmatch("[0-9]{1,15}", value):
            retry = int(value)
    return events, retry


def peer_cases(corpus):
    cases = json.loads((corpus / "data" / "sse-peers.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) >= 70
    for case in cases:
        # Vendors' own libraries return events without data, too; the standard leaves them out, and so do we.
        events = case["whatwg_expected"] if case["profile"] == "vendor" else case["expected"]["events"]
        chunks = [base64.b64decode(chunk) for chunk in case["chunks"]]
        yield case["name"], base64.b64decode(case["bytes"]), chunks, events, case["expected"]["retry"]


# finish() returns the event of a stream that ends without its last blank line, where the standard throws it away: it is
# no part of what the file expects.
LAST_WITHOUT_BLANK_LINE = {"x-missing-final-blank", "unterminated-data"}


def test_m7_every_peer_case_decodes_whole_as_recorded_and_byte_by_byte(corpus):
    for name, data, chunks, events, retry in peer_cases(corpus):
        for split in ([data], chunks, [data[i : i + 1] for i in range(len(data))]):
            fed, last, seen_retry = decode(split)
            assert (as_facts(fed), seen_retry) == (events, retry), name
            assert bool(last) is (name in LAST_WITHOUT_BLANK_LINE), name


def test_m7_every_peer_case_decodes_at_every_split_in_two(corpus):
    for name, data, _, events, _ in peer_cases(corpus):
        # The cases of 10 000 lines repeat one line; every place in the first and last of them is enough.
        size = len(data)
        places = range(size + 1) if size <= 3000 else [*range(300), *range(size - 300, size + 1)]
        for place in places:
            assert as_facts(decode([data[:place], data[place:]])[0]) == events, (name, place)


def test_m7_every_stream_of_the_corpus_has_the_same_events_whole_and_in_pieces(load_exchanges):
    checked = 0
    for exchange in load_exchanges("*/*/*/*.json"):
        data = exchange["response"]["bytes"]
        if exchange["response"]["framing"] != "sse" or len(data) > 20_000:
            continue
        whole = decode([data])
        assert whole[0] == by_the_letter(data)[0], exchange["id"]
        for size in (1, 2, 3, 5, 7, 64):
            assert decode([data[i : i + size] for i in range(0, len(data), size)]) == whole, (exchange["id"], size)
        checked += 1
    assert checked > 100


PIECES = [b"data", b"data:", b"data: ", b"event:", b"event: ", b"id: ", b"id:", b"retry: ", b"retry: 250", b":", b" "]
PIECES += [
    b"\n",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"x",
    b"[DONE]",
    b'{"a": 1}',
    b"5",
    b"\xef\xbb\xbf",
]
PIECES += ["é🦆\u2028\u0085".encode(), b"\xf0\x9f", b"\xff", b"\x0b\x0c\x1c"]
STREAMS = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join) | st.binary(max_size=60)


@given(data=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_m7_any_bytes_at_any_split_give_what_the_standard_says(data, cuts):
    fed, last, retry = decode([data])
    assert (fed, retry) == by_the_letter(data)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:end] for start, end in pairwise(places)]
    assert decode(chunks) == (fed, last, retry)
    assert decode([data[i : i + 1] for i in range(len(data))]) == (fed, last, retry)


@given(data=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_m7_the_size_limit_strikes_at_the_same_event_at_any_split(data, cuts):
    def outcome(chunks):
        decoder, events = SSEDecoder(12), []
        try:
            for chunk in chunks:
                events += decoder.feed(chunk)
            events += decoder.finish()
        except TooLargeError:
            return events, "too large"
        return events, "fine"

    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:end] for start, end in pairwise(places)]
    assert outcome(chunks) == outcome([data]) == outcome([data[i : i + 1] for i in range(len(data))])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("space", [b"", b" "])
def test_m7_each_line_end_and_the_space_after_the_colon_make_no_difference(end, space):
    stream = end.join([b"event:" + space + b"ping", b"data:" + space + b"a", b"data:" + space + b"b", b"", b""])
    assert one_event(stream) == ServerSentEvent("a\nb", "ping")


def test_m7_only_one_space_after_the_colon_is_dropped():
    assert one_event(b"event:  x\ndata:  y \n\n") == ServerSentEvent(" y ", " x")


def test_m7_an_empty_event_name_means_message():
    assert one_event(b"event: \ndata: a\n\n").event == "message"
    assert one_event(b"event:\ndata: a\n\n").event == "message"


def test_m7_the_id_stays_until_another_comes_and_one_with_nul_is_ignored():
    events, _, _ = decode([b"id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\n"])
    assert [event.id for event in events] == ["1", "1", "1", ""]


def test_m7_retry_takes_ascii_digits_only():
    decoder = SSEDecoder()
    decoder.feed(b"retry: 1500\n\n")
    assert decoder.retry == 1500
    for value in (b"-5", b"+5", b"1_000", "\u0665".encode(), b"", b"5 ", b"9" * 5000):
        decoder.feed(b"retry: " + value + b"\n\n")
    assert decoder.retry == 1500


def test_m7_no_unicode_or_control_character_but_cr_and_lf_ends_a_line():
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei"
    assert one_event(f"data: {text}\n\n".encode()).data == text


def test_m7_a_byte_order_mark_is_dropped_at_the_start_and_kept_elsewhere():
    mark = b"\xef\xbb\xbf"
    for chunks in (
        [mark + b"data: a\n\n"],
        [b"\xef", b"\xbb", b"\xbf", b"data: a\n\n"],
        [b"\xef\xbb", b"\xbfdata: a\n\n"],
    ):
        assert decode(chunks)[0] == [ServerSentEvent("a")]
    assert decode([b"data: a\n\n" + mark + b"data: b\n\n"])[0] == [ServerSentEvent("a")]
    assert one_event(b"data: " + mark + b"a\n\n").data == "\ufeffa"


def test_m7_an_emoji_split_across_reads_is_whole():
    stream = 'data: {"t": "🦆"}\n\n'.encode()
    for place in range(len(stream)):
        assert decode([stream[:place], stream[place:]])[0] == [ServerSentEvent('{"t": "🦆"}')]


def test_m7_invalid_utf8_becomes_the_replacement_character():
    assert one_event(b"data: a\xffb\xf0\x9f\n\n").data == "a\ufffdb\ufffd"


def test_an_event_is_returned_as_soon_as_its_blank_line_begins():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\r") == [ServerSentEvent("a")]
    assert decoder.feed(b"\ndata: b\r\n\r") == [ServerSentEvent("b")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: c\n\n") == [ServerSentEvent("c")]


@pytest.mark.parametrize(
    ("tail", "data"),
    [
        (b"data: [DONE]\n", "[DONE]"),
        (b"data: [DONE]", "[DONE]"),
        (b'data: {"a": 1}\r\n', '{"a": 1}'),
        (b'data: {"a": 1}\r', '{"a": 1}'),
        (b'data: {"a": 1}', '{"a": 1}'),
        (b'data: {"a":\ndata: 1}', '{"a":\n1}'),
        (b'data: {"a": 1}\nda', '{"a": 1}'),
    ],
)
def test_finish_returns_a_last_event_that_lacks_its_blank_line(tail, data):
    fed, last, _ = decode([b"data: first\n\n" + tail])
    assert (fed, last) == ([ServerSentEvent("first")], [ServerSentEvent(data)])


@pytest.mark.parametrize(
    "tail", [b'data: {"a', b"data: [DON", b"data: ", b"da", b": note\n", b"event: x\n", b"\n", b""]
)
def test_finish_returns_nothing_of_an_event_that_was_cut(tail):
    assert decode([b"data: first\n\n" + tail])[1] == []


def test_finish_returns_the_last_event_of_recorded_streams_that_lack_their_blank_line(load_exchanges):
    (groq,) = load_exchanges("groq/chat/tools_stream/001.json")
    assert [event.data for event in decode([groq["response"]["bytes"]])[1]] == ["[DONE]"]
    (vertex,) = load_exchanges("vertex/generateContent/refusal_stream/001.json")
    (last,) = decode([vertex["response"]["bytes"]])[1]
    assert "candidates" in json.loads(last.data) or "promptFeedback" in json.loads(last.data)


def test_an_event_over_the_limit_is_refused_after_the_events_before_it():
    decoder = SSEDecoder(16)
    assert decoder.feed(b"data: a\n\ndata: " + b"x" * 11 + b"\n\ndata: c\n\n") == [ServerSentEvent("a")]
    for call in (lambda: decoder.feed(b"data: d\n\n"), decoder.finish):
        with pytest.raises(TooLargeError, match="larger than 16 bytes"):
            call()


def test_an_event_of_exactly_the_limit_passes():
    stream = b"\ndata: " + b"x" * 10 + b"\n\n"
    assert one_event(stream, limit=16).data == "x" * 10
    assert decode([stream[i : i + 1] for i in range(len(stream))], 16)[0] == [ServerSentEvent("x" * 10)]


def test_an_event_over_the_limit_is_refused_when_it_comes_alone_too():
    decoder = SSEDecoder(16)
    assert decoder.feed(b"data: a\n\n") == [ServerSentEvent("a")]
    with pytest.raises(TooLargeError):
        decoder.feed(b"data: " + b"x" * 11 + b"\n\n")


def test_a_line_that_never_ends_is_refused_without_being_kept():
    decoder = SSEDecoder(1000)
    with pytest.raises(TooLargeError):
        for _ in range(100):
            decoder.feed(b"x" * 64)
    assert len(decoder._pending) == 0


def test_many_small_lines_without_a_blank_one_are_refused_too():
    decoder = SSEDecoder(1000)
    with pytest.raises(TooLargeError):
        for _ in range(1000):
            decoder.feed(b"data: x\n")


def test_a_line_of_32_mib_takes_linear_time():
    def seconds(mebibytes):
        decoder, piece = SSEDecoder(64 << 20), b"x" * 16384
        start = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(mebibytes * 64):
            decoder.feed(piece)
        (event,) = decoder.feed(b"\n\n")
        assert len(event.data) == mebibytes << 20
        return time.process_time() - start

    # Quadratic buffering takes 8 to 20 s here; linear time far below one.
    assert seconds(32) < 4


WHOLE = st.lists(st.sampled_from(PIECES), max_size=12).map(lambda pieces: b"".join(pieces) + b"\n\n")


@given(chunks=st.lists(WHOLE, max_size=4))
def test_m7_reads_of_whole_events_give_what_the_standard_says(chunks):
    # Most reads are like this, and take a shorter way through the decoder than others.
    fed, last, retry = decode([b"data: first\n\n", *chunks])
    assert ((fed, retry), last) == (by_the_letter(b"data: first\n\n" + b"".join(chunks)), [])


@pytest.mark.parametrize(
    "chunk",
    [
        b"data: a\rdata: b\n\n",
        b"data: a\r\rdata: b\n\n",
        b"data: a\r\ndata: b\n\n",
        b"data: a\ndata: b\n\n",
        b"data: a\nevent: x\n\n",
        b"event: x\ndata: a\nid: 7\n\n",
        b"data: a\n\n\n",
        b"data: a\n\n\n\n",
        b"data: \xff\n\n",
        b"data: a\n\nid: 7\n\ndata: b\n\n",
        b"data:a\n\nevent:x\ndata: b\n\n",
        b"xdata: a\n\n",
    ],
)
def test_m7_a_read_of_whole_events_after_a_whole_event_is_decoded_like_any_other(chunk):
    fed, last, _ = decode([b"id: 1\ndata: first\n\n", chunk, b"data: last\n\n"])
    assert (fed, last) == (by_the_letter(b"id: 1\ndata: first\n\n" + chunk + b"data: last\n\n")[0], [])
