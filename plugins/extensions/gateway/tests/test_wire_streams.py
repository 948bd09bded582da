"""What the two wires' streams look like, event by event, where that is not what the property tests say already."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backbay import errors
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.response import Finish, Usage
from backbay_gateway.dialects import anthropic_messages, openai_responses
from backbay_gateway.dialects.base import Ask, Dialect
from backbay_gateway.dialects.envelopes import ENVELOPES

ASK = Ask("acme:m", (), raw={})
CLAUDE, GPT = anthropic_messages.DIALECT, openai_responses.DIALECT
MIXED = [
    ToolDelta(0, "c0", "f", '{"a'),
    ToolDelta(1, "c1", "g", '{"b'),
    ToolDelta(0, "c0", "f", '":1}'),
    ToolDelta(1, "c1", "g", '":2}'),
    Ended(Finish.TOOL_CALLS),
]
LATE = [
    ToolDelta(0, "c0", "f", "{}"),
    ToolDelta(0, "c0", "f", "", {"acme": {"late": 1}}),
    ToolDelta(1, "c1", "g", "{}"),
    Ended(Finish.TOOL_CALLS),
]


def told(dialect: Dialect, events: list[Event], ask: Ask = ASK) -> list[dict[str, Any]]:
    """Write events; return what was written, each event's JSON, whose type must be the event's name."""
    writer = dialect.writer(ask)
    found = []
    for frame in b"".join(writer.feed(event) for event in events).decode("ascii").split("\n\n")[:-1]:
        name, data = frame.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
        found.append(json.loads(data.removeprefix("data: ")))
    return found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_an_anthropic_stream_is_what_the_guide_shows() -> None:
    events = told(
        CLAUDE, [Started("acme-1", "a1"), UsageSeen(Usage(input=9)), Text("Hi"), Text("."), Ended(Finish.STOP)]
    )
    assert kinds(events) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start, opened, first, _, _, ended, _ = events
    assert (start["message"]["id"], start["message"]["model"], start["message"]["content"]) == ("a1", "acme-1", [])
    assert start["message"]["usage"]["input_tokens"] == 9
    assert opened["content_block"] == {"type": "text", "text": ""}
    assert first == {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hi"},
    }
    assert ended["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert ended["usage"]["input_tokens"] == 9


def test_an_answer_of_nothing_is_a_whole_stream_all_the_same() -> None:
    assert kinds(told(CLAUDE, [Ended(Finish.STOP)])) == ["message_start", "message_delta", "message_stop"]
    events = told(GPT, [Ended(Finish.STOP)])
    assert kinds(events) == ["response.created", "response.in_progress", "response.completed"]
    assert events[-1]["response"]["output"] == []
    assert events[-1]["response"]["usage"] is None
    assert events[-1]["response"]["model"] == "acme:m"


def test_a_stop_sequence_is_told() -> None:
    events = told(CLAUDE, [Text("x"), Ended(Finish.STOP, None, None, {"stop_sequence": "END"})])
    assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_mixed_calls_stand_open_together_and_are_told_apart_by_their_index() -> None:
    events = [event for event in told(CLAUDE, MIXED) if event["type"].startswith("content_block")]
    assert [(event["type"].removeprefix("content_block_"), event["index"]) for event in events] == [
        ("start", 0),
        ("delta", 0),
        ("start", 1),
        ("delta", 1),
        ("delta", 0),
        ("delta", 1),
        ("stop", 0),
        ("stop", 1),
    ]
    output = told(GPT, MIXED)[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [("c0", '{"a":1}'), ("c1", '{"b":2}')]


def test_what_is_said_of_a_call_later_comes_right_after_it() -> None:
    blocks = [event["content_block"] for event in told(CLAUDE, LATE) if event["type"] == "content_block_start"]
    assert [block["type"] for block in blocks] == ["tool_use", "redacted_thinking", "tool_use"]
    opened = ENVELOPES.open(blocks[1]["data"])
    assert opened is not None
    assert (opened.call, opened.opaque) == ("c0", {"acme": {"late": 1}})
    output = told(GPT, LATE)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["function_call", "reasoning", "function_call"]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    output = told(GPT, [ToolDelta(0, "c0", "f"), Ended(Finish.TOOL_CALLS)])[-1]["response"]["output"]
    assert output[0]["arguments"] == "{}"
    events = told(CLAUDE, [ToolDelta(0, "c0", "f"), Ended(Finish.TOOL_CALLS)])
    assert events[1]["content_block"] == {"type": "tool_use", "id": "c0", "name": "f", "input": {}}


def test_a_response_repeats_what_was_asked() -> None:
    asked = {"model": "acme:m", "input": "x", "temperature": 0.5, "metadata": {"a": "b"}, "instructions": "Be brief."}
    asked |= {"tools": [{"type": "function", "name": "f"}], "reasoning": {"effort": "low"}, "max_output_tokens": 9}
    for event in (
        told(GPT, [Ended(Finish.STOP)], GPT.read(asked))[0],
        told(GPT, [Ended(Finish.STOP)], GPT.read(asked))[-1],
    ):
        response = event["response"]
        for name in ("temperature", "metadata", "instructions", "tools", "max_output_tokens"):
            assert response[name] == asked[name]
        assert (response["reasoning"]["effort"], response["store"], response["tool_choice"]) == ("low", False, "auto")


def test_the_item_in_which_an_answer_was_cut_is_incomplete() -> None:
    events = told(GPT, [Thinking("Hm."), Text("So"), Ended(Finish.LENGTH)])
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-1]["response"]["output"][-1]["status"] == "incomplete"
    assert events[-1]["response"]["completed_at"] is None


@pytest.mark.parametrize(
    ("dialect", "ping"), [(CLAUDE, b'event: ping\ndata: {"type":"ping"}\n\n'), (GPT, b": ping\n\n")]
)
def test_each_wire_has_its_sign_of_life(dialect: Dialect, ping: bytes) -> None:
    assert dialect.writer(ASK).ping() == ping


def test_a_failure_ends_nothing_and_tells_no_host() -> None:
    """Faults 156: an error event in the client's dialect, and neither ``message_stop`` nor a completed response."""
    error = errors.ServerError("Traceback: http://10.0.0.7 failed", backend="acme:http://10.0.0.7", status=500)
    for dialect in (CLAUDE, GPT):
        writer = dialect.writer(ASK)
        written = writer.feed(Text("x")) + writer.fail(error)
        for word in (b"10.0.0.7", b"Traceback", b"message_stop", b'completed"', b"[DONE]"):
            assert word not in written.replace(b'"completed_at"', b"")
    failed = json.loads(written.split(b"\n\n")[-3].partition(b"data: ")[2])
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", "server_error")


def test_arguments_that_are_no_json_go_back_as_they_came() -> None:
    from backbay.folding import fold

    cut = [ToolDelta(0, "c0", "f", '{"a": '), Ended(Finish.LENGTH)]
    block: Any = CLAUDE.write(fold(cut), ASK)["content"]
    assert block == [{"type": "tool_use", "id": "c0", "name": "f", "input": {"INVALID_JSON": '{"a": '}}]
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": block}]}
    assert CLAUDE.read(body).messages[0].tool_calls[0].raw_arguments == '{"a": '
    assert told(GPT, cut)[-1]["response"]["output"][0]["arguments"] == '{"a": '
