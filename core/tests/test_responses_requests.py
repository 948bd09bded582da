"""Requests on the responses wire: what was recorded can be asked for in our words, and what has no place is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from backbay import Message, ToolCall
from backbay.capabilities import Capabilities
from backbay.errors import (
    BackbayError,
    ConfigurationError,
    InvalidRequestError,
    OptionConflictError,
    UnsupportedError,
)
from backbay.limits import Limits
from backbay.messages import AudioPart, FilePart, ImagePart, TextPart, ThinkingPart
from backbay.request import build_request
from backbay.spec import BackendSpec, ModelRule
from backbay.wires.openai_responses import OpenAIResponses

SPEC = BackendSpec(
    name="acme",
    wires=("openai_responses",),
    capabilities=Capabilities.of(versioned="reasoning"),
    models=(ModelRule(prefix="plain", capabilities={"reasoning": "unsupported"}),),
)
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def codec(**quirks: object) -> OpenAIResponses:
    """Return the codec under test."""
    return OpenAIResponses(SPEC, quirks)


def sent(messages: Any, *, quirks: Mapping[str, object] | None = None, **options: Any) -> dict[str, Any]:
    """Return the body that a call sends."""
    request = build_request(messages, {"model": "model-1", **options}, limits=Limits(), model=None)
    body: dict[str, Any] = json.loads(codec(**(quirks or {})).encode(request, stream=False).body)
    return body


def test_a_conversation_becomes_items_in_its_order() -> None:
    """N2: calls and results are items of their own, arguments are a string, images are data URLs."""
    call = ToolCall(id="call_a", name="get_weather", arguments={"city": "Zagreb"})
    body = sent(
        [
            Message(role="system", content="Be brief."),
            Message(role="user", content="And this?", images=("iVBORw0KGgo=",)),
            Message(role="assistant", content="Let me look.", tool_calls=(call,)),
            Message(role="tool", tool_call_id="call_a", content="sunny"),
        ],
        tools=[WEATHER],
    )
    text = {"type": "output_text", "text": "Let me look."}
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    assert body["input"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "And this?"}, image]},
        {"type": "message", "role": "assistant", "content": [text]},
        {"type": "function_call", "call_id": "call_a", "name": "get_weather", "arguments": '{"city": "Zagreb"}'},
        {"type": "function_call_output", "call_id": "call_a", "output": "sunny"},
    ]


def test_zero_is_sent_as_zero_and_what_is_not_given_is_not_sent() -> None:
    """N8."""
    assert sent("Hi.", temperature=0)["temperature"] == 0
    assert sorted(sent("Hi.")) == ["input", "model", "store", "stream"]


def test_a_tool_may_give_back_pictures_and_documents() -> None:
    parts = (TextPart(text="here"), ImagePart(url="https://example.com/x.png"), FilePart(file_id="file-1"))
    call = Message(role="assistant", tool_calls=(ToolCall(id="call_a", name="draw", arguments={}),))
    output = sent([Message(role="user", content="Draw."), call, tool_turn(parts)])["input"][-1]["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image", "input_file"]


def tool_turn(content: Any) -> Message:
    return Message(role="tool", tool_call_id="call_a", content=content)


def test_a_hosted_tool_goes_as_it_is_and_is_chosen_by_its_type() -> None:
    search = {"type": "web_search", "search_context_size": "low"}
    body = sent("Search.", tools=[search, WEATHER], tool_choice="web_search")
    assert body["tools"][0] == search
    assert body["tool_choice"] == {"type": "web_search"}
    assert sent("Search.", tools=[WEATHER], tool_choice="get_weather")["tool_choice"] == {
        "type": "function",
        "name": "get_weather",
    }


def test_encrypted_reasoning_is_asked_for_only_of_models_that_reason() -> None:
    """OpenAI answers any other with "Encrypted content is not supported with this model"."""
    wanted = {"encrypted_reasoning": True}
    assert sent("Hi.", quirks=wanted)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in sent("Hi.", quirks=wanted, model="plain-2")
    assert "include" not in sent("Hi.", quirks={**wanted, "store": True})


def test_extra_joins_what_is_included_and_lays_itself_beside_our_half_of_an_object() -> None:
    extra = {
        "include": ["message.output_text.logprobs"],
        "text": {"verbosity": "low"},
        "reasoning": {"summary": "auto"},
    }
    body = sent(
        "Hi.", quirks={"encrypted_reasoning": True}, reasoning="low", response_format={"type": "object"}, extra=extra
    )
    assert body["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert body["text"]["verbosity"] == "low"
    assert body["text"]["format"]["type"] == "json_schema"
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}


def test_instructions_are_a_field_of_their_own_where_the_server_wants_that() -> None:
    conversation = [Message(role="system", content="One."), Message(role="system", content="Two.")]
    conversation += [Message(role="user", content="Hi."), Message(role="system", content="Three.")]
    body = sent(conversation, quirks={"system_role": "instructions"})
    assert body["instructions"] == "One.\n\nTwo."
    assert [item["role"] for item in body["input"]] == ["user", "developer"]
    assert sent("Hi.", quirks={"system_role": "instructions"})["instructions"] == ""


def test_a_reasoning_summary_is_asked_for_where_the_model_thinks() -> None:
    wanted = {"reasoning_summary": "auto"}
    assert sent("Hi.", quirks=wanted)["reasoning"] == {"summary": "auto"}
    assert sent("Hi.", quirks=wanted, reasoning="none")["reasoning"] == {"effort": "none"}
    assert "reasoning" not in sent("Hi.", quirks=wanted, model="plain")


def test_a_cache_mark_is_a_breakpoint_that_lives_at_least_as_long_as_asked() -> None:
    parts = (TextPart(text="a", cache="5m"), TextPart(text="b", cache="1h"))
    quirks = {"cache_marks": "prompt_cache_breakpoint"}
    written = sent([Message(role="user", content=parts)], quirks=quirks)["input"][0]["content"]
    marks = [part["prompt_cache_breakpoint"] for part in written]
    assert marks == [{"mode": "explicit"}, {"mode": "explicit", "ttl": "12h"}]


def test_schemas_are_made_strict_where_that_is_set() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    form = sent("Hi.", quirks={"strict_schema": True}, response_format=schema)["text"]["format"]
    assert form["strict"] is True
    assert form["schema"]["required"] == ["name"]
    assert "strict" not in sent("Hi.", response_format=schema)["text"]["format"]


NO_PLACE: list[tuple[str, type[BackbayError], dict[str, Any]]] = [
    ("stop", UnsupportedError, {"stop": ["x"]}),
    ("seed", UnsupportedError, {"seed": 1}),
    ("budget", UnsupportedError, {"reasoning": 1024}),
    ("A tool", UnsupportedError, {"tools": [{**WEATHER, "cache": "5m"}]}),
    ("model", OptionConflictError, {"extra": {"model": "x"}}),
    ("store", OptionConflictError, {"extra": {"store": True}}),
    ("background", OptionConflictError, {"extra": {"background": True}}),
    ("text.format", OptionConflictError, {"extra": {"text": {"format": {}}}}),
    ("reasoning.effort", OptionConflictError, {"extra": {"reasoning": {"effort": "low"}}}),
    ("tool_choice", OptionConflictError, {"extra": {"tool_choice": "auto"}}),
    ("include", InvalidRequestError, {"extra": {"include": "all"}}),
]


@pytest.mark.parametrize(("what", "error", "options"), NO_PLACE, ids=[what for what, _, _ in NO_PLACE])
def test_an_option_without_a_place_is_refused(what: str, error: type[BackbayError], options: dict[str, Any]) -> None:
    with pytest.raises(error, match=what):
        sent("Hi.", quirks={"encrypted_reasoning": True}, **options)


NO_PLACE_IN_A_MESSAGE: list[tuple[str, type[BackbayError], Message]] = [
    ("sound", UnsupportedError, Message(role="user", content=(AudioPart(data="AAAA", format="wav"),))),
    ("speaker", UnsupportedError, Message(role="user", content="Hi.", name="Ana")),
    ("cache", UnsupportedError, Message(role="user", content=(TextPart(text="a", cache="5m"),))),
    ("marked", UnsupportedError, Message(role="assistant", content=(TextPart(text="a", cache="5m"),))),
    ("citations", UnsupportedError, Message(role="user", content=(FilePart(file_id="f", citations=True),))),
    ("tool_call_id", InvalidRequestError, Message(role="tool", content="sunny")),
    ("is_error", InvalidRequestError, Message(role="tool", tool_call_id="a", content="no", is_error=True)),
    ("image", InvalidRequestError, Message(role="assistant", content=(ImagePart(url="https://example.com/x"),))),
    ("thinking", InvalidRequestError, Message(role="user", content=(ThinkingPart(text="hm"),))),
]


@pytest.mark.parametrize(
    ("what", "error", "message"), NO_PLACE_IN_A_MESSAGE, ids=[w for w, _, _ in NO_PLACE_IN_A_MESSAGE]
)
def test_what_has_no_place_in_a_message_is_refused_with_its_index(
    what: str, error: type[BackbayError], message: Message
) -> None:
    with pytest.raises(error, match=what) as caught:
        sent([Message(role="user", content="First."), message])
    assert "messages[1]" in str(caught.value)


def test_a_setting_that_is_on_no_wire_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="openai_responses wire has no setting 'stor'"):
        codec(stor=True)


def test_what_counts_a_prompt_is_sent_to_be_counted_and_nothing_else() -> None:
    options: dict[str, Any] = {
        "model": "model-1",
        "temperature": 0.5,
        "max_tokens": 9,
        "tools": [WEATHER],
        "extra": {"truncation": "auto"},
    }
    request = build_request("Hi.", options, limits=Limits(), model=None)
    written = codec().encode_count(request)
    assert written.path == "responses/input_tokens"
    assert sorted(json.loads(written.body)) == ["input", "model", "tools", "truncation"]
    assert codec().decode_count(b'{"object": "response.input_tokens", "input_tokens": 11}') == 11
    with pytest.raises(BackbayError, match="token count"):
        codec().decode_count(b'{"object": "response.input_tokens"}')
