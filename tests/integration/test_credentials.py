"""Keys: found or missed before any connection, sent as they are, and never shown."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pydantic
import pytest

import backbay
from backbay.testing import Reply, ScriptedServer

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
BAD = {
    "a line end": "sk-hidden-part\nxyz",
    "a line end at the end": "sk-hidden-part\r\n",
    "a character outside ASCII": "sk-hidden-pärt",
    "white space": "sk-hidden part",
    "a control character": "sk-hidden\x00part",
}


def said(error):
    """Whatever an error says of itself."""
    return "\n".join([str(error), repr(error), repr(vars(error)), "".join(error.args)])


def everything(error):
    """Also the local variables that an error tracker prints; the tests' own apart."""
    chain, shown = traceback.TracebackException.from_exception(error, capture_locals=True), [said(error)]
    while chain is not None:
        shown += [f"{frame.name}: {frame.locals}" for frame in chain.stack if "tests" not in frame.filename]
        chain = chain.__cause__ or chain.__context__
    return "\n".join(shown)


@pytest.mark.parametrize("variable", [None, "", "   "])
def test_a_missing_key_names_the_variable_before_any_connection_u15(chat, monkeypatch, variable):
    if variable is not None:
        monkeypatch.setenv("OPENAI_API_KEY", variable)
    with ScriptedServer(chat.answer()) as server:
        with pytest.raises(backbay.MissingCredentialError) as caught:
            backbay.connect("openai:m", base_url=server.url)
    assert "OPENAI_API_KEY" in str(caught.value)
    assert (server.connections, caught.value.attempts) == (0, 0)


