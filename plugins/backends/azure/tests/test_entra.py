"""Microsoft Entra ID: tokens from the environment, from the caller, and from Microsoft's own library."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

import backbay
from backbay.errors import AuthenticationError, ConfigurationError, ConnectError, MissingCredentialError
from backbay.testing import Received, Reply, ScriptedServer

TOKEN = "eyJ0.a-token-that-nobody-may-see"
ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-5.4",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}],
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


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ANTHROPIC_FOUNDRY_API_KEY",
        "AZURE_API_KEY",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_OPENAI_AD_TOKEN",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_TENANT_ID",
        "OPENAI_API_VERSION",
    ):
        monkeypatch.delenv(name, raising=False)
    # Of all that the library looks for on this machine, only what a test sets up may be found.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")


def calls(count: int = 1, reply: object = ANSWER, **config: Any) -> list[Received]:
    """Return the requests of as many calls with one backend."""
    with ScriptedServer([Reply.json(reply)] * count) as server:
        with backbay.connect_sync("azure:gpt-5.4", base_url=server.url, retries=0, **config) as backend:
            for _ in range(count):
                assert backend.complete("Say pong.").text == "pong"
        return list(server.requests)


def token(seconds: float = 3600, value: str = TOKEN) -> Any:
    return SimpleNamespace(token=value, expires_on=int(time.time() + seconds))


class Credential:
    """Gives tokens as the credentials of azure-identity do, and notes who asked."""

    def __init__(self, *given: Any) -> None:
        self.given = list(given)
        self.scopes: list[str] = []
        self.threads: list[int] = []

    def get_token(self, scope: str) -> Any:
        self.scopes.append(scope)
        self.threads.append(threading.get_ident())
        found = self.given.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def bearer(requests: list[Received]) -> list[str]:
    assert not any("api-key" in request.headers or "x-api-key" in request.headers for request in requests)
    return [request.headers["authorization"].removeprefix("Bearer ") for request in requests]


def test_a_token_of_the_environment_is_a_bearer_and_a_key_counts_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", TOKEN)
    assert bearer(calls()) == [TOKEN]
    assert bearer(calls(reply=MESSAGE, wire="anthropic_messages")) == [TOKEN]
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    [request] = calls()
    assert request.headers["api-key"] == "azure-key"
    assert "authorization" not in request.headers
    assert bearer(calls(auth="entra")) == [TOKEN]


def test_an_argument_is_a_token_where_the_caller_says_so() -> None:
    assert bearer(calls(api_key=TOKEN, auth="entra")) == [TOKEN]


def test_a_credential_is_asked_once_and_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    credential = Credential(token())
    with ScriptedServer([Reply.json(ANSWER)] * 2) as server:

        async def ask() -> int:
            async with backbay.connect("azure:gpt-5.4", base_url=server.url, credential=credential) as backend:
                await backend.complete("Say pong.")
                await backend.complete("Say pong.")
            return threading.get_ident()

        loop_thread = asyncio.run(ask())
        assert bearer(server.requests) == [TOKEN, TOKEN]
    assert credential.scopes == ["https://cognitiveservices.azure.com/.default"]
    assert credential.threads != [loop_thread]


def test_a_token_is_renewed_before_it_runs_out() -> None:
    credential = Credential(token(60, "first"), token(3600, "second"))
    assert bearer(calls(3, credential=credential)) == ["first", "second", "second"]


def test_a_credential_may_be_asynchronous_or_a_function() -> None:
    class Asynchronous:
        async def get_token(self, scope: str) -> Any:
            return token()

    async def provider() -> str:
        return TOKEN

    def late() -> Any:
        return provider()

    given: list[str] = ["one", "two"]
    assert bearer(calls(credential=Asynchronous())) == [TOKEN]
    assert bearer(calls(credential=provider)) == [TOKEN]
    assert bearer(calls(2, credential=lambda: given.pop(0))) == ["one", "two"]
    assert bearer(calls(credential=late)) == [TOKEN]


def test_another_cloud_has_another_scope() -> None:
    credential = Credential(token())
    calls(credential=credential, scope="https://cognitiveservices.azure.us/.default")
    assert credential.scopes == ["https://cognitiveservices.azure.us/.default"]


class ClientAuthenticationError(Exception):
    """Has the name of the library's."""


