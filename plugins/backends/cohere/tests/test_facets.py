"""Cohere's other verbs: models in pages, vectors by type, rankings, and tokens."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

import backbay
from backbay import Message
from backbay.messages import ToolCall
from backbay.sync import SyncBackend
from backbay.testing import Received, Reply, ScriptedServer


def connected(server: ScriptedServer) -> SyncBackend:
    """Return a backend that asks the server, below /v2."""
    return backbay.connect_sync("cohere:m", base_url=server.url.replace("/v1", "/v2"), api_key="key", retries=0)


def test_models_are_listed_page_by_page() -> None:
    pages: list[dict[str, Any]] = [
        {
            "models": [
                {"name": "command-a", "context_length": 288000.0, "config": {"max_output_tokens": 8192}},
                {"name": "embed-v4.0", "context_length": 128000},
            ],
            "next_page_token": "a/b=",
        },
        {"models": [{"name": "rerank-v3.5"}], "next_page_token": None},
    ]
    with ScriptedServer([Reply.json(page) for page in pages]) as server, connected(server) as backend:
        models = backend.list_models()
        paths = [request.path for request in server.requests]
    assert paths == ["/v1/models?page_size=1000", "/v1/models?page_size=1000&page_token=a%2Fb%3D"]
    assert [(m.id, m.context_window, m.max_output_tokens) for m in models] == [
        ("command-a", 288000, 8192),
        ("embed-v4.0", 128000, None),
        ("rerank-v3.5", None, None),
    ]


def test_health_asks_for_one_model() -> None:
    with ScriptedServer(Reply.json({"models": []})) as server, connected(server) as backend:
        assert backend.health()
        assert server.requests[0].path == "/v1/models?page_size=1"


def test_embeddings_are_for_documents_unless_extra_says_otherwise() -> None:
    def reply(request: Received) -> Reply:
        kinds = request.json["embedding_types"]
        return Reply.json({"embeddings": {kinds[0]: [[1, -2]]}, "meta": {"billed_units": {"input_tokens": 7}}})

    with ScriptedServer(reply) as server, connected(server) as backend:
        first = backend.embed("a")
        second = backend.embed("a", extra={"input_type": "search_query", "embedding_types": ["int8"]})
        bodies = [request.json for request in server.requests]
    assert bodies[0] == {"model": "m", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"]}
    assert (bodies[1]["input_type"], bodies[1]["embedding_types"]) == ("search_query", ["int8"])
    assert first.vectors == second.vectors == [[1.0, -2.0]]
    # What is billed is not said to be what was read.
    assert first.usage is not None
    assert (first.usage.input, first.usage.raw) == (None, {"input_tokens": 7})


def test_floats_are_taken_first_and_base64_is_unpacked() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    bodies = [{"base64": [packed], "int8": [[64, -128]]}, {"int8": [[64, -128]], "float": [[0.5, -1]]}]
    with ScriptedServer([Reply.json({"embeddings": body}) for body in bodies]) as server:
        with connected(server) as backend:
            assert backend.embed("a").vectors == [[0.5, -1.0]]
            assert backend.embed("a").vectors == [[0.5, -1.0]]


@pytest.mark.parametrize(
    "found", [{}, {"float": [[1]]}, {"float": "x"}, {"float": [["x"], [1]]}, {"base64": ["!", "!"]}, None]
)
def test_what_is_no_list_of_vectors_is_an_error(found: object) -> None:
    with ScriptedServer(Reply.json({"embeddings": found})) as server, connected(server) as backend:
        with pytest.raises(backbay.DecodeError):
            backend.embed(["a", "b"])


def test_a_ranking_is_sorted_and_tells_what_is_billed() -> None:
    results = [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}]
    reply = Reply.json({"results": results, "meta": {"billed_units": {"search_units": 1}}})
    with ScriptedServer(reply) as server, connected(server) as backend:
        found = backend.rerank("q", ["a", "b", "c"], top_n=2, extra={"max_tokens_per_doc": 100})
        body = server.requests[0].json
    assert server.requests[0].path == "/v2/rerank"
    assert body == {"model": "m", "query": "q", "documents": ["a", "b", "c"], "top_n": 2, "max_tokens_per_doc": 100}
    assert [(item.index, item.score) for item in found.results] == [(0, 0.9), (2, 0.1)]
    assert found.usage is not None
    assert found.usage.raw == {"search_units": 1}


def test_tokens_are_those_of_the_texts() -> None:
    with ScriptedServer(Reply.json({"tokens": [1, 2, 3], "token_strings": ["a", "b", "c"]})) as server:
        with connected(server) as backend:
            assert backend.count_tokens("Say pong.", system="Be brief.") == 3
        [request] = server.requests
    assert (request.path, request.json) == ("/v1/tokenize", {"model": "m", "text": "Be brief. Say pong."})


@pytest.mark.parametrize(
    ("messages", "options", "kind"),
    [
        ("Weather?", {"tools": [{"name": "f"}]}, backbay.UnsupportedError),
        ([Message(role="user", content="?", images=("https://a.example/a.png",))], {}, backbay.UnsupportedError),
        (
            [
                Message(role="user", content="?"),
                Message(role="assistant", tool_calls=(ToolCall(id="a", name="f", arguments={}),)),
            ],
            {},
            backbay.UnsupportedError,
        ),
        ("", {}, backbay.InvalidRequestError),
        ("x" * 65537, {}, backbay.InvalidRequestError),
    ],
)
def test_what_cannot_be_counted_is_refused(messages: Any, options: Any, kind: type[backbay.RequestError]) -> None:
    with ScriptedServer(Reply.json({"tokens": []})) as server, connected(server) as backend:
        with pytest.raises(kind):
            backend.count_tokens(messages, **options)
        assert server.connections == 0
