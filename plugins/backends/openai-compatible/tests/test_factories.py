"""The second source system's constructor and factories, on real sockets: M1 to M4, M12, M13, M15, U11, U12."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

import backbay
from backbay.testing import Pause, Reply, ScriptedServer, sse
from backbay_openai_compatible import (
    ModelProfile,
    OpenAICompatibleBackend,
    create_lmstudio_backend,
    create_ollama_backend,
    create_vllm_backend,
)

KEY = "key-of-the-tests-0123"
ANSWER = {"id": "a", "model": "m", "choices": [{"message": {"content": "pong"}, "finish_reason": "stop"}]}
TOOL = {"name": "look", "parameters": {"type": "object", "properties": {}}}
FACTORIES = [create_ollama_backend, create_vllm_backend, create_lmstudio_backend, OpenAICompatibleBackend]


def ask(backend: OpenAICompatibleBackend, **options: Any) -> backbay.Response:
    """Make one call, and close."""

    async def call() -> backbay.Response:
        async with backend:
            return await backend.complete("Say pong.", **options)

    return asyncio.run(call())


async def drain(backend: OpenAICompatibleBackend) -> backbay.Response:
    """Read a stream to its end."""
    async with backend.stream("Say pong.") as stream:
        async for _ in stream:
            pass
        return stream.response


def chunks(*, finish: str | None = "stop", done: bool = True) -> Reply:
    """Return a streamed answer."""
    data = [{"id": "a", "choices": [{"delta": {"content": "po"}}]}]
    data += [{"id": "a", "choices": [{"delta": {"content": "ng"}, "finish_reason": finish}]}]
    steps = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in data] + ([b"data: [DONE]\n\n"] if done else [])
    return Reply(headers={"content-type": "text/event-stream"}, steps=steps)


def test_defaults_are_those_of_the_source_system() -> None:
    """M1."""
    backend = OpenAICompatibleBackend("gpt-4o")
    assert (backend.name, backend.model, backend.profile.name) == ("openai_compatible", "gpt-4o", "gpt-4o")
    assert backend.base_url == "https://api.openai.com/v1"
    assert backend.settings.limits == backbay.Limits(first_event=60.0, idle=60.0)
    assert create_ollama_backend("m").base_url == "http://localhost:11434/v1"
    assert create_vllm_backend("m").base_url == "http://localhost:8000/v1"
    assert create_lmstudio_backend().base_url == "http://localhost:1234/v1"
    assert create_lmstudio_backend().model == "local-model"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("key", [KEY, SecretStr(KEY)], ids=["str", "SecretStr"])
def test_a_key_goes_into_the_bearer_header_and_a_slash_means_nothing(key: Any, slash: str) -> None:
    """M1."""
    with ScriptedServer(Reply.json(ANSWER)) as server:
        assert ask(OpenAICompatibleBackend("m", base_url=server.url + slash, api_key=key)).text == "pong"
        [request] = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", [None, "", SecretStr("")])
def test_without_a_key_there_is_no_authorization(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """M1; and no vendor's key from the environment goes to another server."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ScriptedServer(Reply.json(ANSWER)) as server:
        ask(OpenAICompatibleBackend("m", base_url=server.url, api_key=key))
        assert "authorization" not in server.requests[0].headers


def test_the_key_is_in_no_text_that_anybody_sees() -> None:
    """M1."""
    with ScriptedServer(Reply.json({"error": {"message": f"{KEY} is bad"}}, status=401)) as server:
        backend = OpenAICompatibleBackend("m", base_url=server.url, api_key=KEY)
        with pytest.raises(backbay.AuthenticationError) as caught:
            ask(backend)
    shown = "".join(traceback.format_exception(caught.value)) + repr(backend) + str(backend) + repr(backend.settings)
    assert KEY not in shown
    with pytest.raises(backbay.BackbayError) as refused:
        OpenAICompatibleBackend("m", api_key=f"{KEY}\n", base_url="http://127.0.0.1:9/v1")
    assert KEY not in "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())


def test_the_body_has_what_was_asked_and_nothing_else() -> None:
    """M2."""
    with ScriptedServer(Reply.json(ANSWER)) as server:
        ask(OpenAICompatibleBackend("gpt-4o", base_url=server.url), extra={"min_p": 0.1})
        assert server.requests[0].json == {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "Say pong."}],
            "stream": False,
            "min_p": 0.1,
        }


def test_fields_that_are_written_here_are_refused_in_extra() -> None:
    """M2."""
    with pytest.raises(backbay.OptionConflictError, match="model"):
        ask(OpenAICompatibleBackend("gpt-4o", base_url="http://127.0.0.1:9/v1"), extra={"model": "other"})


