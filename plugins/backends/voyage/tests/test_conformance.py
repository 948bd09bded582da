"""backbay-voyage keeps what of the contract is about embeddings, specs and refusals: it generates no text."""

from __future__ import annotations

import pytest

import backbay
import backbay_voyage
from backbay.testing import Reply, ScriptedServer
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law that asks for no answer, since it generates none."""

    spec = backbay_voyage.spec


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_for_text_is_refused_before_anything_is_sent(streamed: bool) -> None:
    with ScriptedServer(Reply.json({})) as server:
        with backbay.connect_sync("voyage:voyage-4", api_key="a-key", base_url=server.url) as backend:
            with pytest.raises(backbay.UnsupportedError, match="was asked for, and this vendor or model cannot"):
                if streamed:
                    list(backend.stream("Say pong."))
                else:
                    backend.complete("Say pong.")
        assert server.requests == []


def test_vectors_are_asked_for_in_base64_and_rankings_with_top_k() -> None:
    vectors = Reply.json({"data": [{"embedding": "AACAPwAAAEA=", "index": 0}], "model": "voyage-4"})
    ranking = Reply.json({"data": [{"index": 1, "relevance_score": 0.9}], "model": "rerank-2.5"})
    with ScriptedServer([vectors, ranking]) as server:
        with backbay.connect_sync("voyage:voyage-4", api_key="a-key", base_url=server.url) as backend:
            assert backend.embed(["first"]).vectors == [[1.0, 2.0]]
            assert backend.rerank("query", ["first", "second"], top_n=1).results[0].index == 1
        asked = [(request.path, request.json) for request in server.requests]
    assert asked == [
        ("/v1/embeddings", {"model": "voyage-4", "input": ["first"], "encoding_format": "base64"}),
        ("/v1/rerank", {"model": "voyage-4", "query": "query", "documents": ["first", "second"], "top_k": 1}),
    ]
