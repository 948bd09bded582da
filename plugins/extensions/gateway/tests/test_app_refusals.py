"""Each refusal, over a real socket, is the official client's own typed error on all three wires, and tells nothing.

What no official client can send (smuggled lengths, odd targets, half a head) is in ``test_app_guard``.
"""

from __future__ import annotations

import socket
import time

import anthropic
import openai
import pytest

from backbay.testing import Pause, Reply
from backbay_gateway.keys import KeyLimits, KeyRequest

SECRET = "acme-upstream-secret-0123456789"
HI = [{"role": "user", "content": "Hi"}]


class Chat:
    """OpenAI's client, at chat completions."""

    errors, path = openai, "/chat/completions"

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=10)

    def ask(self, *, model="acme:m", messages=HI, **more):
        return self.client.chat.completions.create(model=model, messages=messages, max_tokens=9, **more)


class Responses(Chat):
    """OpenAI's client, at responses."""

    path = "/responses"

    def ask(self, *, model="acme:m", messages=HI, **more):
        return self.client.responses.create(model=model, input=messages, max_output_tokens=9, **more)


class Messages(Chat):
    """Anthropic's client."""

    errors, path = anthropic, "/v1/messages"

    def __init__(self, url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=10)

    def ask(self, *, model="acme:m", messages=HI, **more):
        return self.client.messages.create(model=model, messages=messages, max_tokens=9, **more)


@pytest.fixture(params=[Chat, Responses, Messages])
def client(request):
    """Make a client of each wire: ``client(running)``, with the gateway's key or another."""
    made = []

    def make(running, key=None):
        made.append(request.param(running.url, key or running.key))
        return made[-1]

    yield make
    for each in made:
        each.client.close()


def refused(asked, kind: str, status: int, call) -> str:
    """Return what a refusal says; it must be the library's own error of that name, and have nothing of the upstream."""
    with pytest.raises(getattr(asked.errors, kind)) as caught:
        call()
    error = caught.value
    assert error.status_code == status, error
    assert error.response.headers["x-request-id"].startswith("req_")
    said = f"{error.body} {dict(error.response.headers)}"
    for secret in (SECRET, "Traceback", 'File "', ".py", "127.0.0.1", "localhost"):
        assert secret not in said, said
    return str(error.body)


def test_a_body_that_is_too_large(one, chat, client) -> None:
    running, vendor = one(chat, tables={"server": {"max_body": 4096}})
    asked = client(running)
    kind = "ContentTooLargeError" if asked.errors is anthropic else "APIStatusError"
    messages = [{"role": "user", "content": "x" * 5000}]
    assert "4096" in refused(asked, kind, 413, lambda: asked.ask(messages=messages))
    assert not vendor.requests


def test_a_body_that_is_far_too_large_is_told_while_it_is_still_being_sent(one, chat, client) -> None:
    running, vendor = one(chat, tables={"server": {"max_body": 4096}})
    asked = client(running)
    kind = "ContentTooLargeError" if asked.errors is anthropic else "APIStatusError"
    messages = [{"role": "user", "content": "x" * 30_000_000}]
    refused(asked, kind, 413, lambda: asked.ask(messages=messages))
    assert not vendor.requests


@pytest.mark.parametrize("body", [b'{"model": "acme:m"', b"[1]", b"", b'{"a":' * 70 + b"1" + b"}" * 70, b'{"a": NaN}'])
def test_a_body_that_is_malformed(one, chat, client, body) -> None:
    running, vendor = one(chat)
    asked = client(running)
    send = {"content": body, "cast_to": object, "options": {"headers": {"content-type": "application/json"}}}
    refused(asked, "BadRequestError", 400, lambda: asked.client.post(asked.path, **send))
    assert not vendor.requests


def test_a_wrong_content_type(one, chat, client) -> None:
    running, vendor = one(chat)
    asked = client(running)
    said = refused(
        asked, "APIStatusError", 415, lambda: asked.ask(extra_headers={"content-type": "text/plain", "accept": "*/*"})
    )
    assert "application/json" in said
    assert not vendor.requests


@pytest.mark.parametrize("field", ["temperatur", "api_base"])
def test_an_unknown_field_and_one_that_is_not_for_clients(one, chat, client, field) -> None:
    running, vendor = one(chat, transcode=True)
    asked = client(running)
    assert field in refused(asked, "BadRequestError", 400, lambda: asked.ask(extra_body={field: 1}))
    assert not vendor.requests


def test_an_unknown_model_is_told_with_the_nearest_names(one, chat, client) -> None:
    running, vendor = one(chat, models={"quick": "m"})
    asked = client(running)
    assert "Did you mean quick?" in refused(asked, "NotFoundError", 404, lambda: asked.ask(model="quik"))
    assert not vendor.requests


