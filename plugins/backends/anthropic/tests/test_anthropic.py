"""What is true of Anthropic alone: its address, its variables, its versions, and what its models are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

import backbay
from backbay import Message
from backbay.capabilities import Capability, Support
from backbay.http.transport import TransportResponse
from backbay.messages import TextPart
from backbay.testing import Received, Reply, ScriptedServer
from backbay_anthropic import MAX_TOKENS, spec

USAGE = {"input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 1}
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "pong"}],
    "stop_reason": "end_turn",
    "usage": USAGE,
}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in (*spec.credential_env, *spec.base_url_env):
        monkeypatch.delenv(name, raising=False)


def ask(*replies: Reply, model: str = "claude-sonnet-5-5", prompt: Any = "Say pong.", **given: Any) -> Received:
    """Return the last request that goes out for a prompt; ``connect``'s arguments are in ``settings``."""
    settings = {"api_key": "sk-test", **given.pop("settings", {})}
    with ScriptedServer(list(replies) or [Reply.json(ANSWER)]) as server:
        with backbay.connect_sync(f"anthropic:{model}", base_url=server.url, **settings) as backend:
            backend.complete(prompt, **given)
        return server.requests[-1]


class CapturedError(Exception):
    """Stops a call where it would leave, so that a request to Anthropic's own address can be looked at."""


