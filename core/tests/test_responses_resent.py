"""What an answer of the responses wire keeps of the vendor's goes back as it came, and in its order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backbay import Message, Response
from backbay.folding import fold
from backbay.limits import Limits
from backbay.messages import ThinkingPart
from backbay.request import build_request
from backbay.spec import BackendSpec, ModelRule
from backbay.wires.openai_responses import OpenAIResponses

SPEC = BackendSpec(
    name="acme",
    wires=("openai_responses",),
    models=(ModelRule(prefix="plain", capabilities={"reasoning": "unsupported"}),),
)
RAW = {"id": "resp_1", "model": "model-1", "status": "completed"}
SEALED: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": [],
    "encrypted_content": "gAAAA-é==",
}
SEARCH: dict[str, Any] = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "x"},
}
SAID: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "phase": "commentary",
}


def message(words: str, **fields: Any) -> dict[str, Any]:
    """Return a message item."""
    return {**SAID, "content": [{"type": "output_text", "text": words, "annotations": []}], **fields}


def call(letter: str, **fields: Any) -> dict[str, Any]:
    """Return a call item."""
    named = {"type": "function_call", "id": f"fc_{letter}", "call_id": f"call_{letter}", "name": "get_weather"}
    return {**named, "arguments": f'{{"city":"{letter}"}}', "status": "completed", **fields}


def answered(items: list[dict[str, Any]], *, stream: bool = False, **quirks: object) -> Response:
    """Return the answer that has these output items."""
    codec = OpenAIResponses(SPEC, quirks)
    if not stream:
        return fold(codec.decode(json.dumps({**RAW, "output": items}).encode()).events)
    decoder = codec.decoder()
    chunks: list[dict[str, Any]] = [{"type": "response.created", "response": {**RAW, "output": []}}]
    for number, item in enumerate(items):
        chunks.append({"type": "response.output_item.added", "output_index": number, "item": {**item, "content": []}})
        chunks.append({"type": "response.output_item.done", "output_index": number, "item": item})
    chunks.append({"type": "response.completed", "response": {**RAW, "output": items}})
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    return fold([*decoder.feed(body), *decoder.finish()])


def resent(answer: Message, *after: Message, **quirks: object) -> list[dict[str, Any]]:
    """Return the input items of an answer's message and what follows it."""
    request = build_request([answer, *after], {"model": "model-1"}, limits=Limits(), model=None)
    body = json.loads(OpenAIResponses(SPEC, quirks).encode(request, stream=False).body)
    items: list[dict[str, Any]] = body["input"]
    return items


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_and_hosted_tools_go_back_as_they_came(stream: bool) -> None:
    items = [SEALED, SEARCH, message("4"), call("a", namespace="weather")]
    sent = resent(answered(items, stream=stream).message)
    assert sent[:2] == [SEALED, SEARCH]
    assert list(sent[0]) == list(SEALED)
    assert sent[2] == {
        "type": "message",
        "role": "assistant",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "4"}],
    }
    assert sent[3] == {name: value for name, value in items[3].items() if name != "id"}


@pytest.mark.parametrize("stream", [False, True])
def test_items_go_back_in_their_order(stream: bool) -> None:
    """Calls stand apart from what was said in a message; each goes back to its place."""
    second = {**SEALED, "id": "rs_2"}
    items = [SEALED, call("a"), second, message("Now the other."), call("b")]
    sent = resent(answered(items, stream=stream).message)
    assert [item["type"] for item in sent] == [item["type"] for item in items]
    assert [item["call_id"] for item in sent if "call_id" in item] == ["call_a", "call_b"]


def test_reasoning_that_was_sealed_anew_goes_back_in_its_last_form() -> None:
    """OpenAI encrypts it once more for the last event of a stream; its own client keeps that form."""
    codec = OpenAIResponses(SPEC, {})
    decoder = codec.decoder()
    newer = {**SEALED, "encrypted_content": "gBBBB=="}
    said = {name: value for name, value in message("4").items() if name != "phase"}
    chunks = [
        {"type": "response.created", "response": {**RAW, "output": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": SEALED},
        {"type": "response.output_item.done", "output_index": 1, "item": said},
        {"type": "response.completed", "response": {**RAW, "output": [newer, said]}},
    ]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    sent = resent(fold([*decoder.feed(body), *decoder.finish()]).message)
    assert sent[0] == newer
    assert [item["type"] for item in sent] == ["reasoning", "message"]


def test_a_stored_conversation_goes_back_the_same() -> None:
    answer = answered([SEALED, message("4"), call("a")]).message
    loaded = Message.model_validate_json(answer.model_dump_json())
    assert resent(loaded) == resent(answer)


def test_reasoning_of_which_only_an_id_is_left_goes_back_to_a_vendor_that_keeps_answers() -> None:
    """To any other it is "not found"."""
    bare = {"type": "reasoning", "id": "rs_1", "summary": []}
    items = [bare, message("4", phase=None), call("a")]
    assert [item["type"] for item in resent(answered(items).message)] == ["message", "function_call"]
    kept = resent(answered(items, store=True).message, store=True)
    assert [item["id"] for item in kept] == ["rs_1", "msg_1", "fc_a"]
    assert kept[1]["status"] == "completed"


def test_reasoning_is_not_given_to_a_model_that_does_not_reason() -> None:
    """OpenAI takes it with reasoning models only."""
    request = build_request([answered([SEALED, SEARCH]).message], {"model": "plain"}, limits=Limits(), model=None)
    body = json.loads(OpenAIResponses(SPEC, {}).encode(request, stream=False).body)
    assert body["input"] == [SEARCH]


def test_reasoning_in_the_open_goes_back() -> None:
    """DeepSeek wants it back (recorded)."""
    item = {"type": "reasoning", "id": "x", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert resent(answered([item, call("a")]).message)[0] == item


def test_what_another_backend_keeps_is_left_out_and_thinking_never_becomes_text() -> None:
    """N6."""
    kept: dict[str, Any] = {"example": {"index": 0, "item": SEALED}}
    thoughts = (ThinkingPart(text="hm", opaque=kept), ThinkingPart(text="hm"))
    turn = Message(role="assistant", content=(*thoughts, *answered([message("4")]).message.parts()))
    assert [item["type"] for item in resent(turn)] == ["message"]
    assert "hm" not in json.dumps(resent(turn))


def test_the_output_of_a_call_with_free_text_has_its_own_form() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_a", "name": "run", "input": "print(1)"}
    output = Message(role="tool", tool_call_id="call_a", content="1")
    sent = resent(answered([item]).message, output)
    assert sent == [
        {"type": "custom_tool_call", "call_id": "call_a", "name": "run", "input": "print(1)"},
        {"type": "custom_tool_call_output", "call_id": "call_a", "output": "1"},
    ]


def test_a_turn_that_says_nothing_is_an_empty_message() -> None:
    empty = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ""}]}
    assert resent(Message(role="assistant", content="")) == [empty]


def test_arguments_that_are_no_json_go_back_as_the_model_wrote_them() -> None:
    assert resent(answered([call("a", arguments='{"ci')]).message)[0]["arguments"] == '{"ci'
