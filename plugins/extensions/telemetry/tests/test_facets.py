"""Embeddings, rankings and raw texts have spans too; and the end of a call is known at once, however it ends."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import StatusCode

import backbay
from backbay import Ended, Finish, Text
from backbay.testing import Pause, Reply, ScriptedServer, connect_fake

VECTORS = {"data": [{"index": 0, "embedding": [0.1, 0.2, 0.3]}], "model": "e-1-small", "usage": {"prompt_tokens": 4}}
RANKING = {"results": [{"index": 0, "relevance_score": 0.9}], "model": "r-1"}
RAW = {"id": "t-1", "model": "m-1", "choices": [{"index": 0, "text": " world", "finish_reason": "stop"}]}


def run(backend, call):
    async def main():
        async with backend:
            return await call(backend)

    return asyncio.run(main())


def test_embeddings_have_a_span_with_their_tokens_and_dimensions(seen, connect):
    with ScriptedServer(Reply.json(VECTORS)) as server:
        run(connect(server, "e-1"), lambda backend: backend.embed("hi"))
    span = seen.span()
    assert span.name == "embeddings e-1"
    assert span.attributes["gen_ai.operation.name"] == "embeddings"
    assert span.attributes["gen_ai.response.model"] == "e-1-small"
    assert span.attributes["gen_ai.usage.input_tokens"] == 4
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 3
    assert "gen_ai.response.finish_reasons" not in span.attributes
    assert seen.metrics()["gen_ai.client.operation.duration"][0].attributes["gen_ai.operation.name"] == "embeddings"


def test_embeddings_that_fail_have_a_span_with_the_error(seen, connect, chat):
    with ScriptedServer(chat.error(429)) as server, pytest.raises(backbay.RateLimitError):
        run(connect(server, "e-1", retries=1), lambda backend: backend.embed("hi"))
    span = seen.span()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.attributes["backbay.attempts"]) == ("RateLimitError", 2)


def test_a_retry_of_embeddings_is_counted(seen, connect, chat):
    with ScriptedServer([chat.error(503, **{"retry-after": "0"}), Reply.json(VECTORS)]) as server:
        found = run(connect(server, "e-1", retries=1), lambda backend: backend.embed("hi"))
    assert (found.attempts, seen.span().attributes["backbay.attempts"]) == (2, 2)


def test_a_ranking_has_a_span(seen):
    with ScriptedServer(Reply.json(RANKING)) as server:
        backend = backbay.connect("cohere:r-1", base_url=server.url, api_key="sk-test-0123456789abcdef")
        run(backend, lambda backend: backend.rerank("q", ["a"]))
    assert (seen.span().name, seen.span().attributes["gen_ai.provider.name"]) == ("rerank r-1", "cohere")


def test_a_text_that_is_continued_is_a_text_completion(seen, connect):
    with ScriptedServer(Reply.json(RAW)) as server:
        run(connect(server, capabilities={"complete_raw": "full"}), lambda backend: backend.complete_raw("hello"))
    assert seen.span().name == "text_completion m-1"


def test_lists_of_models_have_no_span(seen, connect):
    with ScriptedServer(Reply.json({"data": [{"id": "m-1"}]})) as server:
        run(connect(server), lambda backend: backend.list_models())
    assert seen.spans() == []


def test_a_stream_that_is_closed_has_its_span_at_once_with_its_attempts(seen):
    async def call(backend):
        async with backend.stream("hi") as stream:
            await anext(stream)
        span = seen.span()  # while the stream is still held
        return span.attributes["backbay.closed"], span.attributes["backbay.attempts"], stream.partial.text

    assert run(connect_fake([Text("a"), Ended(Finish.STOP)]), call) == (True, 1, "a")


def test_a_stream_that_nobody_read_has_no_span(seen):
    async def call(backend):
        backend.stream("hi")
        await backend.stream("hi").aclose()
        await asyncio.sleep(0)

    run(connect_fake("a"), call)
    assert seen.spans() == []
    assert seen.metrics() == {}


@pytest.mark.parametrize("how", ["complete", "embed", "collect"])
def test_a_call_that_is_cancelled_has_its_span_at_once(seen, connect, how):
    async def call(backend):
        ways = {"complete": backend.complete, "embed": backend.embed, "collect": lambda p: backend.stream(p).collect()}
        task = asyncio.create_task(ways[how]("hi"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        assert seen.span().attributes["backbay.closed"] is True
        return raised

    with ScriptedServer(Reply(steps=[Pause(10)])) as server:
        run(connect(server), call)
    assert seen.span().attributes["backbay.attempts"] == 1
    assert seen.span().status.status_code is StatusCode.UNSET
