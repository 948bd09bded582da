"""Results of a form: how each vendor is asked for it, what is done where none can, and how a result is read."""

from __future__ import annotations

import json
from typing import Generic, TypeVar

import pytest
from pydantic import BaseModel

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.events import ToolDelta
from backbay.testing import Reply
from backbay_compose import (
    CBlock,
    Component,
    ComponentParseError,
    Composer,
    ComposeWarning,
    Instruction,
    ModelOption,
    SimpleContext,
    ThunkError,
    tool,
)

T = TypeVar("T")


class Person(BaseModel):
    name: str
    age: int


class Box(BaseModel, Generic[T]):
    """A box."""

    held: T


ANN = '{"name": "Ann", "age": 7}'
NOTHING = {"structured_output": "unsupported", "json_mode": "unsupported", "forced_tool_choice": "unsupported"}


@tool
def pick() -> str:
    """Pick."""
    return "x"


async def ask(composer, **more):
    thunk, _ = await composer.generate_from_context(CBlock("Who?"), SimpleContext(), **{"format": Person, **more})
    return thunk


def _openai(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}


def _anthropic(text):
    content, usage = [{"type": "text", "text": text}], {"input_tokens": 1, "output_tokens": 1}
    base = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage}
    return base | {"stop_reason": "end_turn", "stop_sequence": None}


def _ollama(text):
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop"}


@pytest.mark.parametrize(
    ("name", "reply", "found"),
    [
        ("openai:m-1", _openai, lambda body: body["response_format"]["json_schema"]["schema"]),
        ("anthropic:m-1", _anthropic, lambda body: body["output_config"]["format"]["schema"]),
        ("ollama:m-1", _ollama, lambda body: body["format"]),
        ("vllm:m-1", _openai, lambda body: body["response_format"]["json_schema"]["schema"]),
    ],
)
def test_l12_the_schema_is_on_each_vendors_wire_and_the_value_is_json_that_validates(
    served, finish, name, reply, found
):
    with served(Reply.json(reply(ANN)), name, model_options={ModelOption.STREAM: False}) as (server, composer):

        async def main():
            thunk = await ask(composer)
            assert await thunk.avalue() == ANN
            assert thunk.parsed == Person(name="Ann", age=7)
            assert thunk.notes.strategy == "schema"
            await composer.backend.aclose()

        finish(main())
        schema = found(server.requests[0].json)
        assert set(schema["properties"]) == {"name", "age"}
        assert schema["properties"]["age"]["type"] == "integer"


def test_l12_a_real_engine_is_held_to_the_form(finish):
    async def main():
        async with Composer("local:tiny") as composer:
            thunk = await ask(composer, model_options={"max_tokens": 300})
            Person.model_validate_json(await thunk.avalue())
            assert thunk.notes.strategy == "schema"
            assert isinstance(thunk.parsed, Person)

    finish(main(), 60)


def test_l12_a_vendor_without_schemas_is_made_to_call_a_tool(staged, finish):
    async def say(request):
        assert request.tool_choice == "Person"
        yield "Let me see. "
        yield ToolDelta(0, "1", request.tools[0].name, ANN)

    async def main():
        composer = staged(say, {"structured_output": "unsupported"})
        thunk = await ask(composer)
        assert [piece async for piece in thunk] == [ANN]
        assert thunk.value == ANN
        assert thunk.parsed.age == 7
        assert thunk.notes.strategy == "tool"
        assert thunk.tool_calls == ()
        [request] = composer.backend.requests
        assert request.response_format is None

    finish(main())


def test_a_forms_name_that_no_tool_can_have_is_made_one(staged, finish):
    async def say(request):
        yield ToolDelta(0, "1", request.tools[0].name, '{"held": 3}')

    async def main():
        composer = staged(say, {"structured_output": "unsupported"})
        thunk = await ask(composer, format=Box[int])
        await thunk.avalue()
        assert thunk.parsed.held == 3
        assert composer.backend.requests[0].tools[0].name == "Box_int_"

    finish(main())


def test_l12_a_vendor_with_nothing_is_asked_and_told_what_is_wrong(staged, finish):
    answers = iter(["I am Ann.", '```json\n{"name": "Ann"}\n```', f"Here: {ANN} Anything else?"])

    async def say(request):
        yield next(answers)

    async def main():
        composer = staged(say, NOTHING)
        thunk = await ask(composer)
        assert [piece async for piece in thunk] == [ANN]
        assert thunk.parsed == Person(name="Ann", age=7)
        assert thunk.notes.strategy == "prompt"
        assert thunk.metadata.attempts == 3
        assert thunk.metadata.usage.total == 6
        last = composer.backend.requests[-1]
        assert "age" in last.messages[-1].text
        assert [message.role for message in last.messages] == ["user", "user", "assistant", "user", "assistant", "user"]

    finish(main())


