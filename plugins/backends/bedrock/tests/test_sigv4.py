"""Requests are signed as AWS checks them, with credentials that botocore finds and that no error shows."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.util
import threading
import time
from typing import Any

import botocore.auth
import botocore.credentials
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest

import backbay_bedrock
from backbay import AuthenticationError, BackbayError, ConfigurationError, MissingCredentialError, connect
from backbay.testing import Reply, ScriptedServer
from backbay_bedrock.sigv4 import SigV4Authorizer

ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ANSWER = b'{"output":{"message":{"role":"assistant","content":[{"text":"pong"}]}},"stopReason":"end_turn"}'
NOW = dt.datetime(2026, 10, 11, 12, 0, 0, tzinfo=dt.UTC)


def answer() -> Reply:
    return Reply(headers={"content-type": "application/json"}, steps=[ANSWER])


def ask(url: str, model: str = ARN, **config: Any) -> str:
    async def once() -> str:
        settings = {"base_url": url, "region": "us-east-1", "retries": 0, **config}
        async with connect(f"bedrock:{model}", **settings) as backend:
            return (await backend.complete("Say pong. 🌍")).text

    return asyncio.run(once())


@pytest.mark.parametrize("transport", [None, "aiohttp"])
@pytest.mark.parametrize("model", [ARN, "us.amazon.nova-2-lite-v1:0", "amazon.titan-text-lite-v1"])
def test_a_signature_is_the_one_that_aws_computes(credentials, signature_of, model: str, transport: str | None) -> None:
    with ScriptedServer(answer()) as server:
        assert ask(server.url, model, transport=transport) == "pong"
        [request] = server.requests
    assert request.headers["authorization"] == signature_of(request, "bedrock")
    assert request.headers["x-amz-security-token"] == credentials[1]
    assert "x-amz-security-token" in request.headers["authorization"], "the token is not signed"


@pytest.mark.usefixtures("credentials")
def test_a_signature_is_botocores_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: NOW.replace(tzinfo=None))
    with ScriptedServer(answer()) as server:
        ask(server.url)
        [request] = server.requests
        theirs = AWSRequest(
            method="POST",
            url=f"http://{request.headers['host']}{request.path}",
            data=request.body,
            headers={"content-type": request.headers["content-type"]},
        )
        found = botocore.session.Session().get_credentials()
        botocore.auth.SigV4Auth(found.get_frozen_credentials(), "bedrock", "us-east-1").add_auth(theirs)
    assert request.headers["x-amz-date"] == "20261011T120000Z"
    assert request.headers["authorization"] == theirs.headers["Authorization"]


@pytest.mark.usefixtures("credentials")
def test_the_path_is_that_of_awss_own_client(signature_of) -> None:
    with ScriptedServer(answer()) as server:
        ask(server.url)
        client = botocore.session.Session().create_client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=server.url
        )
        client.converse(modelId=ARN, messages=[{"role": "user", "content": [{"text": "Say pong."}]}])
        ours, theirs = server.requests
    assert ours.path == theirs.path
    assert theirs.headers["authorization"] == signature_of(theirs, "bedrock"), "the check itself is wrong"


@pytest.mark.usefixtures("credentials")
def test_the_openai_wires_are_signed_for_the_other_service(signature_of) -> None:
    body = b'{"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"pong"},'
    reply = Reply(headers={"content-type": "application/json"}, steps=[body + b'"finish_reason":"stop"}]}'])
    with ScriptedServer(reply) as server:
        assert ask(server.url, "openai.gpt-oss-20b", wire="openai_chat") == "pong"
        [request] = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == signature_of(request, "bedrock-mantle")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("wire", "url", "scope"),
    [
        ("bedrock_converse", "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse", "eu-west-1/bedrock"),
        ("openai_chat", "https://bedrock-mantle.us-west-2.api.aws/v1/models", "us-west-2/bedrock-mantle"),
        ("openai_chat", "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/models", "us-west-2/bedrock"),
        ("bedrock_converse", "https://bedrock.cn-north-1.amazonaws.com.cn/foundation-models", "cn-north-1/bedrock"),
        ("bedrock_invoke", "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/x", "us-east-1/bedrock"),
    ],
)
def test_awss_own_host_says_what_a_signature_is_for(wire: str, url: str, scope: str) -> None:
    authorizer = SigV4Authorizer(backbay_bedrock.spec.on_wire(wire), {})
    signed = asyncio.run(authorizer.headers("GET", url, {}, b""))
    assert f"/{scope}/aws4_request" in signed["authorization"]


def test_a_key_does_without_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-acme")
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with ScriptedServer(answer()) as server:
        assert ask(server.url) == "pong"
        assert server.requests[0].headers["authorization"] == "Bearer bedrock-api-key-acme"


def test_without_key_and_library_connecting_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(MissingCredentialError, match="botocore") as caught:
        connect("bedrock:m", region="us-east-1")
    assert "AWS_BEARER_TOKEN_BEDROCK" in str(caught.value)
    assert "backbay-bedrock[sigv4]" in str(caught.value)


@pytest.mark.parametrize("config", [{}, {"profile": "acme"}])
def test_without_credentials_nothing_is_sent(config: dict[str, Any]) -> None:
    with ScriptedServer(answer()) as server:
        with pytest.raises(MissingCredentialError, match="AWS_BEARER_TOKEN_BEDROCK"):
            ask(server.url, **config)
        assert server.connections == 0


@pytest.mark.usefixtures("credentials")
def test_without_a_region_nothing_is_sent() -> None:
    with ScriptedServer(answer()) as server:
        with pytest.raises(ConfigurationError, match="AWS_REGION"):
            ask(server.url, region=None)
        assert server.connections == 0


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.usefixtures("credentials")
def test_the_region_may_come_from_a_variable(monkeypatch: pytest.MonkeyPatch, signature_of, variable: str) -> None:
    monkeypatch.setenv(variable, "eu-west-1")
    with ScriptedServer(answer()) as server:
        ask(server.url, region=None)
        [request] = server.requests
    assert request.headers["authorization"] == signature_of(request, "bedrock", "eu-west-1")


def test_a_profile_is_asked_for_its_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    lines = "[acme]\naws_access_key_id = AKIDACME\naws_secret_access_key = acmeacmeacme\n"
    (tmp_path / "credentials").write_text(lines)
    with ScriptedServer(answer()) as server:
        ask(server.url, profile="acme")
        assert "Credential=AKIDACME/" in server.requests[0].headers["authorization"]
    with pytest.raises(ConfigurationError, match="profile is a int"):
        connect("bedrock:m", region="us-east-1", profile=7)


def test_neither_the_secret_nor_the_token_is_in_an_error(credentials) -> None:
    body = f'{{"message":"The string to sign had {credentials[1]} and {credentials[0]}"}}'.encode()
    reply = Reply(status=403, headers={"x-amzn-errortype": "InvalidSignatureException"}, steps=[body])
    with ScriptedServer(reply) as server, pytest.raises(AuthenticationError) as caught:
        ask(server.url)
    shown = f"{caught.value} {caught.value!r} {caught.value.body} {caught.value.message}"
    assert "The string to sign" in shown
    assert not any(secret in shown for secret in credentials)


def test_credentials_are_renewed_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def renewed() -> dict[str, str]:
        threads.append(threading.get_ident())
        time.sleep(0.3)
        later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        return {"access_key": "AKIDNEW", "secret_key": "s" * 20, "token": "t" * 20, "expiry_time": later.isoformat()}

    old = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    stale = botocore.credentials.RefreshableCredentials("AKIDOLD", "o" * 20, "p" * 20, old, renewed, "test")
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _: stale)

    async def law(url: str) -> int:
        ticks = 0
        async with connect("bedrock:m", base_url=url, region="us-east-1") as backend:
            calls = asyncio.gather(*(backend.complete("Say pong.") for _ in range(3)))
            while not calls.done():
                ticks += 1
                await asyncio.sleep(0.01)
            await calls
        return ticks

    with ScriptedServer(answer()) as server:
        assert asyncio.run(law(server.url)) > 10, "the event loop stood still"
        assert all("Credential=AKIDNEW/" in request.headers["authorization"] for request in server.requests)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_credentials_that_cannot_be_renewed_are_an_error_without_words_of_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(_: object) -> None:
        raise botocore.exceptions.CredentialRetrievalError(provider="sso", error_msg="the token has expired")

    monkeypatch.setattr(botocore.session.Session, "get_credentials", failing)
    with ScriptedServer(answer()) as server:
        with pytest.raises(BackbayError, match="the token has expired") as caught:
            ask(server.url)
        assert server.connections == 0
    assert isinstance(caught.value, AuthenticationError)
    assert caught.value.__cause__ is None