@pytest.mark.parametrize("state", ["wrong", "expired", "revoked"])
def test_a_key_that_is_wrong_expired_or_revoked(one, chat, client, state) -> None:
    running, vendor = one(chat)
    keys = running.server.gateway.keys
    soon = time.time() + (0.05 if state == "expired" else 600)
    new = running.call(keys.create(KeyRequest(label="x", expires=soon, limits=KeyLimits())))
    if state == "revoked":
        revoke(running, new.key.id)
    time.sleep(0.1)
    asked = client(running, new.text[:-1] + ("A" if new.text[-1] != "A" else "B") if state == "wrong" else new.text)
    said = refused(asked, "AuthenticationError", 401, asked.ask)
    assert "Incorrect API key provided." in said
    assert (state in said) == (state != "wrong")
    assert not vendor.requests


def revoke(running, key_id: str) -> None:
    from backbay_gateway.keys import registry
    from backbay_gateway.keys.database import Database

    store = Database(f"sqlite:///{running.server.gateway.keys.name}")
    with store.transaction() as connection:
        registry.revoke(connection, key_id, time.time())
    store.close()


def test_a_model_that_is_not_for_the_key(one, chat, client) -> None:
    running, vendor = one(chat)
    new = running.call(running.server.gateway.keys.create(KeyRequest(label="x", models=["other:*"])))
    asked = client(running, new.text)
    refused(asked, "PermissionDeniedError", 403, asked.ask)
    assert not vendor.requests


@pytest.mark.parametrize(
    ("limits", "waits"),
    [({"budget_tokens": 2}, False), ({"requests": 0}, False), ({"requests": 1}, True), ({"tokens": 4}, False)],
    ids=str,
)
def test_a_limit_of_the_key_that_is_reached(one, chat, client, limits, waits) -> None:
    running, vendor = one(chat, wire="openai_chat")
    new = running.call(running.server.gateway.keys.create(KeyRequest(label="x", limits=KeyLimits(**limits))))
    asked = client(running, new.text)
    if waits:
        asked.ask()
    before = len(vendor.requests)
    with pytest.raises(asked.errors.RateLimitError) as caught:
        asked.ask()
    assert ("retry-after" in caught.value.response.headers) == waits
    assert len(vendor.requests) == before


def test_an_upstream_that_is_dead(gateway, client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    upstream = {"vendor": "acme", "base_url": f"http://127.0.0.1:{port}/v1"}
    running = gateway(upstreams=[upstream], routing={"retries": 0, "breaker_failures": 1, "health_interval": 3600})
    asked = client(running)
    # Anthropic's own libraries know no 502, and take 529 for one that may be better in a moment.
    said = refused(asked, "InternalServerError", 529 if asked.errors is anthropic else 502, asked.ask)
    assert str(port) not in said
    # Now it is left out, and that is told at once, with the time after which to come back.
    with pytest.raises(asked.errors.InternalServerError) as caught:
        asked.ask()
    assert caught.value.status_code >= 503
    assert int(caught.value.response.headers["retry-after"]) >= 1


def test_an_upstream_that_does_not_take_the_gateways_own_key(one, client) -> None:
    running, _ = one(Reply.json({"error": {"message": f"Bad key {SECRET} at http://127.0.0.1:1/"}}, status=401))
    asked = client(running)
    refused(asked, "InternalServerError", 500 if asked.errors is anthropic else 502, asked.ask)


def test_an_upstream_that_is_silent_for_too_long(one, client) -> None:
    running, _ = one(
        Reply(headers={"content-type": "application/json"}, steps=[Pause(20)]), limits={"first_event": 0.3}
    )
    asked = client(running)
    refused(asked, "InternalServerError", 504, asked.ask)


def test_more_requests_than_a_worker_answers(one, chat, client) -> None:
    running, _ = one(
        Reply(headers={"content-type": "application/json"}, steps=[Pause(20)]), tables={"server": {"max_streams": 1}}
    )
    asked = client(running)
    with socket.create_connection(("127.0.0.1", running.port)) as first:
        body = b'{"model": "acme:m", "messages": []}'
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {running.key}\r\n"
        first.sendall(
            head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        running.until(lambda: running.live == 1)
        with pytest.raises(asked.errors.InternalServerError) as caught:
            asked.ask()
        assert caught.value.status_code in (503, 529)
    running.until(lambda: running.live == 0)


def test_a_version_of_anthropics_api_that_there_is_not(one, chat) -> None:
    running, vendor = one(chat)
    asked = Messages(running.url, running.key)
    headers = {"anthropic-version": "1999-01-01"}
    assert "1999-01-01" in refused(asked, "BadRequestError", 400, lambda: asked.ask(extra_headers=headers))
    asked.client.close()
    assert not vendor.requests


def test_an_address_and_a_method_that_there_are_not(one, chat, client) -> None:
    running, _ = one(chat)
    asked = client(running)
    refused(asked, "NotFoundError", 404, lambda: asked.client.post("/v1/nothing", cast_to=object, body={}))
    refused(asked, "APIStatusError", 405, lambda: asked.client.get(asked.path, cast_to=object))
