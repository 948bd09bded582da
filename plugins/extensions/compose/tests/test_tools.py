"""Tools: schemas of functions, which one counts, and calls of which none is lost."""

from __future__ import annotations

import copy
import pickle
from typing import Literal

import pytest
from pydantic import BaseModel, field_validator

from backbay.errors import UnsupportedError
from backbay.events import ToolDelta
from backbay.testing import Reply
from backbay_compose import (
    CBlock,
    ChatContext,
    Component,
    Composer,
    Instruction,
    ModelOption,
    ModelTool,
    SimpleContext,
    SpanError,
    TemplateRepresentation,
    tool,
)


@tool
def search(query: str, limit: int = 5, order: Literal["new", "old"] = "new") -> list[str]:
    """Search the notes.

    All of them.

    Args:
        query: Words to look for.
        limit: Notes at most.
    """
    return [query] * limit


class Where(BaseModel):
    city: str


class Strict(BaseModel):
    x: int

    @field_validator("x")
    @classmethod
    def _x(cls, value):
        raise RuntimeError("broken check")


def make(answer, name="pick"):
    def pick() -> str:
        return answer

    return ModelTool(pick, name=name, description=answer)


def options(*tools):
    return {ModelOption.TOOLS: list(tools)}


def test_a_function_becomes_a_tool_with_its_signature_and_docstring():
    spec = search.spec
    assert (spec.name, spec.description) == ("search", "Search the notes.\n\nAll of them.")
    fields = spec.parameters["properties"]
    assert (
        fields["query"] == {"description": "Words to look for.", "title": "Query", "type": "string"} | fields["query"]
    )
    assert fields["order"]["enum"] == ["new", "old"]
    assert spec.parameters["required"] == ["query"]
    assert spec.parameters["additionalProperties"] is False


def test_arguments_are_converted_as_the_annotations_say():
    def look(where: Where, schema: int, self_: bool = True) -> str:
        return f"{where.city} {schema + 1}"

    made = ModelTool(look)
    assert look(**made.check({"where": {"city": "Oslo"}, "schema": "3"})) == "Oslo 4"
    for wrong in ({}, {"where": {}, "schema": 1}, {"where": {"city": "x"}, "schema": 1, "more": 2}):
        with pytest.raises(SpanError, match="arguments of look"):
            made.check(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x,
        lambda *args: args,
        eval("lambda x, /: x"),
        7,
        "text",
        len,
    ],
)
def test_a_function_that_cannot_be_told_to_a_model_is_refused(wrong):
    with pytest.raises(SpanError):
        ModelTool(wrong)


def test_a_type_without_a_schema_is_refused():
    class Odd:
        pass

    def odd(x: Odd) -> None:
        """Take something odd."""

    with pytest.raises(SpanError, match="odd"):
        ModelTool(odd)


@pytest.mark.parametrize("wrong", ["text", 7, [7], [search, search], {"a": 7}])
def test_tools_that_are_none_are_refused_before_any_request(echo, finish, wrong):
    async def main():
        with pytest.raises(SpanError):
            await echo.generate_from_context(
                CBlock("a"), SimpleContext(), model_options={ModelOption.TOOLS: wrong}, tool_calls=True
            )
        assert echo.backend.requests == []

    finish(main())


def test_l13_a_tool_of_the_options_yields_to_the_contexts_and_that_to_the_actions(echo, finish):
    async def main():
        def described(request):
            return {each.name: each.description for each in request.tools}

        ctx = ChatContext()
        for text in ("old", "new"):
            ctx = ctx.add(Instruction("x", tools=[make(f"{text} context"), make(f"{text} context", "two")]))
        action = Instruction("x", tools=[make("action")])
        given = options(make("options"), make("options", "two"), make("options", "three"))
        cases = [
            (action, ctx, {"pick": "action", "two": "new context", "three": "options"}),
            (CBlock("x"), ctx, {"pick": "new context", "two": "new context", "three": "options"}),
            (CBlock("x"), ChatContext(), {"pick": "options", "two": "options", "three": "options"}),
            # A context that a backend sees nothing of offers nothing either.
            (action, SimpleContext().add(ctx.node_data), {"pick": "action", "two": "options", "three": "options"}),
        ]
        for said, where, expected in cases:
            thunk, _ = await echo.generate_from_context(said, where, model_options=given, tool_calls=True)
            await thunk.avalue()
            assert described(echo.backend.requests[-1]) == expected
            assert {name: each.description for name, each in thunk.notes.tools.items()} == expected

    finish(main())


