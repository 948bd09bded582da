"""Streams of the responses wire, in the forms in which servers send them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from backbay import Finish, Response
from backbay.errors import BackbayError
from backbay.events import Event, Started, ToolDelta, check_events
from backbay.folding import fold
from backbay.spec import BackendSpec
from backbay.wires.openai_responses import OpenAIResponses

CODEC = OpenAIResponses(BackendSpec(name="acme", wires=("openai_responses",)), {})
HEAD = {"id": "resp_1", "object": "response", "model": "model-1"}
CREATED = {"type": "response.created", "response": {**HEAD, "status": "in_progress", "output": []}}
USAGE = {"input_tokens": 12, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 0}}


def ended(output: Sequence[dict[str, Any]] = (), **fields: Any) -> dict[str, Any]:
    """Return the last event of an answer."""
    response = {**HEAD, "status": "completed", "output": list(output), "usage": USAGE, **fields}
    return {"type": f"response.{response['status']}", "response": response}


def done(item: dict[str, Any], number: int | None = 0) -> dict[str, Any]:
    """Return the event with a whole item."""
    return {"type": "response.output_item.done", "item": item} | ({} if number is None else {"output_index": number})


def message(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a message item."""
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(parts),
        **fields,
    }


def text(words: str, **fields: Any) -> dict[str, Any]:
    """Return a part with text."""
    return {"type": "output_text", "text": words, "annotations": [], **fields}


def call(call_id: str, arguments: str, name: str = "get_weather") -> dict[str, Any]:
    """Return a call item."""
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": arguments}


def events_of(
    chunks: Sequence[dict[str, Any]], size: int = 1000, tail: str = ""
) -> tuple[list[Event], BackbayError | None]:
    """Decode a stream in pieces; return its events, and what went wrong."""
    body = ("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + tail).encode()
    decoder = CODEC.decoder()
    events: list[Event] = []
    for start in range(0, len(body), size):
        events += decoder.feed(body[start : start + size])
    events += decoder.finish()
    return events, decoder.failure


def read(*chunks: dict[str, Any], size: int = 1000, tail: str = "") -> Response:
    """Return the answer of a stream that keeps the grammar."""
    events, failure = events_of(chunks, size, tail)
    assert failure is None, failure
    check_events(events)
    return fold(events)


def delta(kind: str, words: str, **fields: Any) -> dict[str, Any]:
    """Return an event with more of an item."""
    return {"type": f"response.{kind}.delta", "delta": words, "output_index": 0, "content_index": 0, **fields}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("tail", ["", "data: [DONE]\n\n", ": keep-alive\n\n"])
def test_items_are_collected_where_the_last_event_has_none(size: int, tail: str) -> None:
    """M9: ChatGPT's last event has no output; ``[DONE]`` may follow or not."""
    answer = read(CREATED, done(message(text("pong 🌍"))), done(call("call_a", "{}"), 1), ended(), size=size, tail=tail)
    assert (answer.text, answer.model, answer.id) == ("pong 🌍", "model-1", "resp_1")
    assert [each.arguments for each in answer.tool_calls] == [{}]
    assert (answer.finish, answer.raw_finish) == (Finish.TOOL_CALLS, "completed")


def test_the_last_event_alone_is_the_answer() -> None:
    """N4."""
    items = [message(text("Let me look.")), call("call_a", '{"city": "Zagreb"}')]
    whole = fold(CODEC.decode(json.dumps(ended(items)["response"]).encode()).events)
    assert read(CREATED, ended(items)) == whole
    assert whole.tool_calls[0].arguments == {"city": "Zagreb"}


def test_nothing_is_said_twice_when_it_comes_in_deltas_and_whole() -> None:
    whole = text("pong")
    answer = read(
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": message()},
        delta("output_text", "po", content_index=1),
        delta("output_text", "ng", content_index=1),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 1, "text": "pong"},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 1, "part": whole},
        done(message(whole)),
        ended([message(whole)]),
    )
    assert answer.text == "pong"


def test_what_the_deltas_left_out_is_said_when_the_whole_comes() -> None:
    answer = read(CREATED, delta("output_text", "po"), done(message(text("pong"))), ended())
    assert answer.text == "pong"


@pytest.mark.parametrize("ids", [True, False])
def test_items_without_numbers_are_told_apart(ids: bool) -> None:
    """M10: by their ids, or by their order."""

    def named(item: dict[str, Any]) -> dict[str, Any]:
        return item if ids else {name: value for name, value in item.items() if name != "id"}

    chunks: list[dict[str, Any]] = [CREATED]
    for letter in "ab":
        item = named(call(f"call_{letter}", '{"x": 1}'))
        chunks.append({"type": "response.output_item.added", "item": {**item, "arguments": ""}})
        for piece in ('{"x"', ": 1}"):
            event = {"type": "response.function_call_arguments.delta", "delta": piece}
            chunks.append(event | ({"item_id": item["id"]} if ids else {}))
        chunks.append(done(item, None))
    answer = read(*chunks, ended())
    assert [(each.id, each.arguments) for each in answer.tool_calls] == [("call_a", {"x": 1}), ("call_b", {"x": 1})]


