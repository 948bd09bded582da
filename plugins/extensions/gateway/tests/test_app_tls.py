"""The gateway with a certificate of its own: real TLS, on real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time

import anthropic
import openai
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from backbay.testing import Pause, Reply, sse

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority():
    """Who signs the certificate."""
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    """The tables' fields for a certificate and its key."""
    made = authority.issue_cert(HOST)
    made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for pem in made.cert_chain_pems:
        pem.write_to_path(str(tmp_path / "certificate.pem"), append=True)
    return {"tls_certificate": str(tmp_path / "certificate.pem"), "tls_key": str(tmp_path / "key.pem")}


@pytest.fixture
def trust(authority):
    """What a client that trusts the authority speaks TLS with."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def secure(one, files):
    """Start a gateway with the certificate before one scripted vendor."""
    return lambda script, **server: one(script, tables={"server": {**files, **server}}, wire="openai_chat")


def request(running, path="/v1/chat/completions", **fields) -> bytes:
    body = json.dumps({"model": "acme:m", "messages": [{"role": "user", "content": "Hi"}], **fields}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {running.key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def connected(running, trust):
    """Give a connection of TLS."""
    with (
        socket.create_connection((HOST, running.port), timeout=5) as plain,
        trust.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        yield connection


def everything(connection) -> bytes:
    found = b""
    # A connection that is dropped in the middle may end without TLS's own word for the end.
    with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
        while more := connection.recv(65536):
            found += more
    return found


def test_the_official_clients_ask_over_tls_whole_and_streamed(secure, chat, chunks, trust) -> None:
    running, _ = secure(lambda received: Reply.events(*chunks) if received.json.get("stream") else chat)
    url = f"https://{HOST}:{running.port}"
    asked = {"model": "acme:m", "messages": [{"role": "user", "content": "Hi"}]}
    own = openai.DefaultHttpxClient(verify=trust)
    with openai.OpenAI(base_url=f"{url}/v1", api_key=running.key, max_retries=0, http_client=own) as client:
        assert client.chat.completions.create(**asked).choices[0].message.content == "Hello."
        with client.chat.completions.create(**asked, stream=True) as stream:
            pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        assert "".join(pieces) == "Hello."
    theirs = anthropic.DefaultHttpxClient(verify=trust)
    with anthropic.Anthropic(base_url=url, api_key=running.key, max_retries=0, http_client=theirs) as claude:
        assert claude.messages.create(**asked, max_tokens=50).content[0].text == "Hello."


def test_a_client_that_does_not_trust_the_certificate_sends_no_key(secure, chat) -> None:
    running, vendor = secure(chat)
    connection = http.client.HTTPSConnection(HOST, running.port, timeout=5, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("POST", "/v1/chat/completions", b"{}", {"authorization": f"Bearer {running.key}"})
    connection.close()
    assert not vendor.requests


def test_plain_http_on_the_port_of_tls_gets_no_answer(secure, chat) -> None:
    running, vendor = secure(chat)
    assert b"HTTP/1" not in running.raw(request(running))
    assert not vendor.requests


def test_versions_of_tls_before_1_2_are_refused(secure, chat, trust) -> None:
    running, _ = secure(chat)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        trust.maximum_version = ssl.TLSVersion.TLSv1_1
    trust.set_ciphers("ALL:@SECLEVEL=0")  # Else the client itself would not say hello.
    with pytest.raises(ssl.SSLError), connected(running, trust):
        pytest.fail("an old version was taken")


def test_a_client_that_leaves_over_tls_closes_the_upstream_within_250_ms(secure, trust) -> None:
    running, vendor = secure(Reply(headers={"content-type": "text/event-stream"}, steps=[sse("{}"), Pause(20)]))
    with connected(running, trust) as connection:
        connection.sendall(request(running, stream=True))
        assert b"200 OK" in connection.recv(65536)
    assert running.until(lambda: vendor.hangups) < 0.25
    running.until(lambda: running.live == 0)


def test_an_answer_that_breaks_off_over_tls_has_no_end(secure, trust) -> None:
    running, _ = secure(
        Reply(headers={"content-type": "text/event-stream"}, steps=[sse('{"a":1}'), Pause(0.1)], end="reset")
    )
    with connected(running, trust) as connection:
        connection.sendall(request(running, stream=True))
        found = everything(connection)
    assert b'"error"' in found
    assert not found.endswith(b"0\r\n\r\n")


def test_what_is_smuggled_or_slow_over_tls_is_refused_as_it_is_without(secure, chat, trust) -> None:
    running, vendor = secure(chat, header_timeout=0.3)
    with connected(running, trust) as connection:
        connection.sendall(request(running).replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"))
        assert everything(connection).startswith(b"HTTP/1.1 400 ")
    with connected(running, trust) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: ")
        assert everything(connection).startswith(b"HTTP/1.1 408 ")
    assert not vendor.requests


def test_a_slow_reader_over_tls_is_waited_for_and_then_dropped(secure, trust) -> None:
    steps = [b"data: " + b"x" * 65_000 + b"\n\n"] * 1000
    running, vendor = secure(Reply(headers={"content-type": "text/event-stream"}, steps=steps), write_timeout=1.0)
    with connected(running, trust) as connection:
        connection.sendall(request(running, stream=True))
        running.until(lambda: running.live)
        (exchange,) = running.server.gateway.live
        most = 0
        while running.live:
            most, before = exchange.sent, most
            time.sleep(0.1)
            if most == before > 0:
                break
        assert 0 < most < 20_000_000, "the upstream was read on although nobody took it"
        running.until(lambda: running.live == 0, 6.0)
        assert exchange.sent == most
    assert running.until(lambda: vendor.hangups) < 1.0


@pytest.mark.parametrize("what", ["no file", "no certificate", "another's key", "a locked key"])
def test_a_certificate_that_cannot_be_used_is_told_before_anything_is_bound(
    command, authority, files, tmp_path, what
) -> None:
    if what == "no file":
        files["tls_key"] = str(tmp_path / "none.pem")
    elif what == "no certificate":
        (tmp_path / "certificate.pem").write_text("a note", encoding="utf-8")
    elif what == "a locked key":
        path = tmp_path / "key.pem"
        locked = serialization.BestAvailableEncryption(b"a password")
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        path.write_bytes(key.private_bytes(*form, locked))
    else:
        authority.issue_cert(HOST).private_key_pem.write_to_path(files["tls_key"])
    path = tmp_path / "gateway.toml"
    lines = [f"{name} = '{value}'" for name, value in files.items()]
    path.write_text("\n".join(["[server]", *lines, "[[upstreams]]", "vendor = 'local'"]), encoding="utf-8")
    _, errors = (process := command("--config", str(path), "--port", "0")).communicate(timeout=20)
    assert process.returncode == 2
    said = "locked with a password" if what == "a locked key" else "server.tls_key cannot be used"
    assert said in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets of Unix")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_command_serves_over_tls_and_says_so(command, files, tmp_path, trust, workers) -> None:
    pytest.importorskip("backbay_local")
    path = tmp_path / "gateway.toml"
    lines = [f"{name} = '{value}'" for name, value in files.items()]
    path.write_text("\n".join(["[server]", *lines, "[[upstreams]]", "vendor = 'local'"]), encoding="utf-8")
    process: subprocess.Popen[str] = command("--config", str(path), "--port", "0", "--workers", workers)
    said = ""
    while "Status:" not in said and (line := process.stdout.readline()):
        said += line
    assert "listens on https://127.0.0.1:" in said
    port = int(said.partition("https://127.0.0.1:")[2].split()[0])
    connection = http.client.HTTPSConnection(HOST, port, timeout=5, context=trust)
    connection.request("GET", "/health")
    assert json.load(connection.getresponse()) == {"status": "ok"}
    connection.close()
    process.terminate()
    assert process.wait(10) == 0
