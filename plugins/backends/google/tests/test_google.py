"""What is true of the Gemini API: its key, its errors, its lists, and the wire that it offers beside its own."""

from __future__ import annotations

import json

import pytest

import backbay
from backbay.http.statuses import response_error
from backbay.testing import Reply, ScriptedServer


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def error_of(codec, status: int, word: str, *details: dict) -> backbay.errors.ResponseError:
    body = json.dumps({"error": {"code": status, "message": "no", "status": word, "details": list(details)}}).encode()
    return response_error(status, {}, body, codec.error(status, {}, body), redact=str)


def test_the_first_of_the_key_variables_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "second-key")
    monkeypatch.setenv("GOOGLE_API_KEY", "first-key")
    listed = {"models": [{"name": "models/gemini-3.5-flash", "inputTokenLimit": 1048576, "outputTokenLimit": 65536}]}
    pages = [Reply.json({**listed, "nextPageToken": "a/b="}), Reply.json({"models": [{"name": "models/x"}]})]
    with ScriptedServer(pages) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url.removesuffix("/v1"))
        with backbay.connect_sync("google") as backend:
            first, second = backend.list_models()
    assert (first.id, first.context_window, first.max_output_tokens) == ("gemini-3.5-flash", 1048576, 65536)
    assert second.id == "x"
    assert [request.path for request in server.requests] == ["/v1beta/models", "/v1beta/models?pageToken=a%2Fb%3D"]
    assert {request.headers["x-goog-api-key"] for request in server.requests} == {"first-key"}


def test_without_a_key_the_error_names_the_variables() -> None:
    """U15."""
    with pytest.raises(backbay.MissingCredentialError, match="GOOGLE_API_KEY or GEMINI_API_KEY"):
        backbay.connect("google:gemini-3.5-flash")


def test_the_compatible_wire_has_its_own_address_and_a_bearer(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = backbay.connect("google:gemini-3.5-flash", api_key="key-123456", wire="openai_chat")
    assert backend.base_url == "https://generativelanguage.googleapis.com/v1beta/openai"
    choice = {"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}
    with ScriptedServer(Reply.json({"choices": [choice]})) as server:
        url = server.url.removesuffix("/v1")
        with backbay.connect_sync("google:m", api_key="key-123456", wire="openai_chat", base_url=url) as connected:
            assert connected.complete("Say pong.").text == "pong"
    assert server.requests[0].path == "/v1beta/openai/chat/completions"
    assert server.requests[0].headers["authorization"] == "Bearer key-123456"


def test_a_bad_key_is_told_although_it_is_a_400(codec) -> None:
    """M4."""
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = error_of(codec, 400, "INVALID_ARGUMENT", reason)
    assert isinstance(error, backbay.AuthenticationError)
    assert not error.retryable
    assert type(error_of(codec, 400, "INVALID_ARGUMENT")) is backbay.errors.BadRequestError


@pytest.mark.parametrize(
    ("quota", "kind", "retryable"),
    [
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", backbay.errors.QuotaExceededError, False),
        ("GenerateContentInputTokensPerModelPerMinute-FreeTier", backbay.errors.RateLimitError, True),
    ],
)
def test_a_quota_of_a_day_is_told_from_a_rate(codec, quota: str, kind: type, retryable: bool) -> None:
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}
    error = error_of(codec, 429, "RESOURCE_EXHAUSTED", failure)
    assert type(error) is kind
    assert error.retryable is retryable


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"error": "x"}', b'[{"error": {"details": [3]}}]'])
def test_any_bytes_are_an_error_of_some_kind(codec, body: bytes) -> None:
    """M5."""
    assert codec.error(500, {}, body).kind is None


def test_an_error_in_a_stream_says_how_long_to_wait(codec) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"}
    error = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [info]}}
    with pytest.raises(backbay.errors.RateLimitError) as caught:
        codec.decode(json.dumps(error).encode())
    assert caught.value.retry_after == 37.5


def test_embeddings_are_asked_for_in_one_batch(codec) -> None:
    sent = codec.encode_embeddings("gemini-embedding-001", ["a", "b"], {"outputDimensionality": 2})
    assert sent.path == "models/gemini-embedding-001:batchEmbedContents"
    assert json.loads(sent.body)["requests"][1] == {
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "b"}]},
        "outputDimensionality": 2,
    }
    with pytest.raises(backbay.OptionConflictError):
        codec.encode_embeddings("gemini-embedding-001", ["a"], {"model": "other"})


@pytest.mark.parametrize("body", [b'{"totalTokens": "3"}', b"{}", b'{"totalTokens": true}', b"[]"])
def test_what_is_no_count_is_a_decode_error(codec, body: bytes) -> None:
    with pytest.raises(backbay.DecodeError):
        codec.decode_count(body)
    assert codec.decode_count(b'{"totalTokens": 3}') == 3
