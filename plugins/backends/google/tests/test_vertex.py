"""What is true of Vertex AI alone: addresses by location, access tokens, express mode, Anthropic's models."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading

import pytest

import backbay
from backbay.testing import Reply, ScriptedServer

ANSWER = {
    "candidates": [{"content": {"parts": [{"text": "pong"}], "role": "model"}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1},
}
TOKEN = "ya29.a-token-that-nobody-may-see"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "GOOGLE_API_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_LOCATION",
        "GOOGLE_CLOUD_PROJECT",
        "VERTEXAI_API_BASE",
    ):
        monkeypatch.delenv(name, raising=False)
    # Nobody may ask the metadata server of the machine that runs this.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")


def tokens(*, seconds: int = 3600, status: int = 200) -> Reply:
    body = {"access_token": TOKEN, "expires_in": seconds, "token_type": "Bearer"}
    return Reply.json(body if status == 200 else {"error": "invalid_grant", "error_description": "no"}, status=status)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_each_location_has_its_host(location: str, host: str) -> None:
    backend = backbay.connect("vertex:gemini-3.5-flash", api_key="token", project="acme", location=location)
    assert backend.base_url == f"{host}/v1/projects/acme/locations/{location}/publishers/google"
    assert backend.id == "vertex"


def test_project_and_location_come_from_the_environment_and_the_location_has_a_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme")
    assert "/locations/global/" in backbay.connect("vertex:gemini-3.5-flash", api_key="token").base_url
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    backend = backbay.connect("vertex:claude-haiku-4-5@20251001", api_key="token", wire="anthropic_messages")
    assert backend.base_url.startswith("https://europe-west4-aiplatform.googleapis.com/v1/projects/acme/")
    assert backend.base_url.endswith("/locations/europe-west4/publishers/anthropic")


def test_without_a_project_the_error_names_argument_and_variable() -> None:
    """U15."""
    with pytest.raises(backbay.ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
        backbay.connect("vertex:gemini-3.5-flash", api_key="token")


def test_a_location_cannot_lead_to_another_host() -> None:
    with pytest.raises(backbay.ConfigurationError, match="location"):
        backbay.connect("vertex:gemini-3.5-flash", api_key="token", project="acme", location="evil.example/")


def test_an_access_token_goes_into_the_bearer_header() -> None:
    with ScriptedServer(Reply.json(ANSWER)) as server:
        with backbay.connect_sync("vertex:gemini-3.5-flash", api_key=TOKEN, base_url=server.url) as backend:
            assert backend.complete("Say pong.").text == "pong"
        [request] = server.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert "x-goog-api-key" not in request.headers


def test_express_mode_has_no_project_and_an_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "api-key-of-express-mode")
    backend = backbay.connect("vertex:gemini-3.5-flash", express=True)
    assert backend.base_url == "https://aiplatform.googleapis.com/v1/publishers/google"
    with ScriptedServer(Reply.json(ANSWER)) as server:
        with backbay.connect_sync("vertex:gemini-3.5-flash", express=True, base_url=server.url) as connected:
            connected.complete("Say pong.")
        [request] = server.requests
    assert request.headers["x-goog-api-key"] == "api-key-of-express-mode"
    assert "authorization" not in request.headers


def test_express_mode_is_refused_where_it_cannot_work() -> None:
    with pytest.raises(backbay.MissingCredentialError, match="GOOGLE_API_KEY"):
        backbay.connect("vertex:gemini-3.5-flash", express=True)
    with pytest.raises(backbay.ConfigurationError, match="Gemini"):
        backbay.connect("vertex:claude", api_key="key", express=True, wire="anthropic_messages")
    with pytest.raises(backbay.ConfigurationError, match="express"):
        backbay.connect("vertex:gemini-3.5-flash", api_key="key", express="yes")


def test_claude_is_asked_by_raw_predict_with_the_version_in_the_body() -> None:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": "end_turn"}
    message |= {"content": [{"type": "text", "text": "pong"}], "usage": {"input_tokens": 3, "output_tokens": 1}}
    with ScriptedServer([Reply.json(message), Reply.json({"input_tokens": 9})]) as server:
        connected = backbay.connect_sync(
            "vertex:claude-haiku-4-5@20251001", api_key=TOKEN, base_url=server.url, wire="anthropic_messages"
        )
        with connected as backend:
            assert backend.complete("Say pong.").text == "pong"
            assert backend.count_tokens("Say pong.") == 9
        answered, counted = server.requests
    assert answered.path.endswith("/models/claude-haiku-4-5@20251001:rawPredict")
    assert answered.json["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in answered.json
    assert counted.path.endswith("/models/count-tokens:rawPredict")
    assert counted.json["model"] == "claude-haiku-4-5@20251001"


def test_a_service_account_gets_one_token_for_many_calls(key_file) -> None:
    with ScriptedServer(tokens()) as giver, ScriptedServer(Reply.json(ANSWER)) as server:
        path = key_file(f"{giver.url}/token")

        async def ask() -> None:
            async with backbay.connect("vertex:gemini-3.5-flash", credentials=path, base_url=server.url) as backend:
                await asyncio.gather(*(backend.complete("Say pong.") for _ in range(4)))

        asyncio.run(ask())
        assert len(giver.requests) == 1
        assert b"assertion=" in giver.requests[0].body
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}


def test_a_token_that_ran_out_is_renewed_and_off_the_loop(key_file, monkeypatch: pytest.MonkeyPatch) -> None:
    # A token of one second counts as run out at once, since Google's library renews them minutes before.
    with ScriptedServer(tokens(seconds=1)) as giver, ScriptedServer(Reply.json(ANSWER)) as server:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file(f"{giver.url}/token"))
        monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "acme-billing")
        threads = []
        renew = importlib.import_module("backbay_google.authorizer").GoogleAuthorizer._refreshed

        def noted(self):
            threads.append(threading.current_thread())
            return renew(self)

        monkeypatch.setattr("backbay_google.authorizer.GoogleAuthorizer._refreshed", noted)

        async def ask() -> None:
            async with backbay.connect("vertex:gemini-3.5-flash", base_url=server.url) as backend:
                await backend.complete("Say pong.")
                await backend.complete("Say pong.")

        asyncio.run(ask())
        assert len(giver.requests) == 2
    assert {request.headers["x-goog-user-project"] for request in server.requests} == {"acme-billing"}
    assert threads
    assert threading.main_thread() not in threads


def test_credentials_that_google_refuses_are_an_authentication_error_without_a_key(key_file, private_key: str) -> None:
    with ScriptedServer(tokens(status=400)) as giver, ScriptedServer(Reply.json(ANSWER)) as server:
        path = key_file(f"{giver.url}/token")
        with backbay.connect_sync("vertex:gemini-3.5-flash", credentials=path, base_url=server.url) as backend:
            with pytest.raises(backbay.AuthenticationError, match="invalid_grant") as caught:
                backend.complete("Say pong.")
        assert not server.requests
    assert "PRIVATE KEY" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_token_that_the_vendor_repeats_is_in_no_error(key_file) -> None:
    refusal = {"error": {"code": 401, "message": f"Bad token {TOKEN}", "status": "UNAUTHENTICATED"}}
    with ScriptedServer(tokens()) as giver, ScriptedServer(Reply.json(refusal, status=401)) as server:
        path = key_file(f"{giver.url}/token")
        with backbay.connect_sync("vertex:gemini-3.5-flash", credentials=path, base_url=server.url) as backend:
            with pytest.raises(backbay.AuthenticationError) as caught:
                backend.complete("Say pong.")
    assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.body}"


def test_credentials_of_the_caller_are_used_and_their_token_is_in_no_error() -> None:
    from google.oauth2.credentials import Credentials

    refusal = {"error": {"code": 401, "message": f"Bad token {TOKEN}", "status": "UNAUTHENTICATED"}}
    with ScriptedServer(Reply.json(refusal, status=401)) as server:
        own = Credentials(token=TOKEN)
        with backbay.connect_sync("vertex:gemini-3.5-flash", credentials=own, base_url=server.url) as backend:
            with pytest.raises(backbay.AuthenticationError) as caught:
                backend.complete("Say pong.")
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.body}"


def test_a_token_server_that_is_gone_is_a_connect_error(key_file, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff._DEFAULT_INITIAL_INTERVAL_SECONDS", 0.01)
    with ScriptedServer(tokens()) as giver:
        path = key_file(f"{giver.url}/token")
    backend = backbay.connect_sync(
        "vertex:gemini-3.5-flash", credentials=path, base_url="http://127.0.0.1:9/v1", retries=0
    )
    with backend, pytest.raises(backbay.ConnectError, match="tokens"):
        backend.complete("Say pong.")


def test_a_missing_library_or_file_is_told_at_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(backbay.MissingCredentialError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        backbay.connect("vertex:gemini-3.5-flash", project="acme")
    with pytest.raises(backbay.ConfigurationError, match="credentials is a int"):
        backbay.connect("vertex:gemini-3.5-flash", project="acme", credentials=3)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "google.auth" else found(name))
    with pytest.raises(backbay.MissingCredentialError, match=r"backbay-google\[vertex\]"):
        backbay.connect("vertex:gemini-3.5-flash", project="acme")


def test_a_machine_without_credentials_is_told_before_the_vendor_is_asked() -> None:
    with ScriptedServer(Reply.json(ANSWER)) as server:
        with backbay.connect_sync("vertex:gemini-3.5-flash", base_url=server.url) as backend:
            with pytest.raises(backbay.MissingCredentialError, match="gcloud auth"):
                backend.complete("Say pong.")
        assert not server.requests


def test_a_tuned_model_is_an_endpoint_of_the_location() -> None:
    with ScriptedServer(Reply.json(ANSWER)) as server:
        url = f"{server.url.removesuffix('/v1')}/v1/projects/p/locations/l/publishers/google"
        with backbay.connect_sync("vertex:endpoints/123", api_key=TOKEN, base_url=url) as backend:
            backend.complete("Say pong.")
        assert server.requests[0].path == "/v1/projects/p/locations/l/endpoints/123:generateContent"


def test_gemini_embeddings_are_asked_for_in_a_batch_and_older_ones_by_predict(vertex_codec) -> None:
    newer = vertex_codec.encode_embeddings("gemini-embedding-2", ["a", "b"], {})
    assert newer.path == "models/gemini-embedding-2:batchEmbedContents"
    assert [each["content"]["parts"] for each in json.loads(newer.body)["requests"]] == [
        [{"text": "a"}],
        [{"text": "b"}],
    ]
    older = vertex_codec.encode_embeddings("text-embedding-005", ["a"], {"parameters": {"outputDimensionality": 8}})
    assert older.path == "models/text-embedding-005:predict"
    assert json.loads(older.body) == {"instances": [{"content": "a"}], "parameters": {"outputDimensionality": 8}}
    body = {"predictions": [{"embeddings": {"values": [1, 2], "statistics": {"token_count": 3}}}]}
    found = vertex_codec.decode_embeddings(json.dumps(body).encode(), 1)
    assert (found.vectors, found.usage.input) == ([[1.0, 2.0]], 3)
