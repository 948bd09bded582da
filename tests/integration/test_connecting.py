"""From a name to a backend: what is refused, and what the errors say. No connection is ever made."""

from __future__ import annotations

import asyncio

import pytest

import backbay
from backbay.testing import ScriptedServer


@pytest.mark.parametrize(("name", "nearest"), [("opnai", "openai"), ("llamacp", "llamacpp"), ("OpenAI", "openai")])
def test_an_unknown_name_names_the_nearest_a5(name, nearest):
    with pytest.raises(backbay.UnknownBackendError) as caught:
        backbay.connect(f"{name}:m")
    assert nearest in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_an_unknown_name_names_those_that_are_there_a5():
    with pytest.raises(backbay.UnknownBackendError) as caught:
        backbay.connect("zzzzzz:m")
    assert all(name in str(caught.value) for name in backbay.names())


@pytest.mark.parametrize("reference", ["", ":m", "open ai:m", "@x:m", None, 5])
def test_a_reference_that_is_no_name_is_a_typed_error(reference):
    with pytest.raises(backbay.BackbayError):
        backbay.connect(reference)


def test_a_model_may_have_colons_and_slashes_of_its_own(chat, key):
    with ScriptedServer(chat.answer()) as server:
        for model in ("llama3:8b", "org/model:free", "a@b"):
            asyncio.run(backbay.connect(f"openai:{model}", base_url=server.url, api_key=key).complete("hi"))
    assert [request.json["model"] for request in server.requests] == ["llama3:8b", "org/model:free", "a@b"]


def test_an_unknown_argument_is_refused_with_the_nearest_name(key):
    with pytest.raises(backbay.ConfigurationError, match="retries"):
        backbay.connect("openai:m", api_key=key, retry=3)
    with pytest.raises(backbay.ConfigurationError, match="strict_schema"):
        backbay.connect("openai:m", api_key=key, zzzzz=3)


@pytest.mark.parametrize(
    "url",
    [
        "api.example.com/v1",
        "ftp://127.0.0.1/v1",
        "http://",
        "http:///v1",
        "http://[::1",
        "http://127.0.0.1:notaport/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1:0/v1",
        "http://127.0.0.1/v 1",
        "http://127.0.0.1/v1\r\nx: y",
        "http://user:secretword@127.0.0.1/v1",
        "http://127.0.0.1/v1?key=secretword",
        "ftp://127.0.0.1/v1?key=secretword",
        "http://127.0.0.1/v1#part",
        5,
    ],
)
def test_a_wrong_base_url_is_one_typed_error_that_shows_no_password(key, url):
    with pytest.raises(backbay.ConfigurationError) as caught:
        backbay.connect("openai:m", api_key=key, base_url=url)
    assert "secretword" not in str(caught.value)
    assert caught.value.attempts == 0


@pytest.mark.parametrize("host", ["10.0.0.1", "example.com", "0.0.0.0", "localhost.example.com", "[fe80::1]"])
def test_http_to_another_machine_is_refused_unless_it_is_allowed(key, host):
    with pytest.raises(backbay.ConfigurationError, match="allow_insecure_http"):
        backbay.connect("openai:m", api_key=key, base_url=f"http://{host}/v1")
    backbay.connect("openai:m", api_key=key, base_url=f"http://{host}/v1", allow_insecure_http=True)
    backbay.connect("openai:m", api_key=key, base_url=f"https://{host}/v1")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "x.localhost"])
def test_http_to_this_machine_is_fine(key, host):
    assert backbay.connect("openai:m", api_key=key, base_url=f"http://{host}:1/v1").base_url == f"http://{host}:1/v1"


def test_a_wire_that_the_vendor_does_not_speak_is_refused_with_those_that_it_does_u6(key):
    with pytest.raises(backbay.ConfigurationError, match="openai_chat"):
        backbay.connect("openai:m", api_key=key, wire="anthropic_messages")
    assert backbay.connect("openai:m", api_key=key, wire="openai_chat").model == "m"


@pytest.mark.parametrize(
    "config",
    [
        {"headers": "x"},
        {"headers": {"Authorization": "Bearer y"}},
        {"headers": {"x-a": "b\r\nc: d"}},
        {"headers": {"x-a": "ü"}},
        {"headers": {"bad name\n": "b"}},
        {"max_tokens_field": "max_toks"},
        {"strict_schema": "yes"},
        {"defaults": 5},
        {"capabilities": {"tools": "maybe"}},
        {"capabilities": {"juggling": "full"}},
        {"capabilities": 5},
    ],
)
def test_a_wrong_setting_is_one_typed_error(key, config):
    with pytest.raises(backbay.ConfigurationError):
        backbay.connect("openai:m", api_key=key, **config)


def test_headers_of_the_caller_are_sent(chat, key):
    with ScriptedServer(chat.answer()) as server:
        headers = {"X-Team": "blue", "User-Agent": "mine/1"}
        asyncio.run(backbay.connect("openai:m", base_url=server.url, api_key=key, headers=headers).complete("hi"))
    assert (server.requests[0].headers["x-team"], server.requests[0].headers["user-agent"]) == ("blue", "mine/1")


def test_headers_of_the_environment_are_sent(chat, key, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    with ScriptedServer(chat.answer()) as server:
        asyncio.run(backbay.connect("openai:m", base_url=server.url, api_key=key).complete("hi"))
    assert server.requests[0].headers["openai-organization"] == "org-1"


def test_connecting_makes_no_connection(chat, key):
    with ScriptedServer(chat.answer()) as server:
        backend = backbay.connect("openai:m", base_url=server.url, api_key=key)
        backend.stream("hi")
        backend.with_options(temperature=0)
        assert backend.capabilities()["tools"] == "full"
        asyncio.run(backend.aclose())
    assert server.connections == 0
    assert backend.id == f"openai:{server.url}"


def test_manual_is_there_and_refuses_every_call_a4():
    backend = backbay.connect("manual")
    for call in (backend.complete("hi", model="m"), backend.list_models(), backend.embed("x")):
        with pytest.raises(backbay.UnsupportedError):
            asyncio.run(call)
    for argument in ({"base_url": "http://127.0.0.1:1"}, {"wire": "openai_chat"}, {"transport": "aiohttp"}):
        with pytest.raises(backbay.ConfigurationError):
            backbay.connect("manual", **argument)