def test_a_profiles_temperature_is_sent_where_the_caller_gives_none() -> None:
    """M2."""
    profile = ModelProfile("m", "acme", 4096, 1024)
    with ScriptedServer(lambda _: Reply.json(ANSWER)) as server:
        ask(OpenAICompatibleBackend("m", base_url=server.url, profile=profile))
        ask(OpenAICompatibleBackend("m", base_url=server.url, profile=profile), temperature=0.0)
        assert [request.json["temperature"] for request in server.requests] == [0.7, 0.0]


def test_tools_for_a_model_without_them_are_refused_or_recorded_as_left_out() -> None:
    """M3: never dropped silently; a model that nobody knows counts as one without."""
    with ScriptedServer(Reply.json(ANSWER)) as server:
        with pytest.raises(backbay.UnsupportedError, match="tools"):
            ask(OpenAICompatibleBackend("nobody-knows", base_url=server.url), tools=[TOOL])
        assert not server.requests
        backend = OpenAICompatibleBackend("nobody-knows", base_url=server.url)
        answer = ask(backend, tools=[TOOL], on_unsupported="warn")
        assert answer.dropped == ("tools",)
        assert "tools" not in server.requests[0].json


def test_tools_are_sent_where_the_profile_has_them() -> None:
    """M3."""
    with ScriptedServer(Reply.json(ANSWER)) as server:
        profile = ModelProfile("mine", "me", 4096, 1024)
        ask(OpenAICompatibleBackend("mine", base_url=server.url, profile=profile), tools=[TOOL])
        assert server.requests[0].json["tools"][0]["function"]["name"] == "look"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, backbay.BadRequestError, False),
        (401, backbay.AuthenticationError, False),
        (403, backbay.PermissionDeniedError, False),
        (404, backbay.NotFoundError, False),
        (408, backbay.BadRequestError, True),
        (429, backbay.RateLimitError, True),
        (500, backbay.ServerError, True),
        (503, backbay.OverloadedError, True),
    ],
)
def test_errors_are_the_same_for_an_answer_and_for_a_stream(
    status: int, kind: type[Exception], retryable: bool
) -> None:
    """M4: over a real socket, with the body in pieces."""
    body = json.dumps({"error": {"message": "no, not now", "code": None}}).encode()
    headers = {"content-type": "application/json", "retry-after": "7"}
    reply = Reply(status=status, headers=headers, steps=[body[:9], body[9:]])

    async def both() -> list[backbay.BackbayError]:
        caught = []
        with ScriptedServer(lambda _: reply) as server:
            async with OpenAICompatibleBackend("m", base_url=server.url, retries=0) as backend:
                for call in (lambda: backend.complete("Say pong."), lambda: drain(backend)):
                    with pytest.raises(kind) as found:
                        await call()
                    caught.append(found.value)
        return caught

    for error in asyncio.run(both()):
        assert (error.status, error.retryable, error.retry_after, error.model) == (status, retryable, 7.0, "m")
        assert "no, not now" in error.message


@pytest.mark.parametrize("finish", ["stop", None])
@pytest.mark.parametrize("done", [True, False])
def test_a_stream_ends_once_or_is_truncated(finish: str | None, done: bool) -> None:
    """M9."""
    with ScriptedServer(chunks(finish=finish, done=done)) as server:
        backend = OpenAICompatibleBackend("m", base_url=server.url, retries=0)
        if finish is None and not done:
            with pytest.raises(backbay.TruncatedError) as caught:
                asyncio.run(drain(backend))
            assert caught.value.partial.text == "pong"
        else:
            answer = asyncio.run(drain(backend))
            assert (answer.text, answer.raw_finish) == ("pong", finish)


def test_an_error_in_a_running_stream_is_raised_with_what_had_come() -> None:
    """M9."""
    steps = [sse({"id": "a", "choices": [{"delta": {"content": "po"}}]}), sse({"error": {"message": "boom"}})]
    with ScriptedServer(Reply(headers={"content-type": "text/event-stream"}, steps=steps)) as server:
        with pytest.raises(backbay.ResponseError, match="boom") as caught:
            asyncio.run(drain(OpenAICompatibleBackend("m", base_url=server.url, retries=0)))
    assert caught.value.partial.text == "po"


@pytest.mark.parametrize(("status", "good"), [(200, True), (401, True), (403, True), (404, False), (500, False)])
def test_health_tells_reachable_from_not(status: int, good: bool) -> None:
    """M12."""

    async def check(url: str) -> bool:
        async with OpenAICompatibleBackend("m", base_url=url) as backend:
            assert ((await backend.health()).latency_ms is not None) == good
            return await backend.health_check()

    with ScriptedServer(lambda _: Reply.json({"data": []}, status=status)) as server:
        assert asyncio.run(check(server.url)) is good
        assert server.requests[0].path == "/v1/models"


