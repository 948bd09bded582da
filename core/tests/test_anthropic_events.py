"""What the messages wire's answers become: order, marks for the way back, errors, and strange servers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import DecodeError, OverloadedError, ResponseError, TruncatedError
from backbay.events import Grammar
from backbay.folding import fold
from backbay.messages import Message
from backbay.response import Finish, Response
from backbay.spec import BackendSpec
from backbay.testing import sse
from backbay.wires.anthropic_blocks import Turns
from backbay.wires.anthropic_events import MessageReader
from backbay.wires.anthropic_messages import AnthropicMessages

CODEC = AnthropicMessages(BackendSpec(name="acme", wires=("anthropic_messages",)), {})
START = {"type": "message_start", "message": {"id": "msg_1", "model": "acme-1", "usage": {"input_tokens": 5}}}
STOP = {"type": "message_stop"}


def end(reason: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **more}, "usage": {"output_tokens": 3}}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def tool(index: int, call_id: Any, *pieces: str, **more: Any) -> list[dict[str, Any]]:
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block(index, {"type": "tool_use", "id": call_id, "name": "look", "input": {}, **more}, *deltas)


def read(*events: dict[str, Any]) -> Response:
    decoder = CODEC.decoder()
    found = [event for one in events for event in decoder.feed(sse(one))]
    found += decoder.finish()
    if decoder.failure is not None:
        raise decoder.failure
    return fold(found)


def resent(answer: Response) -> Any:
    turns = Turns("acme", unsigned=False)
    turns.add(Message.model_validate_json(answer.message.model_dump_json()), 0)
    return turns.written[0]["content"]


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("stop_sequence", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("tool_use", Finish.TOOL_CALLS),
        ("refusal", Finish.CONTENT_FILTER),
        ("pause_turn", Finish.OTHER),
        ("a_word_of_tomorrow", Finish.OTHER),
    ],
)
def test_stop_reasons_are_mapped_and_kept(word, finish):
    """N9."""
    answer = read(START, end(word), STOP)
    assert (answer.finish, answer.raw_finish) == (finish, word)


def test_an_absent_stop_reason_stays_absent():
    answer = read(START, *text(0, "a"), STOP)
    assert (answer.finish, answer.raw_finish) == (Finish.OTHER, None)
    called = CODEC.decode(
        json.dumps({"content": [{"type": "tool_use", "id": "a", "name": "look", "input": {}}]}).encode()
    )
    assert fold(called.events).finish is Finish.TOOL_CALLS


def test_calls_beside_a_plain_end_are_calls():
    """N3, N4, N5."""
    answer = read(START, *tool(0, "a", '{"x":', "1}"), end("end_turn"), STOP)
    assert (answer.finish, answer.raw_finish) == (Finish.TOOL_CALLS, "end_turn")
    assert answer.tool_calls[0].arguments == {"x": 1}
    assert (answer.usage.input, answer.usage.output) == (5, 3)


def test_calls_without_ids_get_ones_that_are_always_the_same():
    """N3."""
    events = (START, *tool(0, None), *tool(1, ""), *tool(2, "b"), *tool(3, "b"), end("tool_use"), STOP)
    ids = [call.id for call in read(*events).tool_calls]
    assert len(set(ids)) == 4
    assert all(ids)
    assert ids == [call.id for call in read(*events).tool_calls]


def test_order_of_text_thinking_and_calls_survives_the_way_back():
    """N6: what stood between and after the calls stands there again; thinking is in no text."""
    thought = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "thinking_delta", "thinking": "."},
        {"type": "signature_delta", "signature": "a="},
        {"type": "signature_delta", "signature": "="},
    )
    caller = {"type": "code_execution_20250825", "tool_id": "srv_1"}
    answer = read(
        START, *thought, *text(1, "a"), *text(2, "b"), *tool(3, "c1", caller=caller), *text(4, "d"),
        *tool(5, "c2", '{"x":1}'), end("tool_use"), STOP,
    )  # fmt: skip
    assert (answer.text, answer.thinking) == ("abd", "Hm.")
    assert resent(answer) == [
        {"type": "thinking", "thinking": "Hm.", "signature": "a=="},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {}, "caller": caller},
        {"type": "text", "text": "d"},
        {"type": "tool_use", "id": "c2", "name": "look", "input": {"x": 1}},
    ]


def test_citations_are_details_and_go_back_with_their_text():
    cited = {"type": "char_location", "cited_text": "green", "document_index": 0}
    start = {"type": "text", "text": "", "citations": []}
    said = block(1, start, {"type": "citations_delta", "citation": cited}, {"type": "text_delta", "text": "green"})
    answer = read(START, *text(0, "Grass is "), *said, *text(2, "."), end(), STOP)
    assert answer.details["citations"] == [cited]
    assert (answer.text, answer.thinking) == ("Grass is green.", None)
    assert resent(answer) == [
        {"type": "text", "text": "Grass is "},
        {"type": "text", "text": "green", "citations": [cited]},
        {"type": "text", "text": "."},
    ]


def test_tools_that_the_vendor_runs_are_details_and_no_calls():
    use = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    pieces = ({"type": "input_json_delta", "partial_json": piece} for piece in ('{"query":', ' "x"}'))
    result = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"encrypted_content": "E=="}]}
    answer = read(START, *block(0, use, *pieces), *block(1, result), *text(2, "Found."), end("pause_turn"), STOP)
    asked = {**use, "input": {"query": "x"}}
    assert answer.details["server_tools"] == [asked, result]
    assert answer.tool_calls == ()
    assert resent(answer) == [asked, result, {"type": "text", "text": "Found."}]


def test_a_hosted_tool_that_was_cut_off_is_shown_and_not_sent_back():
    use = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    cut = block(1, use, {"type": "input_json_delta", "partial_json": '{"que'})[:-1]
    answer = read(START, *text(0, "a"), *cut, end("max_tokens"), STOP)
    assert answer.details["server_tools"] == [{**use, "input": '{"que'}]
    assert resent(answer) == "a"


def test_the_counts_of_the_end_stand_over_those_of_the_beginning():
    first = {"input_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 1}
    last = {"output_tokens": 9, "input_tokens": 12, "output_tokens_details": {"thinking_tokens": 3}}
    start = {"type": "message_start", "message": {"usage": first}}
    usage = read(start, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}, STOP).usage
    assert (usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning) == (18, 9, 4, 2, 3)
    assert usage.raw == {**first, **last}


def test_unknown_usage_is_none():
    answer = read({"type": "message_start", "message": {"usage": {}}}, {**end(), "usage": None}, STOP)
    assert answer.usage is None
    partly = read({"type": "message_start", "message": {}}, end(), STOP).usage
    assert (partly.input, partly.output, partly.cached) == (None, 3, None)


def test_an_error_in_a_stream_has_its_class_and_what_came_before():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}
    with pytest.raises(OverloadedError, match="Overloaded") as caught:
        read(START, *text(0, "a"), error)
    assert (caught.value.request_id, caught.value.retryable) == ("req_1", True)


def test_an_error_in_a_whole_answer_is_an_error():
    with pytest.raises(ResponseError, match="No"):
        CODEC.decode(b'{"type": "error", "error": {"type": "api_error", "message": "No."}}')
    with pytest.raises(DecodeError, match="no content"):
        CODEC.decode(b'{"type": "message"}')
    with pytest.raises(DecodeError):
        CODEC.decode_count(b'{"input_tokens": "many"}')


def test_a_stream_that_was_cut_is_no_answer():
    with pytest.raises(TruncatedError):
        read(START, *text(0, "a"))


def test_pings_and_events_of_tomorrow_are_passed_over():
    ping, new = {"type": "ping"}, {"type": "a_kind_of_tomorrow", "index": 0}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "a_delta_of_tomorrow", "text": "no"}}
    begin, *rest = text(0, "a")
    assert read(ping, START, ping, begin, delta, new, *rest, ping, end(), ping, STOP).text == "a"


def test_nothing_is_waited_for_after_the_message_has_ended():
    decoder = CODEC.decoder()
    events = [event for one in (START, end(), STOP) for event in decoder.feed(sse(one))]
    assert fold(events).finish is Finish.STOP
    assert decoder.feed(b"data: [DONE]\n\n") == decoder.finish() == ()


def test_blocks_whose_beginning_or_end_is_missing_are_read():
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
    assert read(START, delta, end(), STOP).text == "a"
    whole = {"type": "tool_use", "id": "a", "name": "look", "input": {"x": 1}}
    assert read(START, block(0, whole)[0], end("tool_use"), STOP).tool_calls[0].arguments == {"x": 1}


def test_a_call_without_a_name_is_an_error():
    with pytest.raises(DecodeError, match="no name"):
        read(START, *block(0, {"type": "tool_use", "id": "a"}), end("tool_use"), STOP)


def test_a_list_of_models_has_more_pages_until_it_says_not():
    page = {"data": [{"id": "a"}], "has_more": True, "last_id": "a/b"}
    assert CODEC.next_page(json.dumps(page).encode()) == "after_id=a%2Fb"
    assert CODEC.next_page(json.dumps({**page, "has_more": False}).encode()) is None
    assert CODEC.next_page(b'{"data": []}') is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
KINDS = ["text", "thinking", "tool_use", "redacted_thinking", "server_tool_use", "compaction", "tomorrow"]
DELTAS = ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "compaction_delta"]
FIELDS = ["text", "thinking", "signature", "partial_json", "citation", "input", "id", "name", "citations", "caller"]


def some(kinds: list[str]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4)
    return st.builds(lambda kind, rest: {**rest, "type": kind}, st.sampled_from(kinds), fields) | JSON


EVENT = st.one_of(
    st.builds(lambda i, b: {"type": "content_block_start", "index": i, "content_block": b}, JSON, some(KINDS)),
    st.builds(lambda i, d: {"type": "content_block_delta", "index": i, "delta": d}, JSON, some(DELTAS)),
    st.builds(lambda i: {"type": "content_block_stop", "index": i}, JSON),
    st.builds(lambda m: {"type": "message_start", "message": m}, JSON),
    st.builds(lambda d, u: {"type": "message_delta", "delta": d, "usage": u}, JSON, JSON),
    JSON,
)


@given(st.lists(EVENT, max_size=12))
def test_whatever_comes_the_events_keep_the_grammar_and_can_be_sent_back(chunks):
    """No order of events, and no value in them, is an exception or breaks the grammar."""
    reader, grammar, events = MessageReader("acme"), Grammar(), []
    for chunk in chunks:
        events += reader.read(chunk)
        if reader.failure is not None:
            break
    if reader.failure is None:
        events += reader.end()
    for event in events:
        grammar.check(event)
    if reader.failure is None:
        turns = Turns("acme", unsigned=True)
        turns.add(fold(events).message, 0)
        json.dumps(turns.written)
