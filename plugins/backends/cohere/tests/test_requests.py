"""What stands in a request to Cohere, and what is refused before one is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import backbay
from backbay import Message, ToolCall
from backbay.messages import ImagePart, TextPart, ThinkingPart
from backbay.testing import Reply, ScriptedServer

DONE = {"id": "a1", "message": {"role": "assistant", "content": [{"type": "text", "text": "pong"}]}}
DONE["finish_reason"] = "COMPLETE"
WEATHER = {"name": "get_weather", "description": "Get it.", "parameters": {"type": "object", "properties": {}}}
TIME = {**WEATHER, "name": "get_time"}


def sent(messages: Any, **options: Any) -> dict[str, Any]:
    """Return the body that a call sends."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("cohere:m", base_url=server.url, api_key="key") as backend:
            assert backend.complete(messages, **options).text == "pong"
        [request] = server.requests
    assert request.path == "/v1/chat"
    body: dict[str, Any] = json.loads(request.body)
    return body


def refused(messages: Any, **options: Any) -> backbay.RequestError:
    """Return the error of a call that makes no connection."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("cohere:m", base_url=server.url, api_key="key") as backend:
            with pytest.raises(backbay.RequestError) as caught:
                backend.complete(messages, **options)
        assert server.connections == 0
    return caught.value


@pytest.mark.parametrize("variable", ["CO_API_URL", "CO_BASE_URL", "COHERE_BASE_URL", "COHERE_API_BASE"])
def test_an_address_without_a_path_gets_the_version(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Cohere's own client is told the address without it."""
    monkeypatch.setenv(variable, "https://cohere.example/")
    monkeypatch.setenv("CO_API_KEY", "key")
    assert backbay.connect("cohere:m").id == "cohere:https://cohere.example/v2"


def test_the_vendors_own_variable_for_the_key_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", "second")
    monkeypatch.setenv("CO_API_KEY", "first")
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("cohere:m", base_url=server.url) as backend:
            backend.complete("Say pong.")
        assert server.requests[0].headers["authorization"] == "Bearer first"


def test_without_a_key_both_variables_are_named() -> None:
    with pytest.raises(backbay.MissingCredentialError) as caught:
        backbay.connect("cohere:m")
    assert caught.value.hint is not None
    assert "CO_API_KEY or COHERE_API_KEY" in caught.value.hint


def test_a_whole_conversation_has_coheres_form() -> None:
    turn = (ThinkingPart(text="Hm."), TextPart(text="Let me look."))
    calls = (
        ToolCall(id="a", name="get_weather", arguments={"city": "Zagreb"}, opaque={"cohere": {"tool_plan": "I look."}}),
        ToolCall(id="b", name="get_time", raw_arguments=""),
    )
    conversation = (
        Message(role="system", content="Be brief."),
        Message(role="user", content=(TextPart(text="This?"), ImagePart(url="https://a.example/a.png", detail="low"))),
        Message(role="assistant", content=turn, tool_calls=calls),
        Message(role="tool", tool_call_id="a", name="get_weather", content="sunny"),
        Message(role="tool", tool_call_id="b", content=(TextPart(text="noon"),)),
        Message(role="assistant", content="Sunny at noon."),
    )
    image = {"url": "https://a.example/a.png", "detail": "low"}
    weather = {"name": "get_weather", "arguments": '{"city": "Zagreb"}'}
    assert sent(conversation)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "This?"}, {"type": "image_url", "image_url": image}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Let me look."}],
            "tool_calls": [
                {"id": "a", "type": "function", "function": weather},
                {"id": "b", "type": "function", "function": {"name": "get_time", "arguments": "{}"}},
            ],
            "tool_plan": "I look.",
        },
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "noon"}]},
        {"role": "assistant", "content": "Sunny at noon."},
    ]


def test_what_another_vendor_keeps_with_its_turns_stays_away() -> None:
    thought = ThinkingPart(text="Secret.", opaque={"another": {"signature": "s"}})
    call = ToolCall(id="a", name="f", arguments={}, opaque={"another": {"tool_plan": "s"}})
    conversation = [
        Message(role="user", content="Look."),
        Message(role="assistant", content=(thought,), tool_calls=(call,)),
        Message(role="tool", tool_call_id="a", content="seen"),
    ]
    assert sent(conversation)["messages"][1].keys() == {"role", "tool_calls"}


