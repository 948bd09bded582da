from __future__ import annotations

import asyncio
import json

import pydantic
import pytest

import backbay
from backbay import Finish, Message, ToolDelta
from backbay.events import check_events

WEATHER = "What is the weather in Zagreb?"


def ask(prompt, **options):
    async def main():
        async with backbay.connect("local:tiny") as backend:
            return await backend.complete(prompt, **options)

    return asyncio.run(main())


def test_the_model_chooses_the_tool_that_fits(tools):
    """N3."""
    answer = ask(WEATHER, tools=tools)
    assert answer.finish is Finish.TOOL_CALLS
    [call] = answer.tool_calls
    assert (call.name, call.error) == ("get_weather", None)
    assert call.id
    assert isinstance(call.arguments["city"], str)
    assert ask("What is 17 + 25?", tools=tools).tool_calls[0].name == "add"
    assert answer.usage.output > 5


def test_a_question_that_needs_no_tool_gets_words(tools):
    answer = ask("Hello!", tools=tools)
    assert answer.finish is Finish.STOP
    assert answer.tool_calls == ()
    assert answer.text


def test_a_call_is_streamed_in_pieces_that_fold_to_the_whole(tools):
    """N4, M10."""

    async def main():
        async with backbay.connect("local:tiny") as backend:
            return [event async for event in backend.stream(WEATHER, tools=tools)]

    events = asyncio.run(main())
    check_events(events)
    pieces = [event for event in events if isinstance(event, ToolDelta)]
    assert len(pieces) > 3
    assert json.loads("".join(piece.fragment for piece in pieces)) == ask(WEATHER, tools=tools).tool_calls[0].arguments


def test_ids_of_calls_differ_from_answer_to_answer(tools):
    """N3."""
    assert ask(WEATHER, tools=tools).tool_calls[0].id != ask(WEATHER, tools=tools).tool_calls[0].id


def test_a_result_goes_back_and_is_put_into_words(tools):
    """N1: with the objects that came, and with dicts."""
    question = Message(role="user", content="What is the weather in Paris?")
    answer = ask([question], tools=tools)
    result = Message(role="tool", tool_call_id=answer.tool_calls[0].id, name="get_weather", content="21, sunny")
    final = ask([question, answer.message, result], tools=tools)
    assert final.finish is Finish.STOP
    assert "21" in final.text


def test_required_gets_a_call_where_a_tool_fits(tools):
    answer = ask(WEATHER, tools=tools, tool_choice="required")
    assert answer.tool_calls[0].name == "get_weather"


def test_a_named_tool_is_the_only_one_offered(tools):
    answer = ask("What is 17 + 25?", tools=tools, tool_choice="add")
    assert [call.name for call in answer.tool_calls] == ["add"]
    alone = ask("What is 17 + 25?", tools=tools[1:], tool_choice="required")
    assert answer.usage.input == alone.usage.input


def test_no_tool_is_called_where_none_may_be(tools):
    answer = ask(WEATHER, tools=tools, tool_choice="none", max_tokens=60)
    assert answer.tool_calls == ()
    assert "<tool_call>" not in answer.text
    assert answer.usage.input == ask(WEATHER, max_tokens=1).usage.input


def test_one_answer_can_have_several_calls_and_is_held_to_one_on_request(tools):
    # The tiny model makes one call and ends; kept from ending, it makes another.
    options = {"tools": tools, "max_tokens": 120, "extra": {"ignore_eos": True}}
    several = ask(WEATHER, parallel_tool_calls=True, **options)
    assert len(several.tool_calls) > 1
    assert len({call.id for call in several.tool_calls}) == len(several.tool_calls)
    assert {call.name for call in several.tool_calls} == {"get_weather"}
    assert len(ask(WEATHER, parallel_tool_calls=False, **options).tool_calls) == 1


@pytest.mark.parametrize("prompt", ["Anna is 31 years old and lives in Rome.", "Hello!", "zzz", "Tell me a story."])
def test_an_answer_keeps_to_the_schema(prompt, person):
    # The bounds keep a prompt that makes no sense from an answer without end.
    person["properties"] = {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "maximum": 150}}
    answer = ask(prompt, response_format=person)
    assert answer.finish is Finish.STOP
    found = answer.json()
    assert set(found) == {"name", "age"}
    assert isinstance(found["name"], str)
    assert isinstance(found["age"], int)


def test_a_pydantic_class_may_stand_for_a_schema():
    class Person(pydantic.BaseModel):
        name: str
        age: int

    assert isinstance(ask("Anna is 31 years old.", response_format=Person).parse(Person), Person)


def test_json_without_a_schema_is_json():
    assert isinstance(ask("Give me JSON about Anna, 31, Rome.", response_format={"type": "json_object"}).json(), dict)


def test_a_schema_that_the_engine_cannot_read_is_a_typed_error():
    with pytest.raises(backbay.BadRequestError, match="nope") as caught:
        ask("Hello!", response_format={"type": "nope"})
    assert caught.value.retryable is False
    assert (caught.value.backend, caught.value.model) == ("local", "tiny")