class CapturingTransport:
    """A transport that sends nothing."""

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Raise what would have gone out."""
        raise CapturedError(method, url)

    async def aclose(self) -> None:
        """There is nothing to close."""


def test_a_call_goes_to_anthropic_and_says_its_version():
    with backbay.connect_sync("anthropic:claude-sonnet-5-5", api_key="sk", transport=CapturingTransport()) as backend:
        with pytest.raises(backbay.BackbayError) as caught:
            backend.complete("Say pong.")
    assert caught.value.__cause__.args == ("POST", "https://api.anthropic.com/v1/messages")
    request = ask()
    assert (request.path, request.headers["anthropic-version"]) == ("/v1/messages", "2023-06-01")
    assert request.headers["x-api-key"] == "sk-test"
    assert "authorization" not in request.headers


def test_the_newer_version_takes_the_key_as_a_bearers():
    request = ask(settings={"api_version": "2026-10-21"})
    assert (request.headers["anthropic-version"], request.headers["authorization"]) == ("2026-10-21", "Bearer sk-test")
    assert "x-api-key" not in request.headers
    chosen = ask(settings={"api_version": "2026-10-21", "auth_header": "x-api-key"})
    assert chosen.headers["x-api-key"] == "sk-test"
    assert "authorization" not in chosen.headers


@pytest.mark.parametrize("option", ["temperature", "top_p"])
def test_the_newer_version_refuses_sampling_before_any_call(option):
    with ScriptedServer([Reply.json(ANSWER)]) as server:
        settings = {"api_key": "sk-test", "base_url": server.url}
        with backbay.connect_sync("anthropic:claude-sonnet-5-5", api_version="2026-10-21", **settings) as backend:
            with pytest.raises(backbay.UnsupportedError, match=f"{option}: version 2026-10-21") as caught:
                backend.complete("Say pong.", **{option: 0.5})
            assert "on_unsupported='warn'" in caught.value.hint
            assert (caught.value.phase, server.connections) == ("prepare", 0)
            answer = backend.complete("Say pong.", on_unsupported="warn", **{option: 0.5})
            assert answer.dropped == (option,)
            assert option not in server.requests[0].json
            assert backend.capabilities()[Capability(option)] is Support.UNSUPPORTED
        with backbay.connect_sync("anthropic:claude-sonnet-5-5", **settings) as backend:
            backend.complete("Say pong.", **{option: 0.0})
            assert server.requests[-1].json[option] == 0


def test_a_token_of_the_environment_is_a_bearers_and_an_address_gets_its_version(monkeypatch):
    with ScriptedServer([Reply.json(ANSWER)]) as server:
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url.removesuffix("/v1"))
        with backbay.connect_sync("anthropic:claude-sonnet-5-5") as backend:
            assert backend.complete("Say pong.").text == "pong"
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-1")
        with backbay.connect_sync("anthropic:claude-sonnet-5-5") as backend:
            backend.complete("Say pong.")
        first, second = server.requests
    assert (first.path, first.headers["authorization"]) == ("/v1/messages", "Bearer token-1")
    assert second.headers["x-api-key"] == "sk-1"
    assert "authorization" not in second.headers


def test_without_a_key_the_error_names_the_variable():
    """U15."""
    with pytest.raises(backbay.MissingCredentialError, match="ANTHROPIC_API_KEY"):
        backbay.connect("anthropic:claude-sonnet-5-5")


def test_system_prompts_are_one_and_no_message():
    """A11."""
    said = [Message(role=role, content=text) for role, text in (("system", "a"), ("system", "b"), ("user", "Hi."))]
    request = ask(prompt=said, system="S")
    assert request.json["system"] == "S\n\na\n\nb"
    assert [message["role"] for message in request.json["messages"]] == ["user"]
    assert request.json["max_tokens"] == MAX_TOKENS


def test_the_model_of_a_call_holds_for_that_call():
    """A10, N7: the body names the model that is asked, and no other."""
    with ScriptedServer([Reply.json(ANSWER)] * 2) as server:
        with backbay.connect_sync("anthropic:claude-opus-5", base_url=server.url, api_key="sk-test") as backend:
            backend.complete("Say pong.", model="claude-haiku-5-5")
            backend.complete("Say pong.")
        bodies = [request.body for request in server.requests]
    assert [json.loads(body)["model"] for body in bodies] == ["claude-haiku-5-5", "claude-opus-5"]
    assert b"opus" not in bodies[0]


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ("claude-sonnet-5-5", {"type": "adaptive"}),
        ("claude-opus-4-8", {"type": "adaptive"}),
        ("claude-sonnet-4-6", {"type": "adaptive"}),
        ("claude-sonnet-4-5-20250929", {"type": "enabled", "budget_tokens": 8192}),
        ("claude-opus-4-20250514", {"type": "enabled", "budget_tokens": 8192}),
        ("claude-3-7-sonnet-latest", {"type": "enabled", "budget_tokens": 8192}),
        ("qwen3", {"type": "enabled", "budget_tokens": 8192}),
    ],
)
def test_each_model_is_asked_to_think_in_its_own_form(model, written):
    body = ask(model=model, reasoning="medium").json
    assert body["thinking"] == written
    assert body.get("output_config") == ({"effort": "medium"} if written["type"] == "adaptive" else None)


def test_a_budget_is_refused_by_models_that_take_none():
    with pytest.raises(backbay.UnsupportedError, match="effort"):
        ask(model="claude-opus-5", reasoning=4000)
    assert ask(model="claude-opus-4-6", reasoning=4000).json["thinking"]["budget_tokens"] == 4000


def test_schemas_refuse_further_properties():
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    form = ask(response_format=schema).json["output_config"]["format"]
    assert form == {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}


def test_a_signed_thought_is_resent_byte_for_byte_after_it_was_stored():
    signature = "EqoB+/==\u017d"
    thought = {"type": "thinking", "thinking": "", "signature": signature}
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}, "caller": {"type": "direct"}}
    first = Reply.json({**ANSWER, "content": [thought, use], "stop_reason": "tool_use"})
    with ScriptedServer([first, Reply.json(ANSWER)]) as server:
        with backbay.connect_sync("anthropic:claude-sonnet-5-5", base_url=server.url, api_key="sk-test") as backend:
            question = Message(role="user", content="What is there?")
            answer = backend.complete([question])
            stored = Message.model_validate_json(answer.message.model_dump_json())
            result = Message(role="tool", tool_call_id=answer.tool_calls[0].id, content="a cat")
            backend.complete([question, stored, result])
        assert server.requests[1].json["messages"][1]["content"] == [thought, use]


def test_cached_tokens_are_counted_and_marks_are_sent():
    prompt = [Message(role="user", content=(TextPart(text="Long.", cache="1h"),))]
    with ScriptedServer([Reply.json(ANSWER)]) as server:
        with backbay.connect_sync("anthropic:claude-sonnet-5-5", base_url=server.url, api_key="sk-test") as backend:
            usage = backend.complete(prompt).usage
        [block] = server.requests[0].json["messages"][0]["content"]
    assert block["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert (usage.input, usage.cached, usage.raw) == (5, 2, USAGE)


def test_tokens_are_counted_without_an_answer():
    with ScriptedServer([Reply.json({"input_tokens": 11})]) as server:
        with backbay.connect_sync("anthropic:claude-sonnet-5-5", base_url=server.url, api_key="sk-test") as backend:
            assert backend.count_tokens("Say pong.", system="S", temperature=0.5) == 11
        [request] = server.requests
    assert request.path == "/v1/messages/count_tokens"
    assert request.json.keys() == {"model", "messages", "system"}


def test_a_model_list_is_read_to_its_last_page():
    pages = [
        Reply.json({"data": [{"id": "a", "max_input_tokens": 9}], "has_more": True, "last_id": "a"}),
        Reply.json({"data": [{"id": "b", "max_tokens": 4}], "has_more": False, "last_id": "b"}),
    ]
    with ScriptedServer(pages) as server:

        async def models() -> Any:
            async with backbay.connect("anthropic", base_url=server.url, api_key="sk-test") as backend:
                return await backend.list_models()

        found = asyncio.run(models())
        assert [request.path for request in server.requests] == ["/v1/models", "/v1/models?after_id=a"]
    assert [(m.id, m.context_window, m.max_output_tokens) for m in found] == [("a", 9, None), ("b", None, 4)]


def test_an_error_has_the_vendors_type_words_and_request_id():
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(backbay.OverloadedError, match="Overloaded") as caught:
        ask(Reply.json(body, status=529, headers={"request-id": "req_1"}), settings={"retries": 0})
    error = caught.value
    assert (error.status, error.code, error.request_id, error.retryable) == (529, "overloaded_error", "req_1", True)
    assert json.loads(error.body) == body
