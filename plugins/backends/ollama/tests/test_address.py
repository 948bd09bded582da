"""Where Ollama is looked for, on each of its wires, and what of its address programs and people spell differently."""

from __future__ import annotations

import pytest

import backbay
from backbay.detecting import detect_sync
from backbay.testing import Received, Reply, ScriptedServer

LOCAL = "http://127.0.0.1:11434"
SHARED = ("openai_chat", "openai_responses", "anthropic_messages")


def test_it_connects_without_a_key_to_the_servers_usual_port() -> None:
    assert backbay.connect("ollama:llama3.2").id == f"ollama:{LOCAL}"


@pytest.mark.parametrize("wire", SHARED)
def test_the_wires_of_others_lie_below_v1(wire: str) -> None:
    assert backbay.connect("ollama:llama3.2", wire=wire).id == f"ollama:{LOCAL}/v1"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", LOCAL),
        ("0.0.0.0:11500", "http://127.0.0.1:11500"),
        (":11500", "http://127.0.0.1:11500"),
        ("localhost", "http://localhost:11434"),
        ("https://ollama.example", "https://ollama.example"),
    ],
)
def test_ollama_host_is_read_as_the_server_reads_it(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert backbay.connect("ollama:llama3.2").id == f"ollama:{address}"
    assert backbay.connect("ollama:llama3.2", wire="openai_chat").id == f"ollama:{address}/v1"


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize("wire", ["ollama_chat", *SHARED])
def test_an_address_may_have_v1_or_not_on_every_wire(monkeypatch: pytest.MonkeyPatch, wire: str, suffix: str) -> None:
    """Some programs want OLLAMA_BASE_URL with /v1, others without; it is one variable."""
    monkeypatch.setenv("OLLAMA_BASE_URL", LOCAL + suffix)
    expected = LOCAL if wire == "ollama_chat" else f"{LOCAL}/v1"
    assert backbay.connect("ollama:llama3.2", wire=wire).id == f"ollama:{expected}"


def test_a_path_that_a_proxy_has_is_kept() -> None:
    assert backbay.connect("ollama:llama3.2", base_url=f"{LOCAL}/ollama").id == f"ollama:{LOCAL}/ollama"


@pytest.mark.parametrize("wire", ["ollama_chat", *SHARED])
@pytest.mark.parametrize("key", [None, "key-of-the-cloud"])
def test_a_key_is_a_bearers_on_every_wire_and_nobody_needs_one(wire: str, key: str | None) -> None:
    """ollama.com takes it in no other header, on Anthropic's wire neither."""
    with ScriptedServer(Reply.json({"error": "no"}, status=400)) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url, wire=wire, api_key=key) as backend:
            with pytest.raises(backbay.BadRequestError):
                backend.complete("Say pong.")
        [request] = server.requests
    assert request.headers.get("authorization") == (None if key is None else f"Bearer {key}")
    assert "x-api-key" not in request.headers


@pytest.mark.parametrize("wire", ["ollama_chat", *SHARED])
def test_health_asks_for_the_version(wire: str) -> None:
    with ScriptedServer(Reply.json({"version": "0.12.3"})) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url, wire=wire) as backend:
            assert backend.health()
        assert server.requests[0].path == "/api/version"


def test_a_server_that_runs_is_found_by_its_version() -> None:
    def reply(request: Received) -> Reply:
        return Reply.json({"version": "0.12.3"} if request.path == "/api/version" else {"models": []})

    with ScriptedServer(reply) as server:
        found = detect_sync(hosts=["127.0.0.1"], ports=[server.port], limit=5)
    assert [(each.backend, each.base_url) for each in found] == [("ollama", f"http://127.0.0.1:{server.port}")]