def test_l13_without_tool_calls_no_tool_is_sent(echo, finish):
    async def main():
        thunk, _ = await echo.generate_from_context(
            Instruction("x", tools=[search]), SimpleContext(), model_options=options(make("a"))
        )
        await thunk.avalue()
        assert echo.backend.requests[0].tools == ()

    finish(main())


def test_l13_calls_of_unknown_tools_and_with_wrong_arguments_are_all_there_with_an_error(served, called, finish):
    calls = [
        ("1", "search", '{"query": "a"}'),
        ("2", "nonsense", '{"x": 1}'),
        ("3", "search", '{"query": '),
        ("4", "search", '{"query": "b", "limit": "many"}'),
        ("5", "search", '["list"]'),
        ("6", "search", '{"query": "c", "limit": 2}'),
    ]
    with served(called(*calls)) as (_, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                CBlock("x"), SimpleContext(), model_options=options(search), tool_calls=True
            )
            assert await thunk.avalue() == ""
            await composer.backend.aclose()
            return thunk

        thunk = finish(main())
    found = thunk.tool_calls
    assert [(call.tool_call_id, call.name, call.raw_arguments) for call in found] == calls
    assert [call.error is None for call in found] == [True, False, False, False, False, True]
    assert "there is no tool 'nonsense'" in found[1].error
    assert "search" in found[1].error
    assert found[1].func is None
    assert "limit" in found[3].error
    assert found[0].call_func() == ["a"] * 5
    assert found[5].call_func() == ["c"] * 2
    for call in found[1:5]:
        with pytest.raises(SpanError, match="cannot be made"):
            call.call_func()


def _anthropic(*calls):
    blocks = [{"type": "tool_use", "id": i, "name": n, "input": a or {}} for i, n, a in calls]
    usage = {"input_tokens": 1, "output_tokens": 1}
    base = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": blocks, "usage": usage}
    return Reply.json(base | {"stop_reason": "tool_use", "stop_sequence": None})


def _ollama(*calls):
    made = [{"function": {"name": n, "arguments": a or {}}} for _, n, a in calls]
    message = {"role": "assistant", "content": "", "tool_calls": made}
    return Reply.json({"model": "m", "message": message, "done": True, "done_reason": "stop"})


def _openai(*calls):
    made = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    message = {"role": "assistant", "content": None, "tool_calls": made}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return Reply.json({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})


def _responses(*calls):
    made = [{"type": "function_call", "id": i, "call_id": i, "name": n, "arguments": a} for i, n, a in calls]
    return Reply.json({"id": "1", "object": "response", "model": "m", "status": "completed", "output": made})


@pytest.mark.parametrize(
    ("name", "wire", "reply"),
    [
        ("openai:m-1", None, _openai),
        ("openai:m-1", "openai_responses", _responses),
        ("anthropic:m-1", None, _anthropic),
        ("ollama:m-1", None, _ollama),
    ],
)
def test_l13_arguments_that_are_empty_mean_none_and_two_calls_of_one_tool_survive_on_every_wire(
    served, finish, name, wire, reply
):
    calls = [("1", "pick", ""), ("2", "pick", ""), ("3", "other", "")]
    connect = {"wire": wire} if wire else {}
    with served(reply(*calls), name, connect=connect) as (_, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                CBlock("x"),
                SimpleContext(),
                model_options={**options(make("one"), make("two", "other")), ModelOption.STREAM: False},
                tool_calls=True,
            )
            await thunk.avalue()
            await composer.backend.aclose()
            return thunk

        thunk = finish(main())
    assert [(call.name, dict(call.args), call.error) for call in thunk.tool_calls] == [
        ("pick", {}, None),
        ("pick", {}, None),
        ("other", {}, None),
    ]
    assert len({call.tool_call_id for call in thunk.tool_calls}) == 3
    assert [call.call_func() for call in thunk.tool_calls] == ["one", "one", "two"]


def test_l13_arguments_that_are_empty_mean_none_in_a_stream_too(served, called, finish):
    with served(called(("1", "pick", ""), ("2", "pick", ""))) as (_, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                CBlock("x"), ChatContext(), model_options=options(make("one")), tool_calls=True
            )
            await thunk.avalue()
            assert [(call.tool_call_id, dict(call.args), call.error) for call in thunk.tool_calls] == [
                ("1", {}, None),
                ("2", {}, None),
            ]
            assert thunk.metadata.finish_reasons == ("tool_calls", "tool_calls")
            await composer.backend.aclose()

        finish(main())


