"""What is true of Azure alone: its addresses, its versions, its filters, and what it wants otherwise than OpenAI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import backbay
from backbay.capabilities import Capability
from backbay.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ModelNotFoundError,
    UnsupportedError,
)
from backbay.testing import Received, Reply, ScriptedServer

CHAT = {
    "id": "chatcmpl-1",
    "model": "gpt-5.4-2026-03-05",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "pong"},
            "finish_reason": "stop",
            "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}},
        }
    ],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"jailbreak": {"filtered": False}}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}
RESPONSE = {
    "id": "resp_1",
    "model": "gpt-5.4",
    "status": "completed",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "pong"}]}],
    "content_filters": [{"blocked": False, "source_type": "prompt"}],
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "pong"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
VECTORS = {"data": [{"index": 0, "embedding": [0.5]}], "model": "text-embedding-3-small"}
MODELS = {"data": [{"id": "gpt-5.4", "object": "model", "lifecycle_status": "generally-available"}]}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AZURE_API_BASE",
        "AZURE_API_KEY",
        "AZURE_OPENAI_AD_TOKEN",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_RESOURCE_NAME",
        "ANTHROPIC_FOUNDRY_API_KEY",
        "ANTHROPIC_FOUNDRY_BASE_URL",
        "ANTHROPIC_FOUNDRY_RESOURCE",
        "OPENAI_API_VERSION",
    ):
        monkeypatch.delenv(name, raising=False)


def asked(
    call: Callable[[Any], object], reply: object = CHAT, *, path: str = "", model: str = "gpt-5.4", **config: Any
) -> Received:
    """Return the request that ``call`` makes to a server which answers with ``reply``."""
    with ScriptedServer(Reply.json(reply)) as server:
        url = server.url.removesuffix("/v1") + path
        given = {"api_key": "azure-key", "retries": 0, **config}
        with backbay.connect_sync(f"azure:{model}", base_url=url, **given) as backend:
            call(backend)
        [request] = server.requests
    return request


def say(backend: Any) -> None:
    assert backend.complete("Say pong.").text == "pong"


@pytest.mark.parametrize(
    ("wire", "version", "address"),
    [
        ("openai_chat", None, "https://acme.openai.azure.com/openai/v1"),
        ("openai_responses", "v1", "https://acme.openai.azure.com/openai/v1"),
        ("openai_chat", "2024-10-21", "https://acme.openai.azure.com/openai"),
        ("anthropic_messages", None, "https://acme.services.ai.azure.com/anthropic/v1"),
    ],
)
def test_a_resource_has_an_address_for_each_wire(wire: str, version: str | None, address: str) -> None:
    versioned = {} if version is None else {"api_version": version}
    backend = backbay.connect("azure:gpt-5.4", resource="acme", api_key="key", wire=wire, **versioned)
    assert (backend.base_url, backend.id) == (address, "azure")


def test_without_a_resource_the_error_names_argument_and_variable() -> None:
    """U15."""
    for config in ({}, {"api_version": "2024-10-21"}):
        with pytest.raises(ConfigurationError, match="AZURE_RESOURCE_NAME"):
            backbay.connect("azure:gpt-5.4", api_key="key", **config)


def test_a_resource_that_is_named_counts_for_more_than_an_endpoint_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://other.openai.azure.com/")
    assert backbay.connect("azure:m", api_key="key").base_url == "https://other.openai.azure.com/openai/v1"
    backend = backbay.connect("azure:m", api_key="key", resource="acme")
    assert backend.base_url == "https://acme.openai.azure.com/openai/v1"


@pytest.mark.parametrize("path", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
def test_an_endpoint_becomes_the_v1_path_and_the_key_has_a_header_of_its_own(path: str) -> None:
    request = asked(say, path=path)
    assert request.path == "/openai/v1/chat/completions"
    assert request.headers["api-key"] == "azure-key"
    assert "authorization" not in request.headers
    assert request.json["model"] == "gpt-5.4"


@pytest.mark.parametrize("path", ["", "/openai", "/openai/v1"])
def test_a_dated_version_puts_the_deployment_into_the_path(path: str) -> None:
    request = asked(say, path=path, model="my chat/1", api_version="2025-04-01-preview")
    assert request.path == "/openai/deployments/my%20chat%2F1/chat/completions?api-version=2025-04-01-preview"
    assert "model" not in request.json


def test_the_version_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    assert asked(say).path == "/openai/deployments/gpt-5.4/chat/completions?api-version=2024-10-21"
    assert asked(say, api_version="v1").path == "/openai/v1/chat/completions"
    monkeypatch.setenv("OPENAI_API_VERSION", "preview")
    assert asked(say).path == "/openai/v1/chat/completions"
    monkeypatch.setenv("OPENAI_API_VERSION", "soon")
    with pytest.raises(ConfigurationError, match="OPENAI_API_VERSION"):
        backbay.connect("azure:m", resource="acme", api_key="key")


def test_an_older_version_is_not_asked_for_what_came_later() -> None:
    def limited(backend: Any) -> None:
        backend.complete("Say pong.", max_tokens=9)

    old, new = (asked(limited, api_version=version).json for version in ("2024-02-01", "2024-10-21"))
    assert (old["max_tokens"], new["max_completion_tokens"]) == (9, 9)
    assert set(old) == {"messages", "stream", "max_tokens"}


def test_embeddings_models_and_responses_have_their_paths_in_each_version() -> None:
    def embedded(backend: Any) -> None:
        assert backend.embed("one").vectors == [[0.5]]

    def listed(backend: Any) -> None:
        assert [model.id for model in backend.list_models()] == ["gpt-5.4"]

    dated = {"api_version": "2025-04-01-preview"}
    query = "?api-version=2025-04-01-preview"
    responses = {"wire": "openai_responses"}
    assert asked(embedded, VECTORS).path == "/openai/v1/embeddings"
    assert asked(embedded, VECTORS, **dated).path == f"/openai/deployments/gpt-5.4/embeddings{query}"
    assert asked(embedded, VECTORS, **dated, **responses).path == f"/openai/deployments/gpt-5.4/embeddings{query}"
    assert asked(listed, MODELS).path == "/openai/v1/models"
    assert asked(listed, MODELS, **dated).path == f"/openai/models{query}"
    assert asked(say, RESPONSE, **responses).path == "/openai/v1/responses"
    named = asked(say, RESPONSE, **dated, **responses)
    assert (named.path, named.json["model"]) == (f"/openai/responses{query}", "gpt-5.4")


def test_model_inference_names_the_model_in_the_body() -> None:
    """As recorded for Grok at ``services.ai.azure.com/models``."""
    request = asked(say, path="/models", model="grok-4", api_version="2024-05-01-preview")
    assert request.path == "/models/chat/completions?api-version=2024-05-01-preview"
    assert request.json["model"] == "grok-4"
    url = "https://acme.services.ai.azure.com/models"
    backend = backbay.connect_sync("azure:m", api_key="k", base_url=url, api_version="2024-05-01-preview")
    with pytest.raises(UnsupportedError):
        backend.list_models()
    with pytest.raises(ConfigurationError, match="dated version"):
        backbay.connect("azure:m", api_key="key", base_url=url)


@pytest.mark.parametrize("path", ["", "/anthropic", "/anthropic/v1"])
def test_claude_is_asked_by_anthropics_wire(path: str) -> None:
    request = asked(say, MESSAGE, path=path, model="claude-haiku-4-5", wire="anthropic_messages")
    assert request.path == "/anthropic/v1/messages"
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == ("azure-key", "2023-06-01")
    assert request.json["max_tokens"] == 32000


@pytest.mark.parametrize(
    ("model", "options", "config", "included"),
    [
        ("gpt-5.4", {}, {}, True),
        ("o3-mini", {}, {}, True),
        ("gpt-4.1", {}, {}, False),
        ("gpt-5-chat", {}, {}, False),
        ("prod", {}, {}, False),
        ("prod", {"reasoning": "low"}, {}, True),
        ("prod", {"reasoning": "none"}, {}, False),
        ("prod", {}, {"encrypted_reasoning": True}, True),
        ("gpt-5.4", {"reasoning": "low"}, {"encrypted_reasoning": False}, False),
    ],
)
def test_reasoning_is_asked_for_of_deployments_that_may_have_it(
    model: str, options: dict[str, Any], config: dict[str, Any], included: bool
) -> None:
    """A deployment may have any name, and a model that does not reason refuses to be asked for it."""
    body = asked(
        lambda backend: backend.complete("Hi.", **options), RESPONSE, model=model, wire="openai_responses", **config
    ).json
    assert ("include" in body) is included
    assert body["store"] is False


def test_what_the_filters_found_is_in_the_details() -> None:
    answers = []
    asked(lambda backend: answers.append(backend.complete("Hi.")))
    asked(lambda backend: answers.append(backend.complete("Hi.")), RESPONSE, wire="openai_responses")
    chat, response = (answer.details for answer in answers)
    assert chat["content_filter_results"] == {"hate": {"filtered": False, "severity": "safe"}}
    assert chat["prompt_filter_results"][0]["content_filter_results"] == {"jailbreak": {"filtered": False}}
    assert response["content_filters"] == [{"blocked": False, "source_type": "prompt"}]


FILTERED = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}},
}


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (400, FILTERED, ContentFilterError, "content_filter"),
        (404, {"code": "DeploymentNotFound", "message": "There is none."}, ModelNotFoundError, "DeploymentNotFound"),
        (401, {"code": "401", "message": "Access denied due to invalid subscription key."}, AuthenticationError, "401"),
    ],
)
def test_an_error_means_what_azure_means_by_it(status: int, error: object, kind: type, code: str) -> None:
    """M5."""
    reply = Reply.json({"error": error}, status=status, headers={"apim-request-id": "5dbe34e9"})
    with ScriptedServer(reply) as server:
        with backbay.connect_sync("azure:m", api_key="azure-key", base_url=server.url, retries=0) as backend:
            with pytest.raises(kind) as caught:
                backend.complete("Hi.")
    found = caught.value
    assert isinstance(found, backbay.ResponseError)
    assert (found.code, found.request_id, found.retryable) == (code, "5dbe34e9", False)
    if kind is ContentFilterError:
        assert "ResponsibleAIPolicyViolation" in str(found.body)


def test_a_default_that_a_deployment_lacks_is_left_out() -> None:
    lacking = {"max_tokens": "unsupported"}
    url = "https://acme.services.ai.azure.com"
    backend = backbay.connect(
        "azure:claude-x", api_key="k", base_url=url, wire="anthropic_messages", capabilities=lacking
    )
    assert not backend.capabilities().allows(Capability.MAX_TOKENS)