def test_health_of_a_closed_port_is_an_answer_and_no_error() -> None:
    """M12, U12."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]

    async def check() -> bool:
        async with OpenAICompatibleBackend("m", base_url=f"http://127.0.0.1:{port}/v1") as backend:
            return await backend.health_check()

    assert asyncio.run(check()) is False


def test_closing_twice_is_fine_and_a_call_afterwards_is_a_typed_error() -> None:
    """M13."""

    async def twice() -> None:
        backend = OpenAICompatibleBackend("m", base_url="http://127.0.0.1:9/v1")
        await backend.close()
        await backend.close()
        with pytest.raises(backbay.ClosedError):
            await backend.complete("Say pong.")

    asyncio.run(twice())


def test_leaving_a_stream_closes_the_socket_within_a_second() -> None:
    """M13, seen from the server."""
    first = sse({"id": "a", "choices": [{"delta": {"content": "po"}}]})

    async def leave(url: str) -> None:
        async with OpenAICompatibleBackend("m", base_url=url) as backend:
            async with backend.stream("Say pong.") as stream:
                async for event in stream:
                    if isinstance(event, backbay.Text):
                        break

    with ScriptedServer(
        Reply(headers={"content-type": "text/event-stream"}, steps=[first, Pause(30), first])
    ) as server:
        start = time.perf_counter()
        asyncio.run(leave(server.url))
        assert server.wait_for(lambda seen: bool(seen.hangups), seconds=1.0)
        assert time.perf_counter() - start < 1.5


def test_content_that_is_null_is_an_empty_text_beside_the_calls() -> None:
    """M14."""
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    message = {"content": None, "tool_calls": [call]}
    body = {"id": "a", "choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": None}
    with ScriptedServer(Reply.json(body)) as server:
        answer = ask(OpenAICompatibleBackend("gpt-4o", base_url=server.url), tools=[TOOL])
    assert (answer.text, [call.name for call in answer.tool_calls], answer.usage) == ("", ["look"], None)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_factory_forwards_every_option(factory: Callable[..., OpenAICompatibleBackend]) -> None:
    """M15."""
    profile = ModelProfile("m", "acme", 4096, 1024, default_temperature=None)
    with ScriptedServer(Reply.json(ANSWER)) as server:
        backend = factory("m", base_url=server.url, api_key=KEY, timeout=3.0, profile=profile, retries=0)
        assert backend.profile is profile
        assert backend.settings.limits.idle == 3.0
        assert ask(backend).text == "pong"
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    """M1, M4: the timeout holds, as a typed error."""
    with ScriptedServer(Reply(headers={}, steps=[Pause(30)])) as server:
        with pytest.raises(backbay.LimitExceededError):
            asyncio.run(drain(OpenAICompatibleBackend("m", base_url=server.url, timeout=0.2, retries=0)))


@pytest.mark.parametrize("model", ["", None])
def test_a_backend_needs_a_model(model: Any) -> None:
    with pytest.raises(backbay.ConfigurationError, match="model"):
        OpenAICompatibleBackend(model)


def test_a_wrong_wire_or_setting_names_what_there_is() -> None:
    with pytest.raises(backbay.ConfigurationError, match="openai_chat"):
        OpenAICompatibleBackend("m", wire="carrier_pigeon")
    with pytest.raises(backbay.ConfigurationError, match="thinking_field"):
        OpenAICompatibleBackend("m", thinking_feild="reasoning")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["context_length", "max_model_len", "context_window"])
def test_windows_are_found_under_each_of_their_names(name: str) -> None:
    """U11."""

    async def windows(url: str) -> list[int | None]:
        async with OpenAICompatibleBackend("m", base_url=url) as backend:
            return [model.context_window for model in await backend.list_models()]

    with ScriptedServer(Reply.json({"data": [{"id": "a", name: 4096}, {"id": "b"}]})) as server:
        assert asyncio.run(windows(server.url)) == [4096, None]


def test_without_an_address_connect_says_how_to_give_one() -> None:
    with pytest.raises(backbay.ConfigurationError, match="base_url"):
        backbay.connect("openai-compatible:m")


@pytest.mark.parametrize(
    ("wire", "path"), [("openai_responses", "/v1/responses"), ("anthropic_messages", "/v1/messages")]
)
def test_another_wire_is_chosen_by_name(wire: str, path: str) -> None:
    with ScriptedServer(Reply.json({"error": {"message": "not here"}}, status=404)) as server:
        with backbay.connect_sync("openai-compatible:m", base_url=server.url, wire=wire) as backend:
            with pytest.raises(backbay.NotFoundError):
                backend.complete("Say pong.")
        assert server.requests[0].path == path
