"""The authorisation code flow against a real server, with and without a real browser, and with everything wrong."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import traceback
from urllib.parse import urlencode

import pytest

import backbay
from backbay.errors import (
    AuthenticationError,
    BackbayError,
    ConfigurationError,
    DecodeError,
    LimitExceededError,
    ServerError,
)
from backbay_connect import KeyStore, sign_in, sign_out


@pytest.fixture
def connect(authority, acme, keyring):
    def run(visit, limit=5.0, **changes):
        return sign_in("acme", lambda prompt: visit(prompt.address), clients=[authority.client(**changes)], limit=limit)

    return run


@pytest.fixture
def answering(authority, get, in_thread):
    """Agree, and then do with the callback's address what the test says."""

    def make(use, click="allow"):
        return lambda address: in_thread(lambda: use(authority.consent(address, click=click)))

    return make


def test_a_browser_walks_the_consent_page_and_core_finds_the_token(authority, acme, keyring, browser, canary):
    addresses = []
    done = []
    waiting = threading.Event()

    def ask(prompt):
        addresses.append(prompt.address)
        waiting.set()

    worker = threading.Thread(target=lambda: done.append(sign_in("acme", ask, clients=[authority.client()], limit=20)))
    worker.start()
    assert waiting.wait(5)
    browser.goto(addresses[0])
    with browser.expect_navigation():
        browser.click("text=Allow")
    worker.join(10)
    shown = browser.content()
    assert "You can close this window" in shown
    assert canary not in shown
    [signed_in] = done
    assert (signed_in.saved.source, signed_in.scope, signed_in.renews) == ("keyring:acme", "inference", True)
    bound = backbay.connect("acme:tiny")
    assert bound.settings.api_key.reveal() == authority.tokens[0].access_token
    assert bound.spec.auth_header == "Authorization"  # RFC 6750, though the vendor's keys go elsewhere


def test_the_command_connects_and_disconnects(authority, cli, tmp_path, toml, browser, canary):  # noqa: PLR0917
    (tmp_path / "oauth-clients.toml").write_text(toml(authority.client()))
    process = cli("connect", "acme", "--file", "--no-browser", "--json", "--limit-total", "20", wait=False)
    seen = ""
    with process:
        while not (found := re.search(r"http://\S+", seen)):
            line = process.stderr.readline()
            assert line, seen
            seen += line
        browser.goto(found[0])
        with browser.expect_navigation():
            browser.click("text=Allow")
        out, rest = process.communicate(timeout=20)
    assert process.returncode == 0, rest
    assert json.loads(out)["connected"]["source"] == "keyfile:acme"
    listed = cli("keys", "list", "--json")
    assert [(each["name"], each["kind"], each["used"]) for each in json.loads(listed.stdout)["keys"]] == [
        ("acme", "oauth", True)
    ]
    gone = cli("disconnect", "acme")
    assert gone.returncode == 0
    assert "took its tokens back" in gone.stderr
    assert [token.revoked for token in authority.tokens] == [True]
    assert canary not in seen + rest + out + listed.stdout + gone.stderr + gone.stdout


def test_the_request_has_pkce_with_s256_a_state_and_a_redirect_to_this_machine(connect, answering, get, query):
    asked = []
    visit = answering(get)
    connect(lambda address: (asked.append(query(address)), visit(address)))
    [sent] = asked
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["code_challenge"]) == len(sent["state"]) == 43
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", sent["redirect_uri"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url, get: get(re.sub(r"state=[^&]+", "state=wrong", url)),
        lambda url, get: get(re.sub(r"&?state=[^&]+", "", url)),
        lambda url, get: get(url, host="evil.example"),
        lambda url, get: get(url, host="localhost:" + url.split(":")[2].split("/")[0]),
        lambda url, get: get(url.replace("/callback", "/elsewhere")),
        lambda url, get: get(url + "&code=another"),
        lambda url, get: get(url, method="POST"),
        lambda url, get: get(url + "&error=both"),
    ],
    ids=["wrong-state", "no-state", "other-host", "other-name", "other-path", "two-codes", "post", "code-and-error"],
)
def test_an_invalid_callback_gets_a_page_that_says_nothing_and_the_waiting_goes_on(
    connect, answering, get, spoil, canary
):
    """A7's neighbours; row 167 of the fault catalogue."""
    seen = []

    def use(url):
        seen.append(spoil(url, get))
        seen.append(get(url))

    assert connect(answering(use)).saved.name == "acme"
    (status, headers, page), (right, _, last) = seen
    assert (status, right) == (400, 200)
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert canary not in page + last


def test_the_port_is_closed_after_one_valid_callback(connect, answering, get):
    outcomes = []

    def use(url):
        outcomes.append(get(url)[0])
        try:
            outcomes.append(get(url)[0])
        except OSError:
            outcomes.append("closed")

    connect(answering(use))
    assert outcomes in ([200, "closed"], [200, 400])


def test_an_answer_of_another_server_is_refused(authority, connect, answering, get):
    authority.issuer = "https://mallory.example"
    with pytest.raises(AuthenticationError) as caught:
        connect(answering(get))
    assert caught.value.code == "issuer_mismatch"
    assert authority.count("authorization_code") == 0


def test_a_person_who_refuses_is_an_error_with_the_vendors_code(connect, answering, get):
    with pytest.raises(AuthenticationError) as caught:
        connect(answering(get, click="deny"))
    assert caught.value.code == "access_denied"
    assert KeyStore().entries() == []