def test_the_key_of_the_environment_is_used_and_the_callers_own_wins_u15_a8(chat, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    with ScriptedServer(chat.answer()) as server:
        asyncio.run(backbay.connect("openai:m", base_url=server.url).complete("hi"))
        asyncio.run(backbay.connect("openai:m", base_url=server.url, api_key="sk-mine").complete("hi"))
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer sk-from-environment", "Bearer sk-mine"]


def test_a_secret_str_and_a_secret_are_the_same_on_the_wire_as_a_str_m1(chat, key):
    with ScriptedServer(chat.answer()) as server:
        for given in (key, pydantic.SecretStr(key), backbay.Secret(key)):
            asyncio.run(backbay.connect("openai:m", base_url=server.url, api_key=given).complete("hi"))
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {key}"}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("wrap", [str, pydantic.SecretStr])
@pytest.mark.parametrize("face", ["connect", "connect_sync"])
def test_a_key_that_no_header_may_have_is_refused_before_any_connection_and_never_printed(chat, name, wrap, face):
    with ScriptedServer(chat.answer()) as server:
        with pytest.raises(backbay.InvalidCredentialError) as caught:
            getattr(backbay, face)("openai:m", base_url=server.url, api_key=wrap(BAD[name]))
    assert "hidden" not in everything(caught.value)
    assert name.removesuffix(" at the end") in str(caught.value)
    assert server.connections == 0


MISPLACED = {
    "as the address": {"base_url": "sk-hidden-part"},
    "the password in the address": {"base_url": "https://user:sk-hidden-part@example.com/v1"},
    "the password in an address that cannot be split": {"base_url": "https://user:sk-hidden-part@exam\u2100ple.com"},
    "the user of an address of another scheme": {"base_url": "ftp://sk-hidden-part@example.com"},
    "the path of an address without a host": {"base_url": "https:///sk-hidden-part"},
    "the query of the address": {"base_url": "https://example.com/v1?key=sk-hidden-part"},
    "the fragment of the address": {"base_url": "https://example.com/v1#sk-hidden-part"},
    "a header with a line end": {"headers": {"x-key": "sk-hidden-part\n"}},
    "the key's own header": {"headers": {"Authorization": "Bearer sk-hidden-part"}},
}


@pytest.mark.parametrize("where", MISPLACED)
@pytest.mark.parametrize("face", ["connect", "connect_sync"])
def test_a_key_in_the_wrong_place_is_refused_and_never_printed(where, face):
    """Neither by the error nor by the local variables of its traceback."""
    with pytest.raises(backbay.ConfigurationError) as caught:
        getattr(backbay, face)("openai:m", **{"api_key": "sk-another", **MISPLACED[where]})
    assert "hidden" not in everything(caught.value)
    assert "sk-another" not in everything(caught.value)


def test_a_key_in_the_variable_of_the_address_is_never_printed(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "sk-hidden-part")
    with pytest.raises(backbay.ConfigurationError, match="is no base URL") as caught:
        backbay.connect("openai:m", api_key="sk-another")
    assert "hidden" not in everything(caught.value)


@pytest.mark.parametrize("name", ["a line end", "a character outside ASCII"])
def test_a_bad_key_in_the_environment_is_refused_by_the_variables_name_and_never_printed(monkeypatch, name):
    monkeypatch.setenv("OPENAI_API_KEY", BAD[name])
    with pytest.raises(backbay.InvalidCredentialError) as caught:
        backbay.connect("openai:m")
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "hidden" not in everything(caught.value)


def test_a_key_is_not_in_any_representation_m1(key):
    backend = backbay.connect("openai:m", api_key=key)
    face = backbay.connect_sync("openai:m", api_key=key)
    secret = backend.settings.api_key
    shown = [repr(x) + str(x) for x in (backend, face, secret, backend.settings, vars(backend), backend.stream("hi"))]
    assert key not in "".join([*shown, f"{secret}", backend.id])


def echoes(key):
    """What a server may say that has the key in it."""
    where = {"content-type": "application/json", "x-request-id": f"r-{key}"}
    plain = {"error": {"message": f"Incorrect key {key} (Bearer {key})", "code": key, "type": key}}
    return {
        "401": Reply.json(plain, status=401, headers=where),
        "plain text": Reply(status=500, steps=[f"Bearer {key}".encode()], headers=where),
        "at the cut of the message": Reply.json({"error": "x" * 485 + key}, status=400),
        "at the cut of the body": Reply(status=400, steps=[b"x" * 1985 + key.encode()]),
        "in a 200": Reply.json(plain, headers=where),
        "an HTML page": Reply(steps=[f"<html>{key}</html>".encode()], headers=where),
        "an HTML page cut": Reply(steps=[b"<html>" + b"x" * 1980 + key.encode()]),
        "no JSON": Reply(steps=[b"{" + key.encode()], headers=where),
        "a redirect": Reply(status=302, headers={"location": f"http://127.0.0.1:1/?key={key}"}),
        "not HTTP": Reply(framing="raw", steps=[key.encode() + b"\r\n\r\n"], end="close"),
    }


@pytest.mark.parametrize("how", ["complete", "stream", "list_models", "embed", "health"])
@pytest.mark.parametrize("name", echoes(""))
def test_a_key_that_the_server_echoes_is_in_no_error_and_no_log_m1(connect, key, caplog, how, name):
    async def call(backend):
        if how == "stream":
            return await backend.stream("hi").collect()
        return await (getattr(backend, how)() if how in ("list_models", "health") else getattr(backend, how)("hi"))

    with caplog.at_level(logging.DEBUG, "backbay"), ScriptedServer(echoes(key)[name]) as server:
        try:
            shown = repr(asyncio.run(call(connect(server))))
            assert how == "health"
        except backbay.BackbayError as error:
            shown = said(error)
    assert key not in shown
    assert key[:14] not in shown
    assert key not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("backbay"))


@BOTH
def test_a_key_that_a_stream_echoes_in_an_error_object_is_taken_out(ask, chat, key, how):
    reply = Reply.events(chat.delta(content="x"), {"error": {"message": f"no {key}", "code": key}})
    assert key not in said(ask(reply, how).error)


@pytest.mark.parametrize("transport", [None, "aiohttp", "httpx", "httpx2"])
@pytest.mark.parametrize("server", ["dead", "resets", "401", "stalls"])
def test_no_local_variable_that_a_traceback_may_show_has_the_key_m1(chat, key, transport, server):
    replies = {
        "resets": Reply(framing="raw", end="reset"),
        "401": Reply.json({}, status=401),
        "stalls": Reply(steps=[b"data:", *[b" "] * 3, backbay.testing.Pause(5)]),
    }

    async def main(url):
        client = __import__(transport).AsyncClient(trust_env=False) if transport in ("httpx", "httpx2") else None
        backend = backbay.connect("openai:m", base_url=url, api_key=key, retries=0, transport=client or transport)
        try:
            await backend.complete("hi", limits={"total": 0.3})
        finally:
            await backend.aclose()
            if client is not None:
                await client.aclose()

    with ScriptedServer(replies.get(server, chat.answer())) as scripted:
        url = scripted.url if server in replies else "http://127.0.0.1:9/v1"
        with pytest.raises(backbay.BackbayError) as caught:
            asyncio.run(main(url))
    assert key not in everything(caught.value)