class CredentialUnavailableError(ClientAuthenticationError):
    """Has the name of the library's."""


class ServiceRequestError(Exception):
    """Has the name of the library's."""


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (ClientAuthenticationError("AADSTS7000215: Invalid client secret"), AuthenticationError, "AADSTS7000215"),
        (CredentialUnavailableError("Please run az login"), MissingCredentialError, "az login"),
        (ServiceRequestError("Failed to resolve login.example"), ConnectError, "cannot be reached"),
        (OSError("no route"), ConnectError, "cannot be reached"),
        (ValueError("strange"), AuthenticationError, "strange"),
        ("", AuthenticationError, "no access token"),
        (token(value="two\nlines"), AuthenticationError, "no access token"),
        (None, AuthenticationError, "no access token"),
    ],
)
def test_a_token_that_does_not_come_is_a_typed_error(given: Any, kind: type, said: str) -> None:
    backend = backbay.connect_sync(
        "azure:gpt-5.4", base_url="http://127.0.0.1:9", credential=Credential(given), retries=0
    )
    with pytest.raises(kind, match=said) as caught, backend:
        backend.complete("Hi.")
    assert getattr(caught.value, "retryable", False) is (kind is ConnectError)


def test_a_token_that_the_server_repeats_is_in_no_error() -> None:
    echo = Reply.json({"error": {"message": f"bad token {TOKEN}", "code": "401"}}, status=401)
    with ScriptedServer(echo) as server:
        backend = backbay.connect_sync("azure:m", base_url=server.url, credential=Credential(token()), retries=0)
        with pytest.raises(AuthenticationError) as caught, backend:
            backend.complete("Hi.")
    assert TOKEN not in f"{caught.value} {caught.value.body}"


def test_without_key_token_and_library_one_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """U15."""
    find = importlib.util.find_spec

    def without_azure(name: str, *rest: Any) -> Any:
        if name.startswith("azure"):
            raise ModuleNotFoundError(name)
        return find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without_azure)
    with pytest.raises(MissingCredentialError) as caught:
        backbay.connect("azure:gpt-5.4", resource="acme")
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "api_key=", "backbay-azure[entra]"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"auth": "key"}, "auth"),
        ({"credential": 7}, "credential"),
        ({"credential": Credential(), "api_key": "azure-key"}, "not both"),
        ({"credential": Credential(), "scope": "cognitiveservices"}, "scope"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        backbay.connect("azure:gpt-5.4", resource="acme", **config)


def test_microsofts_library_gets_a_token_of_the_machines_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """App Service tells an application where tokens are by two variables; the library asks there, over HTTP."""
    given = {"access_token": TOKEN, "expires_on": str(int(time.time()) + 3600), "resource": "r", "token_type": "Bearer"}
    with ScriptedServer(Reply.json(given)) as identity:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "identity-secret")
        assert bearer(calls(2)) == [TOKEN, TOKEN]
        [request] = identity.requests
    assert request.headers["x-identity-header"] == "identity-secret"
    assert "resource=https://cognitiveservices.azure.com" in request.path


def test_microsofts_library_without_a_credential_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(Reply.json({"error": "no identity"}, status=400)) as identity:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "identity-secret")
        backend = backbay.connect_sync("azure:gpt-5.4", base_url="http://127.0.0.1:9", retries=0)
        with pytest.raises(backbay.BackbayError) as caught, backend:
            backend.complete("Hi.")
    assert isinstance(caught.value, AuthenticationError | MissingCredentialError)
