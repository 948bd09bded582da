"""Faults 66 to 102: server-sent events, and what an answer says."""

from __future__ import annotations

import json

from backbay import (
    AuthenticationError,
    BackbayError,
    DecodeError,
    Finish,
    OverloadedError,
    ProtocolError,
    RateLimitError,
    ResponseError,
    ServerError,
    TooLargeError,
    TruncatedError,
)

from ..asking import COMPLETE, STREAM, Outcome, ask
from ..faults import Bench, Check, Row, fault
from ..plan import Answer, Door, Repeat
from ..rig import OpenDoor
from ..words import (
    ALL,
    DONE,
    FINISH,
    HELLO,
    LAST,
    SSE,
    WORLD,
    begun,
    body,
    call,
    chunk,
    delta,
    event,
    finish,
    head,
    sized,
    streamed,
)
from .connecting import calls_in_a_row


def stream(number: int, name: str, *events: bytes, **more: object) -> Row:
    """Return the row of a stream that is framed as it should be."""
    given: dict[str, object] = {"hows": STREAM, **more}
    return Row(number=number, name=name, answers=[[streamed(*events)]], **given)  # type: ignore[arg-type]


def finished(finish: Finish | None, raw: str | None) -> Check:
    """Return a check of how an answer ended."""

    def check(outcome: Outcome, door: OpenDoor) -> None:
        assert outcome.response is not None
        assert (outcome.response.finish, outcome.response.raw_finish) == (finish, raw)

    return check


def body_of(parts: tuple[bytes, ...], end: bytes) -> bytes:
    """Return events with another line end."""
    return b"".join(parts).replace(b"\n", end)


