"""What is true of OpenAI alone: its address, its variables, and what it wants otherwise than compatible servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

import backbay
from backbay.http.transport import TransportResponse
from backbay.request import Options
from backbay.testing import Reply, ScriptedServer
from backbay_openai import spec

ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-5.4",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


class Person(BaseModel):
    """What a structured answer holds."""

    name: str
    age: int = 0


class CapturedError(Exception):
    """Stops a call where it would leave, so that a request to OpenAI's own address can be looked at."""

    def __init__(self, body: bytes) -> None:
        super().__init__("captured")
        self.body = json.loads(body)


class CapturingTransport:
    """A transport that sends nothing."""

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> TransportResponse:
        """Raise what would have gone out."""
        raise CapturedError(body)

    async def aclose(self) -> None:
        """There is nothing to close."""


def sent_body(options: Options, *, at_home: bool) -> dict[str, Any]:
    """Return the body that goes out for a prompt, at OpenAI's own address or at a compatible server's."""
    url = spec.default_base_url if at_home else "http://127.0.0.1:9/v1"
    backend = backbay.connect_sync("openai:gpt-5.4", api_key="sk-test", base_url=url, transport=CapturingTransport())
    with pytest.raises(backbay.BackbayError) as caught:
        backend.complete("Say pong.", **options)
    assert isinstance(caught.value.__cause__, CapturedError)
    body: dict[str, Any] = caught.value.__cause__.body
    return body


def test_max_tokens_has_the_name_that_the_server_knows() -> None:
    """At OpenAI max_tokens is deprecated and refused by reasoning models; compatible servers may know no other."""
    assert sent_body({"max_tokens": 9}, at_home=True)["max_completion_tokens"] == 9
    assert sent_body({"max_tokens": 9}, at_home=False)["max_tokens"] == 9


def test_schemas_are_made_strict_at_openai_only() -> None:
    at_home = sent_body({"response_format": Person}, at_home=True)["response_format"]["json_schema"]
    assert at_home["strict"] is True
    assert at_home["schema"]["additionalProperties"] is False
    assert at_home["schema"]["required"] == ["name", "age"]
    elsewhere = sent_body({"response_format": Person}, at_home=False)["response_format"]["json_schema"]
    assert elsewhere == {"name": "Person", "schema": Person.model_json_schema()}


def test_the_key_comes_from_the_environment_and_goes_into_the_bearer_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-acme")
    with ScriptedServer(Reply.json(ANSWER)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")

        async def ask() -> str:
            async with backbay.connect("openai:gpt-5.4") as backend:
                return (await backend.complete("Say pong.")).text

        assert asyncio.run(ask()) == "pong"
        [request] = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-from-environment"
    assert request.headers["openai-organization"] == "org-acme"


def test_without_a_key_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """U15."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(backbay.MissingCredentialError, match="OPENAI_API_KEY"):
        backbay.connect("openai:gpt-5.4")


def test_an_organisation_is_sent_only_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_ORG_ID", raising=False)
    with ScriptedServer(Reply.json(ANSWER)) as server:
        with backbay.connect_sync("openai:gpt-5.4", base_url=server.url, api_key="sk-test") as backend:
            backend.complete("Say pong.")
        assert "openai-organization" not in server.requests[0].headers
