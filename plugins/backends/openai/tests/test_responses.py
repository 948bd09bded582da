"""What is true of OpenAI's responses wire alone, and of its models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import backbay
from backbay import Message, Response
from backbay.capabilities import Capability, Support
from backbay.errors import UnsupportedError
from backbay.testing import Reply, ScriptedServer
from backbay_openai import spec

RESPONSES = spec.on_wire("openai_responses")
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB=="}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "get_weather", "arguments": "{}"}
ANSWER = {
    "id": "resp_1",
    "model": "gpt-5.4",
    "status": "completed",
    "output": [SEALED, CALL],
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def asked(
    call: Callable[[backbay.Backend], Any], reply: object = ANSWER, **config: Any
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the bodies and the paths of the requests that ``call`` makes."""
    with ScriptedServer([Reply.json(reply)] * 3) as server:

        async def run() -> None:
            url = {"base_url": server.url, "api_key": "sk-test", "wire": "openai_responses"}
            async with backbay.connect("openai:gpt-5.4", **{**url, **config}) as backend:
                await call(backend)

        asyncio.run(run())
        return [request.json for request in server.requests], [request.path for request in server.requests]


def test_a_call_goes_to_responses_and_openai_keeps_nothing() -> None:
    [body], [path] = asked(lambda backend: backend.complete("Hi.", max_tokens=99))
    assert path == "/v1/responses"
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["max_output_tokens"] == 99


def test_reasoning_goes_back_with_the_tools_result() -> None:
    """N2."""

    async def converse(backend: backbay.Backend) -> None:
        question = Message(role="user", content="What is the weather?")
        answer: Response = await backend.complete([question], tools=[WEATHER])
        result = Message(role="tool", tool_call_id=answer.tool_calls[0].id, content="sunny")
        await backend.complete([question, answer.message, result], tools=[WEATHER])

    bodies, _ = asked(converse)
    assert bodies[1]["input"][1:] == [
        SEALED,
        {name: value for name, value in CALL.items() if name != "id"},
        {"type": "function_call_output", "call_id": "call_a", "output": "sunny"},
    ]


def test_an_answer_that_openai_keeps_can_be_continued() -> None:
    kept = {"previous_response_id": "resp_1"}
    [body], _ = asked(lambda backend: backend.complete("And now?", extra=kept), store=True)
    assert (body["store"], body["previous_response_id"]) == (True, "resp_1")
    assert "include" not in body


def test_tokens_are_counted_without_an_answer() -> None:
    counted = {"object": "response.input_tokens", "input_tokens": 11}
    [body], [path] = asked(lambda backend: backend.count_tokens("Hi."), counted)
    assert path == "/v1/responses/input_tokens"
    assert body == {"model": "gpt-5.4", "input": [{"role": "user", "content": "Hi."}]}


@pytest.mark.parametrize("option", [{"stop": ["x"]}, {"seed": 1}])
def test_what_the_wire_lacks_is_refused_before_anything_is_sent(option: dict[str, Any]) -> None:
    backend = backbay.connect_sync(
        "openai:gpt-4.1", api_key="sk-test", wire="openai_responses", base_url="http://127.0.0.1:9"
    )
    with pytest.raises(UnsupportedError, match=next(iter(option))):
        backend.complete("Hi.", **option)


def test_tools_that_openai_runs_are_on_the_responses_wire_only() -> None:
    assert spec.capabilities[Capability.HOSTED_TOOLS] is Support.UNSUPPORTED
    assert RESPONSES.capabilities[Capability.HOSTED_TOOLS] is Support.VERSIONED


@pytest.mark.parametrize(
    ("model", "lacks", "has"),
    [
        ("gpt-5-mini", {"temperature", "top_p", "stop"}, {"reasoning"}),
        ("gpt-5", {"temperature", "top_p", "stop"}, {"reasoning"}),
        ("gpt-5.4-2026-03-05", set(), {"temperature", "stop", "reasoning"}),
        ("gpt-5-chat-latest", {"reasoning"}, {"temperature"}),
        ("o3", {"temperature", "stop"}, {"reasoning"}),
        ("o3-mini", {"temperature"}, {"stop", "reasoning"}),
        ("gpt-4.1-nano", {"reasoning"}, {"temperature", "stop"}),
        ("ft:gpt-4o-mini:acme::1", {"reasoning"}, {"temperature"}),
        ("gpt-9", set(), {"temperature", "stop", "reasoning"}),
    ],
)
def test_a_model_lacks_what_openai_says_that_it_lacks(model: str, lacks: set[str], has: set[str]) -> None:
    declared = spec.capabilities_of(model)
    assert {name for name in lacks | has if not declared.allows(Capability(name))} == lacks


def test_no_model_has_what_its_wire_lacks() -> None:
    for rule in spec.models:
        declared = RESPONSES.capabilities_of(rule.prefix)
        assert not declared.allows(Capability.STOP)
        assert not declared.allows(Capability.SEED)