def test_arguments_of_calls_may_take_turns() -> None:
    """M10."""
    added = [{"type": "response.output_item.added", "output_index": n, "item": call(f"call_{n}", "")} for n in range(2)]
    pieces = [('{"n"', 0), ('{"n"', 1), (": 0}", 0), (": 1}", 1)]
    deltas = [delta("function_call_arguments", piece, output_index=number) for piece, number in pieces]
    whole = [call(f"call_{number}", f'{{"n": {number}}}') for number in range(2)]
    answer = read(CREATED, *added, *deltas, done(whole[0], 0), done(whole[1], 1), ended(whole))
    assert [each.arguments for each in answer.tool_calls] == [{"n": 0}, {"n": 1}]


def test_a_call_has_its_id_and_name_from_its_first_event_on() -> None:
    """N3: one without an id gets one of its own, the same each time."""
    bare = {"type": "function_call", "name": "get_weather", "arguments": "{}"}
    first, _ = events_of([CREATED, done(bare), done(bare, 1), ended()])
    again, _ = events_of([CREATED, done(bare), done(bare, 1), ended()])
    deltas = [event for event in first if isinstance(event, ToolDelta)]
    assert len({event.id for event in deltas}) == 2
    assert first == again


def test_a_call_with_free_text_keeps_it_as_it_is() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_a", "name": "run", "input": "print(1)"}
    answer = read(CREATED, delta("custom_tool_call_input", "print"), done(item), ended([item]))
    assert answer.tool_calls[0].raw_arguments == "print(1)"
    assert answer.tool_calls[0].error is not None


def test_a_call_that_was_cut_is_reported_and_not_dropped() -> None:
    """M10."""
    end = ended([call("call_a", '{"ci')], status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    answer = read(CREATED, end)
    assert answer.finish is Finish.LENGTH
    assert answer.details["incomplete_reason"] == "max_output_tokens"
    assert answer.tool_calls[0].arguments is None


def test_thinking_is_never_text_and_is_said_once() -> None:
    """N6: where an item has the reasoning and a summary of it, one of them is told."""
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "sum"}],
        "content": [{"type": "reasoning_text", "text": "2 + 2"}],
    }
    answer = read(CREATED, ended([item, message(text("4"))]))
    assert (answer.thinking, answer.text) == ("2 + 2", "4")
    streamed = read(CREATED, delta("reasoning_summary_text", "su"), done(item), ended([item, message(text("4"))]))
    assert (streamed.thinking, streamed.text) == ("sum", "4")
    assert read(CREATED, ended([message(text("4"))])).thinking is None


def test_a_refusal_is_no_text() -> None:
    """N9: it is complete for the vendor, and filtered for us."""
    item = message({"type": "refusal", "refusal": "I cannot."})
    answer = read(CREATED, delta("refusal", "I can"), done(item), ended([item]))
    assert (answer.refusal, answer.text) == ("I cannot.", "")
    assert (answer.finish, answer.raw_finish) == (Finish.CONTENT_FILTER, "completed")


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, Finish.CONTENT_FILTER),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_messages"}}, Finish.OTHER),
        ({"status": "incomplete", "incomplete_details": None}, Finish.OTHER),
        ({"status": "cancelled"}, Finish.CANCELLED),
        ({"status": "completed"}, Finish.STOP),
    ],
)
def test_why_an_answer_ended_is_told_in_our_words_and_the_vendors(fields: dict[str, Any], finish: Finish) -> None:
    """N9."""
    answer = read(CREATED, ended([message(text("a"))], **fields))
    assert (answer.finish, answer.raw_finish) == (finish, fields["status"])


def test_a_status_that_is_absent_stays_absent() -> None:
    body = {**HEAD, "output": [message(text("a"))]}
    answer = fold(CODEC.decode(json.dumps(body).encode()).events)
    assert (answer.finish, answer.raw_finish, answer.usage) == (Finish.OTHER, None, None)


def test_what_the_vendor_ran_is_told_in_details() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    picture = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo="}
    citation = {"type": "url_citation", "url": "https://example.com", "start_index": 0, "end_index": 1}
    logprob = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    said = message(text("a", annotations=[citation], logprobs=[logprob]))
    answer = read(CREATED, done(search), done(picture, 1), ended([search, picture, said], service_tier="default"))
    assert answer.details == {
        "server_tools": [search, picture],
        "images": [picture],
        "citations": [citation],
        "logprobs": {"content": [logprob]},
        "service_tier": "default",
    }


def test_usage_is_what_the_vendor_counted_and_unknown_is_none() -> None:
    """M8, N5."""
    usage = read(CREATED, ended([message(text("a"))])).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cached, usage.reasoning) == (12, 5, 0, None)
    assert usage.raw == USAGE
    assert read(CREATED, ended([message(text("a"))], usage=None)).usage is None


def test_an_unknown_event_is_passed_over() -> None:
    events, failure = events_of([CREATED, {"type": "response.new_thing", "x": 1}, {"type": "keepalive"}, ended()])
    assert failure is None
    assert isinstance(events[0], Started)