@pytest.mark.parametrize("repairs", [0, 2])
def test_a_form_that_never_comes_ends_after_the_repairs_and_the_value_stays(staged, finish, repairs):
    async def say(request):
        yield "no"

    async def main():
        composer = staged(say, {**NOTHING, "json_mode": "full"})
        thunk = await ask(composer, repairs=repairs)
        assert await thunk.avalue() == "no"
        assert thunk.notes.strategy == "json"
        with pytest.raises(ComponentParseError, match="Person"):
            _ = thunk.parsed
        assert thunk.value == "no"
        assert len(composer.backend.requests) == repairs + 1
        assert composer.backend.requests[0].response_format.schema_ is None

    finish(main())


def test_a_strategy_can_be_chosen_and_is_refused_where_the_backend_lacks_it(staged, finish):
    async def say(request):
        yield ANN

    async def main():
        composer = staged(say, {"structured_output": "unsupported"})
        thunk = await ask(composer, strategy="prompt")
        await thunk.avalue()
        assert thunk.notes.strategy == "prompt"
        with pytest.raises(UnsupportedError):
            await ask(composer, strategy="schema")
        with pytest.raises(InvalidRequestError, match="schema, tool, json, prompt"):
            await ask(composer, strategy="magic")
        assert len(composer.backend.requests) == 1

    finish(main())


def test_l12_a_form_beats_tools_and_that_is_recorded(staged, finish):
    async def say(request):
        assert request.tools == ()
        yield ANN

    async def main():
        composer = staged(say)
        with pytest.warns(ComposeWarning, match=r"tools \(pick\)"):
            thunk = await ask(composer, model_options={ModelOption.TOOLS: [pick]}, tool_calls=True)
        await thunk.avalue()
        assert thunk.parsed.name == "Ann"
        assert thunk.notes.dropped == ("tools (pick): format was given, and wins",)

    finish(main())


@pytest.mark.parametrize("wrong", [{"type": "object"}, Person(name="x", age=1), str, "Person"])
def test_a_form_that_is_no_class_of_pydantic_is_refused_before_any_request(echo, finish, wrong):
    async def main():
        for call in (
            ask(echo, format=wrong),
            Composer("local:tiny").generate_from_raw([CBlock("a")], format=wrong),
        ):
            with pytest.raises(InvalidRequestError, match="pydantic"):
                await call
        assert echo.backend.requests == []

    finish(main())


class Number(Component):
    """Reads a number."""

    def parts(self):
        return []

    def format_for_llm(self):
        return "Give a number."

    def _parse(self, computed):
        return int(str(computed))


def test_l16_a_result_that_a_component_cannot_read_keeps_its_value(staged, finish):
    async def say(request):
        yield "seven"

    async def main():
        thunk, _ = await staged(say).generate_from_context(Number(), SimpleContext())
        with pytest.raises(ThunkError, match="not computed"):
            _ = thunk.parsed
        await thunk.avalue()
        for _ in range(2):
            with pytest.raises(ComponentParseError, match="Number") as caught:
                _ = thunk.parsed
            assert type(caught.value.__cause__) is ValueError
        assert thunk.value == "seven"
        assert thunk.error is None
        assert thunk.is_computed()

    finish(main())


def test_l16_a_result_is_read_by_its_component_and_a_form_goes_before_that(staged, finish):
    reads = []

    class Counting(Number):
        def _parse(self, computed):
            reads.append(str(computed))
            return super()._parse(computed)

    async def say(request):
        yield ANN if request.response_format else "7"

    async def main():
        composer = staged(say)
        thunk, _ = await composer.generate_from_context(Counting(), SimpleContext())
        await thunk.avalue()
        assert thunk.parsed == thunk.parsed == 7
        assert reads == ["7"]
        formed, _ = await composer.generate_from_context(Counting(), SimpleContext(), format=Person)
        await formed.avalue()
        assert formed.parsed.name == "Ann"
        plain, _ = await composer.generate_from_context(Instruction("x"), SimpleContext())
        await plain.avalue()
        assert plain.parsed == plain.value == "7"

    finish(main())


def test_l16_an_error_of_its_own_is_passed_on_as_it_is(staged, finish):
    class Own(Number):
        def _parse(self, computed):
            raise ComponentParseError("own words")

    async def say(request):
        yield "x"

    async def main():
        thunk, _ = await staged(say).generate_from_context(Own(), SimpleContext())
        await thunk.avalue()
        with pytest.raises(ComponentParseError, match=r"^own words$"):
            _ = thunk.parsed

    finish(main())


def test_json_is_found_in_whatever_stands_around_it():
    from backbay_compose.structured import json_in

    assert json.loads(json_in(f"Sure! {ANN}")) == json.loads(ANN)
    assert json_in("```json\n[1, 2]\n```") == "[1, 2]"
    assert json_in('{broken {"a": 1}') == '{"a": 1}'
    assert json_in("  none  ") == "none"
    assert json_in("[" * 100_000) == "[" * 100_000