def test_the_turn_with_the_calls_goes_back_before_their_results(served, said, called, finish):
    from backbay_compose import ToolResult

    with served([called(("1", "pick", "{}")), said("done")]) as (server, composer):

        async def main():
            thunk, ctx = await composer.generate_from_context(
                CBlock("x"), ChatContext(), model_options=options(make("one")), tool_calls=True
            )
            await thunk.avalue()
            [call] = thunk.tool_calls
            result = ToolResult(call.call_func(), call_id=call.tool_call_id, name=call.name)
            later, _ = await composer.generate_from_context(result, ctx)
            assert await later.avalue() == "done"
            await composer.backend.aclose()

        finish(main())
        turns = server.requests[1].json["messages"]
        assert [turn["role"] for turn in turns] == ["user", "assistant", "tool"]
        assert turns[1]["tool_calls"][0]["function"]["name"] == "pick"
        assert (turns[2]["tool_call_id"], turns[2]["content"]) == ("1", "one")


def test_a_tool_is_offered_and_found_under_the_name_of_its_mapping(staged, finish):
    class Offers(Component):
        def parts(self):
            return []

        def format_for_llm(self):
            return TemplateRepresentation(obj=self, template="x", tools={"renamed": search})

    async def say(request):
        for number, each in enumerate(request.tools):
            yield ToolDelta(number, str(number), each.name, '{"query": "q", "limit": 1}')

    async def main():
        composer = staged(say)
        thunk, _ = await composer.generate_from_context(
            Offers(), SimpleContext(), model_options={ModelOption.TOOLS: {"other": search.func}}, tool_calls=True
        )
        await thunk.avalue()
        assert [(call.name, call.call_func()) for call in thunk.tool_calls] == [("other", ["q"]), ("renamed", ["q"])]

    finish(main())


def test_a_check_that_fails_in_its_own_way_is_an_error_of_the_call_and_hangs_nobody(staged, finish):
    def take(it: Strict) -> str:
        """Take it."""
        return "x"

    async def say(request):
        yield ToolDelta(0, "1", "take", '{"it": {"x": 1}}')

    async def main():
        composer = staged(say)
        thunk, _ = await composer.generate_from_context(
            CBlock("x"), SimpleContext(), model_options=options(take), tool_calls=True
        )
        await thunk.avalue()
        [call] = thunk.tool_calls
        assert "broken check" in call.error
        assert dict(call.args) == {"it": {"x": 1}}

    finish(main())


def test_a_backend_without_tools_is_an_error_before_any_request(staged, finish):
    async def say(request):
        yield "x"

    async def main():
        composer = staged(say, {"tools": "unsupported"})
        with pytest.raises(UnsupportedError, match="tools"):
            await composer.generate_from_context(
                CBlock("x"), SimpleContext(), model_options=options(search), tool_calls=True
            )
        assert composer.backend.requests == []

    finish(main())


def test_tools_and_a_thunk_with_calls_are_copied_and_pickled(staged, finish):
    async def say(request):
        yield ToolDelta(0, "1", "search", '{"query": "q"}')

    async def main():
        composer = staged(say)
        thunk, _ = await composer.generate_from_context(
            CBlock("x"), SimpleContext(), model_options=options(search), tool_calls=True
        )
        await thunk.avalue()
        for other in (copy.copy(thunk), copy.deepcopy(thunk)):
            assert other.tool_calls[0].call_func() == ["q"] * 5

    finish(main())
    local = make("one")
    assert copy.deepcopy(local).spec == local.spec
    assert copy.deepcopy(local).func() == "one"
    sized = pickle.loads(pickle.dumps(ModelTool(plain)))
    assert (sized.name, sized.check({"x": "3"})) == ("plain", {"x": 3})


def plain(x: int) -> int:
    """Give it back."""
    return x


def test_a_real_model_calls_a_tool(finish):
    """L13 over ``local:tiny``."""

    def get_weather(city: str) -> str:
        """Get the weather."""
        return f"sunny in {city}"

    async def main():
        async with Composer("local:tiny") as composer:
            thunk, _ = await composer.generate_from_context(
                CBlock("What is the weather in Oslo?"),
                SimpleContext(),
                model_options={**options(get_weather), "tool_choice": "required", "max_tokens": 200},
                tool_calls=True,
            )
            await thunk.avalue()
            assert thunk.tool_calls
            assert all(call.name == "get_weather" for call in thunk.tool_calls)

    finish(main(), 60)