def test_options_have_coheres_names() -> None:
    body = sent(
        "Say pong.",
        temperature=0.0,
        top_p=0.5,
        max_tokens=7,
        stop=["x"],
        seed=0,
        extra={"k": 5, "documents": [{"id": "d", "data": {"text": "Pong."}}], "citation_options": {"mode": "FAST"}},
    )
    assert {name: body[name] for name in ("temperature", "p", "max_tokens", "seed", "k")} == {
        "temperature": 0.0,
        "p": 0.5,
        "max_tokens": 7,
        "seed": 0,
        "k": 5,
    }
    assert body["stop_sequences"] == ["x"]
    assert body["documents"][0]["id"] == "d"
    assert sent("Say pong.").keys() == {"model", "messages", "stream"}


def test_json_is_an_object_with_or_without_a_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert sent("One.", response_format={"type": "json_object"})["response_format"] == {"type": "json_object"}
    form = sent("One.", response_format=schema)["response_format"]
    assert form == {"type": "json_object", "json_schema": schema}


@pytest.mark.parametrize(
    ("reasoning", "thinking"),
    [
        (False, {"type": "disabled"}),
        (0, {"type": "disabled"}),
        (True, {"type": "enabled"}),
        ("low", {"type": "enabled", "token_budget": 2048}),
        (500, {"type": "enabled", "token_budget": 500}),
    ],
)
def test_reasoning_is_a_switch_and_a_budget(reasoning: Any, thinking: object) -> None:
    assert sent("Say pong.", reasoning=reasoning)["thinking"] == thinking


def test_the_choice_of_a_tool_is_a_word() -> None:
    assert "tool_choice" not in sent("Weather?", tools=[WEATHER, TIME], tool_choice="auto")
    assert sent("Weather?", tools=[WEATHER, TIME], tool_choice="none")["tool_choice"] == "NONE"
    assert sent("Weather?", tools=[WEATHER, TIME], tool_choice="required")["tool_choice"] == "REQUIRED"
    # With one tool alone, to call one is to call that one.
    assert sent("Weather?", tools=[WEATHER], tool_choice="get_weather")["tool_choice"] == "REQUIRED"


def test_strict_holds_for_all_tools() -> None:
    strict = [{**WEATHER, "strict": True}, {**TIME, "strict": True}]
    assert sent("Weather?", tools=strict)["strict_tools"] is True
    assert "strict_tools" not in sent("Weather?", tools=[WEATHER, TIME])
    assert sent("Weather?", tools=[WEATHER], extra={"strict_tools": True})["strict_tools"] is True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tools": [WEATHER, TIME], "tool_choice": "get_time"}, "only tool"),
        ({"tools": [{**WEATHER, "strict": True}, TIME]}, "alike"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "parallel_tool_calls"),
    ],
)
def test_what_the_wire_cannot_say_is_refused(options: Mapping[str, Any], words: str) -> None:
    found = refused("Weather?", **options)
    assert isinstance(found, backbay.UnsupportedError)
    assert words in found.message


@pytest.mark.parametrize(
    "extra",
    [{"p": 0.5}, {"stop_sequences": ["x"]}, {"thinking": {"type": "enabled"}}, {"tool_choice": "NONE"}],
)
def test_extra_cannot_say_what_an_option_says(extra: Mapping[str, object]) -> None:
    found = refused("Say pong.", extra=extra, reasoning="low")
    assert isinstance(found, backbay.OptionConflictError)
    assert next(iter(extra)) in found.message


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message(role="user", content="?", name="ana"), "name"),
        (Message(role="tool", content="sunny", name="f"), "tool_call_id"),
        (Message(role="tool", tool_call_id="a", content="boom", is_error=True), "is_error"),
        (Message(role="tool", tool_call_id="a", content=(ImagePart(url="https://a.example/a.png"),)), "user message"),
        (Message(role="assistant", content=(ImagePart(url="https://a.example/a.png"),)), "image"),
    ],
)
def test_what_has_no_place_is_refused_with_the_messages_number(message: Message, words: str) -> None:
    """N1: before any I/O, and with what to do instead."""
    found = refused([Message(role="user", content="Hello."), message])
    assert found.message.startswith("messages[1]: ")
    assert words in found.message
