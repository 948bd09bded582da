"""What stands in a request to ``/api/chat``, and what is refused before one is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import backbay
from backbay import Message, ToolCall
from backbay.messages import ImagePart, TextPart, ThinkingPart
from backbay.testing import Reply, ScriptedServer

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DONE = {"model": "m", "message": {"role": "assistant", "content": "pong"}, "done": True, "done_reason": "stop"}
WEATHER = {"name": "get_weather", "description": "Get it.", "parameters": {"type": "object", "properties": {}}}


def sent(messages: Any, **options: Any) -> dict[str, Any]:
    """Return the body that a call sends."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url) as backend:
            assert backend.complete(messages, **options).text == "pong"
        [request] = server.requests
    assert request.path == "/api/chat"
    body: dict[str, Any] = json.loads(request.body)
    return body


def refused(messages: Any, **options: Any) -> backbay.RequestError:
    """Return the error of a call that makes no connection."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url) as backend:
            with pytest.raises(backbay.RequestError) as caught:
                backend.complete(messages, **options)
        assert server.connections == 0
    return caught.value


def test_a_whole_conversation_has_ollamas_form() -> None:
    """N2: raw base64 without its prefix, arguments as an object, results with the tool's name."""
    calls = (
        ToolCall(id="a", name="get_weather", arguments={"city": "Zagreb"}),
        ToolCall(id="b", name="get_time", arguments={}),
    )
    conversation = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="What is this, and the weather?", images=(f"data:image/png;base64,{PIXEL}",)),
        Message(role="assistant", tool_calls=calls),
        Message(role="tool", tool_call_id="a", content="sunny"),
        Message(role="tool", tool_call_id="b", name="get_time", content="noon"),
        Message(role="assistant", content="A pixel; sunny at noon."),
    )
    assert sent(conversation)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is this, and the weather?", "images": [PIXEL]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zagreb"}}},
                {"id": "b", "type": "function", "function": {"name": "get_time", "arguments": {}}},
            ],
        },
        # The name is that of the call which it answers, where nobody gives it.
        {"role": "tool", "content": "sunny", "tool_name": "get_weather", "tool_call_id": "a"},
        {"role": "tool", "content": "noon", "tool_name": "get_time", "tool_call_id": "b"},
        {"role": "assistant", "content": "A pixel; sunny at noon."},
    ]


def test_text_between_images_keeps_its_place() -> None:
    """Images stand before the text of their message, so a turn with text between them is several messages."""
    first, second = ImagePart(data=PIXEL), ImagePart(data="R0lGODlhAQABAAAAACw=")
    content = (TextPart(text="First:"), first, TextPart(text="Second:"), second, TextPart(text="Compare."))
    assert sent([Message(role="user", content=content)])["messages"] == [
        {"role": "user", "content": "First:"},
        {"role": "user", "images": [PIXEL], "content": "Second:"},
        {"role": "user", "images": ["R0lGODlhAQABAAAAACw="], "content": "Compare."},
    ]


def test_thinking_goes_back_in_its_own_field_unless_another_vendor_keeps_it() -> None:
    own = ThinkingPart(text="Hm.")
    other = ThinkingPart(text="Secret.", opaque={"another": {"signature": "s"}})
    turn = Message(role="assistant", content=(other, own, TextPart(text="4")))
    said = sent([Message(role="user", content="2 + 2?"), turn, Message(role="user", content="Sure?")])["messages"][1]
    assert said == {"role": "assistant", "content": "4", "thinking": "Hm."}


def test_options_and_what_extra_adds_to_them_are_one_object() -> None:
    body = sent(
        "Say pong.",
        temperature=0.0,
        top_p=0.5,
        max_tokens=7,
        stop="x",
        seed=0,
        extra={"options": {"num_ctx": 8192, "top_k": 5}, "keep_alive": "5m"},
    )
    assert body["options"] == {
        "temperature": 0.0,
        "top_p": 0.5,
        "num_predict": 7,
        "seed": 0,
        "stop": ["x"],
        "num_ctx": 8192,
        "top_k": 5,
    }
    assert body["keep_alive"] == "5m"


def test_nothing_that_nobody_asked_for_is_sent() -> None:
    assert sent("Say pong.").keys() == {"model", "messages", "stream"}


@pytest.mark.parametrize(
    ("extra", "error", "words"),
    [
        ({"options": {"temperature": 1}}, backbay.OptionConflictError, "temperature"),
        ({"options": {"num_predict": 1}}, backbay.OptionConflictError, "num_predict"),
        ({"options": [1]}, backbay.InvalidRequestError, "num_ctx"),
        ({"format": "json"}, backbay.OptionConflictError, "format"),
        ({"messages": []}, backbay.OptionConflictError, "messages"),
    ],
)
def test_extra_cannot_say_what_an_option_says(
    extra: Mapping[str, object], error: type[backbay.RequestError], words: str
) -> None:
    found = refused("Say pong.", extra=extra)
    assert type(found) is error
    assert words in found.message


@pytest.mark.parametrize(
    ("reasoning", "think"),
    [(True, True), (False, False), ("none", False), (0, False), ("low", "low"), ("high", "high"), ("medium", True)],
)
def test_reasoning_is_a_switch_or_a_level(reasoning: Any, think: object) -> None:
    assert sent("Say pong.", reasoning=reasoning)["think"] == think


def test_a_level_that_only_a_model_knows_goes_through_extra() -> None:
    assert sent("Say pong.", extra={"think": "max"})["think"] == "max"
    assert type(refused("Say pong.", reasoning="low", extra={"think": "max"})) is backbay.OptionConflictError


def test_a_budget_for_thinking_is_refused_with_what_there_is_instead() -> None:
    assert "effort" in refused("Say pong.", reasoning=1000).message


def test_json_is_asked_for_by_name_or_by_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert sent("One.", response_format={"type": "json_object"})["format"] == "json"
    assert sent("One.", response_format=schema)["format"] == schema


def test_tools_are_forbidden_by_not_being_offered() -> None:
    assert "tools" in sent("Weather?", tools=[WEATHER])
    assert "tools" not in sent("Weather?", tools=[WEATHER], tool_choice="none")


@pytest.mark.parametrize(
    "options",
    [
        {"tools": [WEATHER], "tool_choice": "get_weather"},
        {"tools": [WEATHER], "tool_choice": "required"},
        {"tools": [WEATHER], "parallel_tool_calls": False},
        {"tools": [{**WEATHER, "strict": True}]},
    ],
)
def test_what_the_server_would_ignore_is_refused(options: Mapping[str, Any]) -> None:
    assert isinstance(refused("Weather?", **options), backbay.UnsupportedError)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message(role="user", content="?", images=("https://acme.example/a.png",)), "base64"),
        (Message(role="user", content=(ImagePart(data=PIXEL, detail="low"),)), "detail"),
        (Message(role="user", content="?", name="ana"), "name"),
        (Message(role="tool", tool_call_id="a", content="boom", is_error=True), "is_error"),
        (Message(role="tool", tool_call_id="a", content=(ImagePart(data=PIXEL),)), "user message"),
        (Message(role="assistant", tool_calls=(ToolCall(id="a", name="f", raw_arguments="{oops"),)), "JSON object"),
        (Message(role="assistant", content=(ImagePart(data=PIXEL),)), "image"),
    ],
)
def test_what_has_no_place_is_refused_with_the_messages_number(message: Message, words: str) -> None:
    """N1: before any I/O, and with what to do instead."""
    found = refused([Message(role="user", content="Hello."), message])
    assert found.message.startswith("messages[1]: ")
    assert words in found.message
