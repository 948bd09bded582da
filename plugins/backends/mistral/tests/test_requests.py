"""What Mistral wants otherwise than the chat-completions wire."""

from __future__ import annotations

import re

import pytest

from backbay import Message, OptionConflictError
from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.messages import AudioPart, FilePart, ImagePart, TextPart, ThinkingPart, ToolCall
from backbay_mistral.ids import tool_id

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}
ASK = Message(role="user", content="What is the weather?")
THOUGHT = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": "I know\u2028 it."}],
    "signature": "EqoB+/==",
    "closed": True,
}


def called(call_id: str) -> list[Message]:
    call = ToolCall(id=call_id, name="get_weather", arguments={})
    return [
        ASK,
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", tool_call_id=call_id, name="get_weather", content="sunny"),
    ]


def test_options_have_mistrals_names(body_of) -> None:
    body = body_of("Hi.", stream=True, seed=42, max_tokens=9, tools=[WEATHER], tool_choice="required", reasoning="high")
    assert (body["random_seed"], body["max_tokens"], body["tool_choice"]) == (42, 9, "any")
    assert body["reasoning_effort"] == "high"
    assert not {"seed", "stream_options", "max_completion_tokens"} & set(body)


def test_a_tool_is_forced_by_its_name(body_of) -> None:
    body = body_of("Hi.", tools=[WEATHER], tool_choice="get_weather")
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}


@pytest.mark.parametrize("given", ["call_PTLP8xhu3uwZk4l3nlnrrJha", "toolu_01", "a", "ünïcode", "123456789\n", ""])
def test_an_id_from_elsewhere_becomes_one_that_mistral_takes(given: str) -> None:
    made = tool_id(given)
    assert re.fullmatch("[a-zA-Z0-9]{9}", made)
    assert made == tool_id(given) != tool_id(given + "x")


def test_a_call_and_its_result_keep_one_id(body_of) -> None:
    """N2."""
    _, asked, told = body_of(called("call_PTLP8xhu3uwZk4l3nlnrrJha"))["messages"]
    assert asked["tool_calls"][0]["id"] == told["tool_call_id"] == tool_id("call_PTLP8xhu3uwZk4l3nlnrrJha")
    assert asked["content"] == ""
    assert told == {"role": "tool", "name": "get_weather", "tool_call_id": told["tool_call_id"], "content": "sunny"}


def test_mistrals_own_ids_stay(body_of) -> None:
    _, asked, told = body_of(called("Nr1uNItcS"))["messages"]
    assert asked["tool_calls"][0]["id"] == told["tool_call_id"] == "Nr1uNItcS"


def test_thinking_goes_back_as_it_came_and_in_its_place(body_of) -> None:
    thought = ThinkingPart(text="I know it.", opaque={"mistral": {"chunk": THOUGHT}})
    turn = Message(role="assistant", content=(TextPart(text="Hm. "), thought, TextPart(text="4")))
    [_, said, _] = body_of([ASK, turn, ASK])["messages"]
    assert said["content"] == [{"type": "text", "text": "Hm. "}, THOUGHT, {"type": "text", "text": "4"}]
    assert "prefix" not in said


@pytest.mark.parametrize("opaque", [None, {"anthropic": {"signature": "s"}}, {"mistral": {"other": 1}}, {"mistral": 1}])
def test_thinking_that_is_not_mistrals_stays_here(body_of, opaque) -> None:
    """N6."""
    turn = Message(role="assistant", content=(ThinkingPart(text="Hidden.", opaque=opaque), TextPart(text="4")))
    [_, said, _] = body_of([ASK, turn, ASK])["messages"]
    assert said == {"role": "assistant", "content": "4"}


def test_an_assistants_turn_at_the_end_is_a_prefix(body_of) -> None:
    messages = body_of([ASK, Message(role="assistant", content="It is")])["messages"]
    assert messages[-1] == {"role": "assistant", "content": "It is", "prefix": True}
    assert "prefix" not in body_of(called("Nr1uNItcS")[:2])["messages"][-1]


def test_pictures_documents_and_sound_are_written_as_mistral_has_them(body_of) -> None:
    parts = (
        TextPart(text="See."),
        ImagePart(data=PIXEL),
        ImagePart(url="https://acme.example/a.png", detail="low"),
        FilePart(url="https://acme.example/a.pdf", filename="a.pdf"),
        FilePart(data="JVBERg==", media_type="application/pdf"),
        FilePart(file_id="f-1"),
        AudioPart(data="UklGRg==", format="wav"),
    )
    [message] = body_of(Message(role="user", content=parts))["messages"]
    assert message["content"] == [
        {"type": "text", "text": "See."},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PIXEL}"},
        {"type": "image_url", "image_url": {"url": "https://acme.example/a.png", "detail": "low"}},
        {"type": "document_url", "document_url": "https://acme.example/a.pdf", "document_name": "a.pdf"},
        {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERg=="},
        {"type": "file", "file_id": "f-1"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Message(role="user", content="Hi.", name="ana"), r"messages\[1\].*name"),
        (Message(role="assistant", content=""), r"messages\[1\].*without text"),
        (Message(role="assistant", content=(ThinkingPart(text="Hm."),)), r"messages\[1\].*without text"),
        (Message(role="user", content=(FilePart(file_id="f", citations=True),)), r"messages\[1\].*citations"),
    ],
)
def test_what_mistral_refuses_is_refused_before_anything_is_sent(body_of, message: Message, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        body_of([ASK, message, ASK])


def test_cache_marks_are_refused(body_of) -> None:
    with pytest.raises(UnsupportedError, match="Cache marks"):
        body_of(Message(role="user", content=(TextPart(text="Hi.", cache="5m"),)))


def test_mistrals_own_fields_go_through_extra(body_of) -> None:
    extra = {"safe_prompt": True, "prompt_mode": "reasoning", "prompt_cache_key": "k"}
    assert extra.items() <= body_of("Hi.", extra=extra).items()
    for owned in ({"n": 2}, {"random_seed": 1}, {"seed": 1}):
        with pytest.raises(OptionConflictError):
            body_of("Hi.", extra=owned)
