"""Tool calls: assembled from whatever fragments servers send, streamed and whole."""

from __future__ import annotations

import asyncio
import json

import pytest

from backbay import Finish, Thinking, ToolDelta
from backbay.testing import Reply, ScriptedServer

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])


def wire(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def streams(chat):
    """Two calls, f {"a": 1} and g {"b": 2}, as servers were seen to send them."""
    one, two = chat.call(0, "", id="x", name="f"), chat.call(1, "", id="y", name="g")
    a, b = [chat.call(0, '{"a"'), chat.call(0, ": 1}")], [chat.call(1, '{"b"'), chat.call(1, ": 2}")]
    no_index = [{key: value for key, value in piece.items() if key != "index"} for piece in (one, *a, two, *b)]
    zero = [{**piece, "index": 0} for piece in (one, *a, two, *b)]
    no_id = [chat.call(0, '{"a": 1}', name="f"), chat.call(1, '{"b": 2}', name="g")]
    whole = chat.call(1, '{"b": 2}', id="y", name="g")
    repeated = [{**piece, "id": "x"} if piece["index"] == 0 else {**piece, "id": "y"} for piece in (one, *a, two, *b)]
    return {
        "one after the other": [[piece] for piece in (one, *a, two, *b)],
        "interleaved": [[piece] for piece in (one, two, a[0], b[0], a[1], b[1])],
        "several in one delta": [[one, two], [a[0], b[0]], [a[1], b[1]]],
        "out of order": [[piece] for piece in (two, one, b[0], a[0], a[1], b[1])],
        "without an index": [[piece] for piece in no_index],
        "all at index 0": [[piece] for piece in zero],
        "without an id": [[piece] for piece in no_id],
        "the id in every delta": [[piece] for piece in repeated],
        "whole calls in one delta": [[chat.call(0, '{"a": 1}', id="x", name="f"), whole]],
        "arguments as objects": [[chat.call(0, {"a": 1}, id="x", name="f"), chat.call(1, {"b": 2}, id="y", name="g")]],
    }


@pytest.mark.parametrize("name", streams(type("C", (), {"call": staticmethod(lambda i, f, **k: {"index": i})})))
def test_fragments_assemble_to_complete_calls_m10_n4(ask, chat, name):
    deltas = [chat.delta(tool_calls=pieces) for pieces in streams(chat)[name]]
    response = ask(Reply.events(*deltas, chat.finish("tool_calls", usage=chat.usage()))).response
    calls = sorted(response.tool_calls, key=lambda call: call.name)
    assert [(call.name, call.arguments, call.error) for call in calls] == [("f", {"a": 1}, None), ("g", {"b": 2}, None)]
    assert all(call.id for call in calls)
    assert calls[0].id != calls[1].id
    assert (response.finish, response.usage.output) == (Finish.TOOL_CALLS, 2)


@BOTH
@pytest.mark.parametrize(
    "case",
    [
        ("", {}, True),
        ("{}", {}, True),
        ("null", {}, True),
        ('{"a": "\u00fc\U0001f600"}', {"a": "\u00fc\U0001f600"}, True),
        ('{"a": ', None, False),
        ("[1]", None, False),
        ("not json", None, False),
        ("[" * 2000, None, False),
    ],
)
def test_malformed_arguments_are_said_on_the_call_and_nothing_is_dropped_m10_l13(ask, chat, how, case):
    raw, arguments, fine = case
    calls = [wire("x", "f", raw), wire("y", "f", "{}")]
    if how == "complete":
        reply = chat.whole(None, finish="tool_calls", tool_calls=calls)
    else:
        pieces = [{**call, "index": number} for number, call in enumerate(calls)]
        reply = Reply.events(chat.delta(tool_calls=pieces), chat.finish("tool_calls"))
    first, second = ask(reply, how).response.tool_calls
    assert (first.arguments, first.raw_arguments, first.error is None) == (arguments, raw, fine)
    assert (second.id, second.arguments) == ("y", {})


def test_the_fold_of_the_stream_equals_complete_for_the_same_answer_n4(ask, chat):
    thought, said = "Let me see.", "I call."
    calls = [wire("x", "f", '{"a": 1}'), wire("y", "g", "{}")]
    whole = chat.whole(said, finish="tool_calls", tool_calls=calls, reasoning_content=thought)
    deltas = [
        chat.delta(reasoning_content=thought[:4]),
        chat.delta(reasoning_content=thought[4:]),
        chat.delta(content=said),
        chat.delta(tool_calls=[chat.call(0, '{"a"', id="x", name="f")]),
        chat.delta(tool_calls=[chat.call(0, ": 1}"), chat.call(1, "{}", id="y", name="g")]),
    ]
    streamed = Reply.events(*deltas, chat.finish("tool_calls"), {"choices": [], "usage": chat.usage()})
    assert ask(streamed).response == ask(whole, "complete").response


@BOTH
def test_missing_ids_are_made_and_the_same_answer_gives_the_same_ones_n3(ask, chat, how):
    calls = [{"function": {"name": "f", "arguments": "{}"}}, {"id": "", "function": {"name": "f", "arguments": "{}"}}]
    if how == "complete":
        reply = chat.whole(None, finish="tool_calls", tool_calls=calls)
    else:
        reply = Reply.events(
            chat.delta(tool_calls=calls[:1]), chat.delta(tool_calls=calls[1:]), chat.finish("tool_calls")
        )
    first, again = ask(reply, how).response, ask(reply, how).response
    ids = [call.id for call in first.tool_calls]
    assert len(set(ids)) == 2
    assert all(ids)
    assert ids == [call.id for call in again.tool_calls]


@BOTH
@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
def test_an_answer_that_calls_finishes_with_tool_calls_n3(ask, chat, how, reason):
    calls = [wire("x", "f", "{}")]
    whole = chat.whole(None, finish=reason, tool_calls=calls)
    streamed = Reply.events(chat.delta(tool_calls=[{**calls[0], "index": 0}]), chat.finish(reason))
    response = ask(whole if how == "complete" else streamed, how).response
    assert (response.finish, response.raw_finish) == (Finish.TOOL_CALLS, reason)


def test_the_answer_is_sent_back_as_it_was_said(ask, chat):
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
    first = ask(chat.whole(None, finish="tool_calls", tool_calls=calls), "complete").response
    turns = [{"role": "user", "content": "hi"}, first.message, {"role": "tool", "tool_call_id": "a", "content": "2"}]
    sent = ask(chat.answer(), "complete", turns).server.requests[0].json["messages"]
    assert sent[1]["content"] is None
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"x": 1}
    assert sent[2] == {"role": "tool", "tool_call_id": "a", "content": "2"}


def test_deltas_of_a_call_have_its_id_and_name_from_the_first_on_n4(chat, connect):
    pieces = [chat.call(0, '{"a', id="x", name="f"), chat.call(0, '": 1}')]
    reply = Reply.events(*(chat.delta(tool_calls=[piece]) for piece in pieces), chat.finish("tool_calls"))

    async def main(server):
        async with connect(server) as backend:
            return [event async for event in backend.stream("hi")]

    with ScriptedServer(reply) as server:
        events = asyncio.run(main(server))
    deltas = [event for event in events if type(event) is ToolDelta]
    assert {(delta.index, delta.id, delta.name) for delta in deltas} == {(0, "x", "f")}
    assert "".join(delta.fragment for delta in deltas) == '{"a": 1}'
    assert not any(type(event) is Thinking for event in events)
    assert events.index(deltas[-1]) < len(events) - 1