EVENTS = (
    *(
        Row(
            number=66,
            name=f"lines_that_end_in_{name}_byte_by_byte",
            answers=[[head("transfer-encoding: chunked", kind=SSE), *_bytes, LAST]],
            hows=STREAM,
        )
        for name, _bytes in {
            ending: [b"".join(chunk(bytes([byte])) for byte in body_of(ALL, mark))]
            for ending, mark in {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}.items()
        }.items()
    ),
    stream(66, "lines_that_end_in_all_ways", HELLO, WORLD.replace(b"\n", b"\r\n"), FINISH.replace(b"\n", b"\r"), DONE),
    Row(
        number=67,
        name="characters_cut_by_chunks",
        answers=[
            [
                begun(
                    *(
                        bytes([byte])
                        for byte in b"data: "
                        + json.dumps(json.loads(delta("Gr\u00fc\u00dfe \U0001f600")[6:]), ensure_ascii=False).encode()
                        + b"\n\n"
                    ),
                    FINISH,
                    DONE,
                )
                + LAST
            ]
        ],
        hows=STREAM,
        text="Gr\u00fc\u00dfe \U0001f600",
    ),
    stream(68, "a_byte_order_mark", b"\xef\xbb\xbf", *ALL),
    stream(68, "a_byte_order_mark_in_three_pieces", b"\xef", b"\xbb", b"\xbf", *ALL),
    stream(
        69,
        "bytes_that_are_no_utf8",
        HELLO.replace(b"Hello", b"He\xff\xfello"),
        *ALL[1:],
        text="He\ufffd\ufffdllo world",
    ),
    stream(
        70,
        "separators_that_end_no_line",
        event({"choices": [{"index": 0, "delta": {"content": "@"}}]}).replace(b"@", "a\u2028b\u2029c\u0085d".encode()),
        FINISH,
        DONE,
        text="a\u2028b\u2029c\u0085d",
    ),
    stream(
        71,
        "what_is_to_be_passed_over",
        b": comment\n\n\n\nevent: x\n\nid: 7\n\nfoo: bar\n\n",
        HELLO,
        b"\n\n:\n\nevent\n\ndata\n\n".replace(b"data\n\n", b""),
        *ALL[1:],
    ),
    stream(72, "retry_that_is_no_number", b"retry: -5\n\nretry: 1_000\n\nretry: \xd9\xa5\n\n", *ALL),
    Row(
        number=73,
        name="a_line_without_end",
        answers=[[begun(HELLO) + chunk(b"data: "), Repeat(chunk(b"x" * 2**20), 32)]],
        hows=STREAM,
        error=TooLargeError,
        partial="Hello",
    ),
    Row(
        number=73,
        name="an_event_of_a_million_lines",
        answers=[[begun(HELLO), Repeat(chunk(b"data: x\n" * 2**16), 64)]],
        hows=STREAM,
        error=TooLargeError,
        partial="Hello",
    ),
    stream(74, "the_end_within_an_event", HELLO, WORLD[:-20], error=TruncatedError, partial="Hello"),
    stream(
        74,
        "the_end_before_the_blank_line_of_half_an_event",
        HELLO,
        WORLD[:30] + b"\n",
        error=BackbayError,
        partial="Hello",
    ),
    stream(75, "the_end_without_a_terminal_event", HELLO, WORLD, error=TruncatedError, partial="Hello world"),
    Row(
        number=75,
        name="the_end_of_the_connection_without_a_terminal_event",
        answers=[[head("connection: close", kind=SSE) + HELLO + WORLD, "close"]],
        hows=STREAM,
        error=TruncatedError,
        partial="Hello world",
    ),
    stream(76, "done_is_missing", HELLO, WORLD, FINISH, check=finished(Finish.STOP, "stop")),
    *(
        stream(78, f"done_{name}", HELLO, WORLD, FINISH, done)
        for name, done in {
            "without_a_space": b"data:[DONE]\n\n",
            "without_a_blank_line": b"data: [DONE]",
        }.items()
    ),
    stream(
        78,
        "done_with_spaces",
        HELLO,
        WORLD,
        FINISH,
        b"data:   [DONE]  \n\n",
    ),
    stream(79, "data_after_done", *ALL, WORLD, event({"error": "late"})),
    *(
        stream(80, f"an_error_in_mid_stream_{name}", HELLO, event(value), error=kind, partial="Hello")
        for name, value, kind in (
            ("as_an_object", {"error": {"message": "busy", "type": "overloaded_error"}}, OverloadedError),
            ("as_a_word", {"error": "no more"}, ResponseError),
            ("with_a_number", {"error": {"message": "no", "code": 502}}, ServerError),
            ("with_null", {"error": {"message": "no", "code": None}}, ResponseError),
            ("of_a_rate", {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, RateLimitError),
        )
    ),
    stream(
        81,
        "an_error_as_the_first_event",
        event({"error": {"message": "busy", "type": "overloaded_error"}}),
        error=OverloadedError,
        wire=2,
    ),
    stream(
        81,
        "an_error_as_the_first_event_that_stays",
        event({"error": {"message": "no", "code": "invalid_api_key"}}),
        error=AuthenticationError,
    ),
    stream(82, "an_unknown_event", HELLO, b"event: acme\n" + event({"type": "acme"}), *ALL[1:]),
    stream(84, "the_name_of_an_event_says_otherwise", *(b"event: error\n" + each for each in ALL)),
    *(
        stream(
            85,
            f"a_chunk_that_is_{name}",
            HELLO,
            event(value),
            *ALL[1:],
            error=ProtocolError,
            partial="Hello",
        )
        for name, value in (
            ("a_number", 42),
            ("null", None),
            ("a_list", [1]),
            ("of_choices_that_are_a_number", {"choices": 7}),
            ("of_a_choice_that_is_a_word", {"choices": ["x"]}),
        )
    ),
    stream(
        85,
        "content_that_is_no_text_is_the_text_of_it",
        HELLO,
        event({"choices": [{"index": 0, "delta": {"content": 7}}]}),
        *ALL[1:],
        text="Hello7 world",
    ),
    stream(86, "a_chunk_that_is_no_json", HELLO, b"data: {nope\n\n", *ALL[1:], error=DecodeError, partial="Hello"),
    stream(
        87, "a_wish_to_be_asked_again", b"retry: 1\nid: 7\n" + HELLO, WORLD, error=TruncatedError, partial="Hello world"
    ),
)


@fault(77, hows=STREAM)
def done_without_a_finish_reason(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([streamed(HELLO, WORLD, DONE)])])) as door:
        outcome = ask(door.url, how)
        assert outcome.text == "Hello world", repr(outcome.error)
        assert outcome.response is not None
        assert outcome.response.raw_finish is None