def test_a_code_that_was_used_already_is_refused(authority, connect, answering, get, canary):
    def use(url):
        authority.codes.clear()  # as if somebody had been faster
        get(url)

    with pytest.raises(AuthenticationError) as caught:
        connect(answering(use))
    assert caught.value.code == "invalid_grant"
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert f"{canary}-code" not in told
    assert canary not in repr(caught.value) + str(vars(caught.value))


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ((200, "text/html", "<html>Sign in to the wifi</html>"), DecodeError),
        ((302, "text/html", ""), DecodeError),
        ((200, "application/json", '{"token_type": "Bearer"}'), DecodeError),
        ((200, "application/json", '["access_token"]'), DecodeError),
        ((503, "text/html", "busy"), ServerError),
        ((400, "application/json", '{"error": "invalid_client"}'), AuthenticationError),
        ((200, "application/json", '{"access_token": "a b", "token_type": "bearer"}'), ConfigurationError),
        ((200, "application/json", '{"access_token": "abc", "token_type": "mac"}'), ConfigurationError),
        ((200, "application/json", "x" * 300_000), BackbayError),
    ],
)
def test_a_token_endpoint_that_answers_nonsense_is_one_clear_error(authority, connect, answering, get, broken, kind):  # noqa: PLR0917
    authority.broken = broken
    with pytest.raises(kind):
        connect(answering(get))
    assert KeyStore().entries() == []


def test_an_error_that_repeats_what_was_sent_does_not_show_it(authority, connect, answering, get, canary):
    body = {"error": "invalid_grant", "error_description": f"no such code: {canary}-code-0 \x1b[31m"}
    authority.broken = (400, "application/json", json.dumps(body))
    with pytest.raises(AuthenticationError) as caught:
        connect(answering(get))
    assert canary not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_browser_that_never_comes_back_is_a_limit_and_leaves_no_port_open(connect, query):
    asked = []
    started = time.monotonic()
    with pytest.raises(LimitExceededError):
        connect(lambda address: asked.append(query(address)["redirect_uri"]), limit=0.2)
    assert time.monotonic() - started < 2
    port = int(asked[0].split(":")[2].split("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_half_a_request_and_a_huge_one_do_not_end_the_flow(connect, answering, get):
    def use(url):
        port = int(url.split(":")[2].split("/")[0])
        for sent in (b"GET /callback", b"GET /" + b"a" * 70_000, b"\x16\x03\x01\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(sent)
        get(url)

    assert connect(answering(use)).saved.name == "acme"


def test_a_port_that_is_taken_is_said_before_a_browser_opens(connect):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError) as caught:
            connect(lambda _: pytest.fail("opened"), redirect_port=taken.getsockname()[1])
    assert caught.value.code == "port_taken"


def test_the_listener_is_on_loopback_alone(connect, answering, get, monkeypatch):
    import asyncio

    bound = []
    start = asyncio.start_server

    async def watched(*arguments, **options):
        server = await start(*arguments, **options)
        bound.extend(each.getsockname()[0] for each in server.sockets)
        return server

    monkeypatch.setattr(asyncio, "start_server", watched)
    connect(answering(get))
    assert bound == ["127.0.0.1"]


def test_a_keyring_that_is_not_there_is_said_before_a_browser_opens(authority, acme, monkeypatch):
    from backbay_connect import system_keyring

    monkeypatch.setattr(system_keyring, "PRODUCTS", {})
    monkeypatch.setattr(system_keyring, "FREEDESKTOP", {})
    with pytest.raises(ConfigurationError) as caught:
        sign_in("acme", lambda _: pytest.fail("opened"), clients=[authority.client()])
    assert caught.value.code == "keyring_absent"


def test_openrouters_flow_gives_a_key_with_the_state_in_the_path(authority, keyring, get, in_thread, query, canary):  # noqa: PLR0917
    from dataclasses import replace

    from backbay_connect import flows

    flow = replace(
        flows.KEY_FLOWS["openrouter"],
        authorization_endpoint=f"{authority.url}/auth",
        keys_endpoint=f"{authority.url}/keys",
    )

    def visit(prompt):
        callback = query(prompt.address)["callback_url"]
        wrong = callback.rpartition("/")[0] + "/wrong"
        code = urlencode({"code": f"{canary}-code"})
        in_thread(lambda: (get(f"{wrong}?{code}"), get(f"{callback}?{code}")))

    spec = backbay.BackendSpec(
        name="openrouter", wires=("openai_chat",), default_base_url="https://openrouter.ai/api/v1"
    )
    with pytest.MonkeyPatch.context() as patch, backbay.register("openrouter", spec, replace=True):
        patch.setattr(flows, "KEY_FLOWS", {"openrouter": flow})
        patch.setattr("backbay_connect.signing.KEY_FLOWS", {"openrouter": flow})
        done = sign_in("openrouter", visit, limit=5)
        assert (done.saved.kind, done.account) == ("key", "user_ada")
        assert backbay.connect("openrouter:any").settings.api_key.reveal() == f"sk-or-{canary}"
        gone = sign_out("openrouter")
    assert gone.keys_page == "https://openrouter.ai/settings/keys"
    [(_, sent)] = [each for each in authority.log if each[0] == "/keys"]
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["code_verifier"]) == 43
