"""Backends that are not well, and what a backend says it cannot do."""

from __future__ import annotations

import asyncio

import pydantic
import pytest

import backbay
from backbay import Ended, Finish, Started, Text, ToolDelta
from backbay.backend import Backend
from backbay.testing import ScriptedServer, connect_fake
from backbay.testing.fake import FAKE_SPEC

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
END = Ended(Finish.STOP, "stop")


async def call(backend, how):
    return await (backend.complete("hi") if how == "complete" else backend.stream("hi").collect())


def unwell(*steps):
    """A backend that yields its steps, and raises those that are exceptions."""

    class Unwell(Backend):
        closed = 0

        async def _stream(self, request):
            try:
                for step in steps:
                    if isinstance(step, BaseException):
                        raise step
                    yield step
            finally:
                Unwell.closed += 1

    return Unwell(FAKE_SPEC, "fake-1")


@BOTH
@pytest.mark.parametrize("before", [[], [Started("m"), Text("Hel")]], ids=["at once", "in the middle"])
def test_a_foreign_exception_is_a_typed_error_with_its_cause_and_the_partial_text(how, before):
    failure = ZeroDivisionError("oops")
    backend = unwell(*before, failure)
    with pytest.raises(backbay.ProtocolError, match="ZeroDivisionError: oops") as caught:
        asyncio.run(call(backend, how))
    error = caught.value
    assert error.__cause__ is failure
    assert (error.backend, error.model, error.attempts, error.retryable) == ("fake", "fake-1", 1, False)
    assert (error.partial.text if before else error.partial) == ("Hel" if before else None)
    assert "plugin" in error.hint
    assert type(backend).closed == 1


@BOTH
@pytest.mark.parametrize("steps", [[], [Text("Hel")]])
def test_an_end_without_ended_is_truncated(how, steps):
    backend = unwell(*steps)
    backend.settings = backbay.backend.Settings(retry=backbay.RetryPolicy(retries=0))
    with pytest.raises(backbay.TruncatedError) as caught:
        asyncio.run(call(backend, how))
    assert caught.value.partial is None or caught.value.partial.text == "Hel"


@BOTH
@pytest.mark.parametrize(
    "steps", [["text"], [None], [Text("x"), {"delta": "y"}], [Text("x"), END, Text("y")], [END, END]]
)
def test_what_is_no_event_or_comes_after_the_end_is_a_typed_error(how, steps):
    with pytest.raises(backbay.ProtocolError):
        asyncio.run(call(unwell(*steps), how))


def test_leaving_a_stream_closes_the_plugins_generator_at_once():
    backend = unwell(Text("a"), Text("b"), END)

    async def main():
        async with backend.stream("hi") as stream:
            async for _ in stream:
                break
        assert type(backend).closed == 1

    asyncio.run(main())


def test_a_fake_backend_gives_its_answers_in_turn_and_the_last_again():
    async def main():
        backend = connect_fake("one", backbay.ServerError("boom"), [Text("three"), END])
        assert (await backend.complete("a")).text == "one"
        with pytest.raises(backbay.ServerError, match="boom"):
            await backend.complete("b")
        assert [(await backend.stream("c").collect()).text for _ in range(2)] == ["three", "three"]
        assert [request.messages[0].text for request in backend.requests] == ["a", "b", "c", "c"]
        assert [model.id for model in await backend.list_models()] == ["fake-1"]
        assert (await backend.health()).reachable
        with pytest.raises(backbay.UnsupportedError):
            await backend.embed("x")

    asyncio.run(main())


TOOL = {"name": "f"}
SCHEMA = {"type": "object", "properties": {}}
WANTS = {
    "tools": {"tools": [TOOL]},
    "forced_tool_choice": {"tools": [TOOL], "tool_choice": "required"},
    "parallel_tool_calls": {"tools": [TOOL], "parallel_tool_calls": True},
    "structured_output": {"response_format": SCHEMA},
    "json_mode": {"response_format": {"type": "json_object"}},
    "temperature": {"temperature": 0.0},
    "top_p": {"top_p": 0.5},
    "max_tokens": {"max_tokens": 5},
    "stop": {"stop": "x"},
    "seed": {"seed": 0},
    "reasoning": {"reasoning": "low"},
    "system_prompt": {"system": "S"},
}


@BOTH
@pytest.mark.parametrize("support", ["unsupported", "not_implemented"])
@pytest.mark.parametrize("capability", WANTS)
def test_what_a_model_cannot_do_is_refused_before_any_connection_m3(ask, chat, how, capability, support):
    asked = ask(chat.answer(), how, config={"capabilities": {capability: support}}, **WANTS[capability])
    assert isinstance(asked.error, backbay.UnsupportedError)
    assert (asked.error.code, asked.error.attempts, asked.server.connections) == (capability, 0, 0)
    assert ask(chat.answer(), how, config={"capabilities": {capability: "unknown"}}, **WANTS[capability]).response


@BOTH
def test_images_to_a_model_that_cannot_see_are_refused_even_with_warn_m3(ask, chat, how):
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
    config = {"capabilities": {"image_input": "unsupported"}}
    asked = ask(chat.answer(), how, [message], config=config, on_unsupported="warn")
    assert isinstance(asked.error, backbay.UnsupportedError)
    assert "messages[0]" in str(asked.error)
    assert asked.server.connections == 0


@BOTH
def test_warn_leaves_it_out_and_records_it_in_dropped_m3(ask, chat, how):
    config = {"capabilities": {"tools": "unsupported", "seed": "unsupported"}}
    options = {"tools": [TOOL], "tool_choice": "auto", "seed": 3, "temperature": 0.5, "on_unsupported": "warn"}
    asked = ask(chat.answer(), how, config=config, **options)
    assert set(asked.response.dropped) == {"tools", "tool_choice", "seed"}
    sent = asked.server.requests[0].json
    assert not {"tools", "tool_choice", "seed", "on_unsupported"} & set(sent)
    assert sent["temperature"] == 0.5
    assert ask(chat.answer(), how).response.dropped == ()


def test_a_facet_that_is_not_declared_is_refused_before_any_connection(chat, connect):
    capabilities = {"list_models": "unknown", "embeddings": "unsupported"}
    with ScriptedServer(chat.answer()) as server:
        backend = connect(server, capabilities=capabilities)
        for use in (backend.list_models(), backend.embed("x")):
            with pytest.raises(backbay.UnsupportedError):
                asyncio.run(use)
    assert server.connections == 0


def test_a_budget_in_tokens_where_the_wire_knows_efforts_only_is_refused_before_any_connection(ask, chat):
    asked = ask(chat.answer(), reasoning=100)
    assert isinstance(asked.error, backbay.UnsupportedError)
    assert asked.server.connections == 0


def test_a_tool_of_pydantics_making_goes_through():
    class Add(pydantic.BaseModel):
        a: int

    backend = connect_fake([ToolDelta(0, "1", "add", '{"a": 1}'), Ended(Finish.TOOL_CALLS)])
    tool = {"name": "add", "parameters": Add.model_json_schema()}
    response = asyncio.run(backend.complete("hi", tools=[tool], tool_choice="add"))
    assert Add(**response.tool_calls[0].arguments) == Add(a=1)
    assert backend.requests[0].tools[0].parameters["properties"]["a"]["type"] == "integer"