@fault(77, hows=STREAM)
def done_without_a_finish_reason_is_never_an_invented_one(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([streamed(HELLO, WORLD, DONE)])])) as door:
        outcome = ask(door.url, how)
        if outcome.response is None:
            assert isinstance(outcome.error, TruncatedError), repr(outcome.error)
            assert outcome.partial == "Hello world"
        else:
            assert outcome.response.raw_finish is None
            assert outcome.response.finish is not Finish.STOP


@fault(79, hows=STREAM)
def what_follows_done_reaches_no_other_call(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([streamed(*ALL, delta("other"), finish(), DONE)])])) as door:
        outcomes = calls_in_a_row(door.url, how, 3)
        assert [outcome.text for outcome in outcomes] == ["Hello world"] * 3


@fault(83, hows=STREAM)
def events_whose_names_a_proxy_took_away(bench: Bench, how: str) -> None:
    """On a wire whose events have names: the JSON says the same."""
    with bench.rig.opened(Door(answers=[Answer([streamed(*messages_events())])])) as door:
        outcome = ask(door.url, how, reference="anthropic:m-1", options={"max_tokens": 10})
        assert outcome.text == "Hello world", repr(outcome.error)


def messages_events() -> list[bytes]:
    """Return an answer on the messages wire, without the names of its events."""
    message = {
        "id": "m-1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    texts = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in ("Hello", " world")
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    listed = [
        {"type": "message_start", "message": message},
        block,
        *texts,
        {"type": "content_block_stop", "index": 0},
        end,
    ]
    return [event(each) for each in (*listed, {"type": "message_stop"})]


def calls_are(*expected: tuple[str | None, object]) -> Check:
    """Return a check of the tool calls: name and arguments of each."""

    def check(outcome: Outcome, door: OpenDoor) -> None:
        assert outcome.response is not None
        assert [(each.name, each.arguments) for each in outcome.response.tool_calls] == list(expected)

    return check


def usage_is(*, input: int | None, output: int | None) -> Check:
    """Return a check of the usage."""

    def check(outcome: Outcome, door: OpenDoor) -> None:
        assert outcome.response is not None
        usage = outcome.response.usage
        assert (usage.input, usage.output) == (input, output) if usage else (input, output) == (None, None)

    return check


TOOLS = finish("tool_calls")
NONE = event({"id": "c-1", "choices": [], "usage": None})

ANSWERS = (
    stream(88, "empty_choices", event({"id": "c-1", "choices": []}), *ALL),
    Row(
        number=88,
        name="no_choices_at_all",
        answers=[[sized(body().replace(b'"choices": [', b'"choices": [], "other": ['))]],
        hows=COMPLETE,
        error=ProtocolError,
        wire=2,
    ),
    Row(
        number=88,
        name="a_stream_of_nothing_but_done",
        answers=[[streamed(DONE)]],
        hows=STREAM,
        error=ProtocolError,
        wire=2,
    ),
    stream(89, "no_usage", *ALL, check=usage_is(input=None, output=None)),
    stream(89, "usage_that_is_null", HELLO, WORLD, FINISH, NONE, DONE, check=usage_is(input=None, output=None)),
    stream(
        89,
        "usage_below_0",
        HELLO,
        WORLD,
        finish(usage={"prompt_tokens": -3, "completion_tokens": 2}),
        DONE,
        check=usage_is(input=None, output=2),
    ),
    stream(90, "an_unknown_finish_reason", HELLO, WORLD, finish("acme"), DONE, check=finished(Finish.OTHER, "acme")),
    stream(
        91,
        "calls_that_begin_at_1",
        call(1, '{"a"', id="t1", name="f"),
        call(1, ": 1}"),
        TOOLS,
        DONE,
        text="",
        check=calls_are(("f", {"a": 1})),
    ),
    stream(
        91,
        "a_new_id_at_the_same_index",
        call(0, "{}", id="t1", name="f"),
        call(0, "{}", id="t2", name="g"),
        TOOLS,
        DONE,
        text="",
        check=calls_are(("f", {}), ("g", {})),
    ),
    stream(
        91,
        "no_index",
        call(None, '{"a"', id="t1", name="f"),
        call(None, ": 1}"),
        TOOLS,
        DONE,
        text="",
        check=calls_are(("f", {"a": 1})),
    ),
    stream(
        92,
        "calls_by_turns",
        call(0, '{"a"', id="t1", name="f"),
        call(1, '{"b"', id="t2", name="g"),
        call(0, ": 1}"),
        call(1, ": 2}"),
        TOOLS,
        DONE,
        text="",
        check=calls_are(("f", {"a": 1}), ("g", {"b": 2})),
    ),
    stream(
        93,
        "arguments_that_are_no_json",
        call(0, "{nope", id="t1", name="f"),
        TOOLS,
        DONE,
        text="",
        check=lambda outcome, door: _raw_arguments(outcome, "{nope"),
    ),
    stream(94, "empty_arguments", call(0, "", id="t1", name="f"), TOOLS, DONE, text="", check=calls_are(("f", {}))),
    stream(
        94,
        "arguments_that_are_an_object",
        call(0, {"a": 1}, id="t1", name="f"),
        TOOLS,
        DONE,
        text="",
        check=calls_are(("f", {"a": 1})),
    ),
    stream(95, "a_call_without_a_name", call(0, "{}", id="t1"), TOOLS, DONE, error=ProtocolError),
    stream(
        97,
        "a_call_that_is_cut",
        call(0, '{"a": "x', id="t1", name="f"),
        finish("length"),
        DONE,
        text="",
        check=lambda outcome, door: _raw_arguments(outcome, '{"a": "x', Finish.LENGTH),
    ),
    stream(
        99,
        "two_choices_by_turns",
        HELLO,
        event({"id": "c-1", "choices": [{"index": 1, "delta": {"content": "other"}}]}),
        *ALL[1:],
    ),
    stream(
        100,
        "a_filter_in_mid_stream",
        HELLO,
        finish("content_filter"),
        DONE,
        text="Hello",
        check=finished(Finish.CONTENT_FILTER, "content_filter"),
    ),
    stream(
        101,
        "unknown_fields_of_a_delta",
        delta("Hello", acme={"x": 1}),
        *ALL[1:],
    ),
    stream(
        102,
        "absurd_numbers",
        HELLO,
        WORLD,
        finish(usage={"prompt_tokens": 10**15, "completion_tokens": 10**15}),
        DONE,
        check=usage_is(input=10**15, output=10**15),
    ),
)


def _raw_arguments(outcome: Outcome, raw: str, finish: Finish = Finish.TOOL_CALLS) -> None:
    assert outcome.response is not None
    (found,) = outcome.response.tool_calls
    assert outcome.response.finish is finish
    assert raw in repr(found), f"the arguments are not as they came: {found!r}"
    assert (found.arguments, bool(found.error)) == (None, True), repr(found)


@fault(96, hows=STREAM)
def a_delta_of_a_block_that_was_never_begun(bench: Bench, how: str) -> None:
    """On the messages wire: its text counts or it is an error, but never one that is not ours."""
    events = messages_events()
    del events[1]
    with bench.rig.opened(Door(answers=[Answer([streamed(*events)])])) as door:
        outcome = ask(door.url, how, reference="anthropic:m-1", options={"max_tokens": 10})
        assert outcome.text == "Hello world" or isinstance(outcome.error, ProtocolError), repr(outcome.error)


@fault(98, hows=STREAM)
def the_model_changes_in_mid_stream(bench: Bench, how: str) -> None:
    other = HELLO.replace(b'"m-1"', b'"m-2"')
    with bench.rig.opened(Door(answers=[Answer([streamed(HELLO, other, FINISH, DONE)])])) as door:
        outcome = ask(door.url, how)
        assert outcome.text == "HelloHello", repr(outcome.error)
        assert outcome.response is not None
        assert outcome.response.model in {"m-1", "m-2"}
