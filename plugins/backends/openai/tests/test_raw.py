"""Raw text is for OpenAI's completion models: a chat model is refused before anything is sent."""

from __future__ import annotations

import json

import pytest

import backbay
from backbay.testing import Reply, ScriptedServer

DONE = {"model": "m", "choices": [{"text": " 1", "index": 0, "finish_reason": "stop"}]}


@pytest.mark.parametrize("model", ["gpt-3.5-turbo-instruct", "babbage-002", "davinci-002", "acme-base-1"])
@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses"])
def test_models_that_continue_texts_are_asked_at_the_path_of_those(model: str, wire: str) -> None:
    """Also where conversations go by the responses wire: the path for raw text is the same."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync(f"openai:{model}", base_url=server.url, api_key="k", wire=wire) as backend:
            assert backend.complete_raw("One:", max_tokens=3).text == " 1"
        [request] = server.requests
    assert request.path == "/v1/completions"
    assert json.loads(request.body) == {"model": model, "prompt": "One:", "stream": False, "max_tokens": 3}


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-5.4", "o3-mini", "gpt-5"])
def test_chat_models_are_refused_before_anything_is_sent(model: str) -> None:
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync(f"openai:{model}", base_url=server.url, api_key="k") as backend:
            with pytest.raises(backbay.UnsupportedError) as caught:
                backend.complete_raw("One:")
        assert server.connections == 0
    assert caught.value.code == "complete_raw"


def test_a_servers_own_model_of_such_a_name_can_be_declared() -> None:
    with ScriptedServer(Reply.json(DONE)) as server:
        declared = {"complete_raw": "full"}
        with backbay.connect_sync("openai:gpt-4", base_url=server.url, api_key="k", capabilities=declared) as backend:
            assert backend.complete_raw("One:").text == " 1"


def test_a_schema_is_refused_since_completions_know_none() -> None:
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("openai:davinci-002", base_url=server.url, api_key="k") as backend:
            with pytest.raises(backbay.UnsupportedError) as caught:
                backend.complete_raw("One:", response_format={"type": "object", "properties": {}})
        assert server.connections == 0
    assert caught.value.code == "structured_output"
