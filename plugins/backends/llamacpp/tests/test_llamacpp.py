"""What is true of llama.cpp's server alone: where its health is, its model list, and that it needs no key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import backbay
from backbay.testing import Received, Reply, ScriptedServer


def test_it_connects_without_a_key_to_the_servers_usual_port() -> None:
    backend = backbay.connect("llamacpp:any")
    assert backend.id == "llamacpp:http://127.0.0.1:8080/v1"


@pytest.mark.parametrize("suffix", ["", "/v1", "/v1/"])
def test_health_is_asked_beside_the_versioned_path(suffix: str) -> None:
    with ScriptedServer(Reply.json({"status": "ok"})) as server:
        base = server.url.removesuffix("/v1") + suffix
        with backbay.connect_sync("llamacpp:any", base_url=base) as backend:
            health = backend.health()
        assert health
        assert health.latency_ms is not None
        assert server.requests[0].path == "/health"


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_a_server_that_is_loading_its_model_is_not_reachable(status: int) -> None:
    """Unlike at a hosted vendor, no key is wanted here, so 401 is no good sign either."""
    with ScriptedServer(Reply.json({"error": {"message": "Loading model", "code": status}}, status=status)) as server:
        with backbay.connect_sync("llamacpp:any", base_url=server.url) as backend:
            health = backend.health()
    assert not health
    assert health.status == status
    assert "Loading model" in str(health.last_error)


def test_the_recorded_model_list_gives_the_context_of_a_slot(corpus: Path) -> None:
    recorded = json.loads((corpus / "wire/exchanges/llamacpp/models/models/001.json").read_text("utf-8"))
    reply = Reply(headers={"content-type": "application/json"}, steps=[recorded["response"]["body"].encode()])
    with ScriptedServer(reply) as server, backbay.connect_sync("llamacpp:any", base_url=server.url) as backend:
        [model] = backend.list_models()
    assert [model.id] == recorded["expected"]["models"]["ids"]
    assert (model.context_window, model.native, model.owned_by) == (4096, True, "llamacpp")


def test_one_bare_model_is_a_list_of_one() -> None:
    with ScriptedServer(Reply.json({"id": "tiny", "object": "model"})) as server:
        with backbay.connect_sync("llamacpp:any", base_url=server.url) as backend:
            assert [model.id for model in backend.list_models()] == ["tiny"]


def test_a_body_that_is_no_model_list_is_an_error_and_not_an_empty_list() -> None:
    with ScriptedServer(Reply.json({"models": "none"})) as server:
        with backbay.connect_sync("llamacpp:any", base_url=server.url) as backend:
            with pytest.raises(backbay.DecodeError, match="model list"):
                backend.list_models()


def test_thinking_goes_back_in_the_servers_own_field() -> None:
    def reply(request: Received) -> Reply:
        said = request.json["messages"][1]
        assert (said["content"], said["reasoning_content"]) == ("Blue.", "The sky.")
        return Reply.json({"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})

    with ScriptedServer(reply) as server, backbay.connect_sync("llamacpp:any", base_url=server.url) as backend:
        thought = [{"type": "thinking", "text": "The sky."}, {"type": "text", "text": "Blue."}]
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": thought}]
        assert backend.complete([*turns, {"role": "user", "content": "Sure?"}]).text == "Yes."
