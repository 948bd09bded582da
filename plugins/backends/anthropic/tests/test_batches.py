"""Anthropic's message batches: the requests as they go out, and each kind of result."""

from __future__ import annotations

import asyncio
import json

import pytest

import backbay
from backbay import BatchStatus
from backbay.errors import (
    AuthenticationError,
    BadRequestError,
    DecodeError,
    InvalidRequestError,
    OverloadedError,
    QuotaExceededError,
    ResponseError,
)
from backbay.testing import Reply, ScriptedServer

COUNTS = {"processing": 0, "succeeded": 1, "errored": 2, "canceled": 0, "expired": 1}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": COUNTS,
    "created_at": "2026-11-21T10:00:00Z",
    "ended_at": "2026-11-21T10:30:00.5+00:00",
    "expires_at": "2026-11-22T10:00:00Z",
    "results_url": "https://elsewhere.example/v1/messages/batches/msgbatch_1/results",
}
MESSAGE = {
    "id": "msg_1",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "pong."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def line(custom_id, kind, **more):
    return {"custom_id": custom_id, "result": {"type": kind, **more}}


def error(kind):
    return {"error": {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_9"}}


def run(work, script, **config):
    async def main():
        with ScriptedServer(script) as server:
            given = {"base_url": server.url, "api_key": "key-1", "retries": 0, **config}
            async with backbay.connect("anthropic:claude-sonnet-5-5", **given) as backend:
                return await work(backend), server.requests

    return asyncio.run(main())


def results_of(*lines, batch=BATCH):
    def script(request):
        if request.path.endswith("/results"):
            return Reply(steps=[b"".join(json.dumps(each).encode() + b"\n" for each in lines)])
        return Reply.json(batch)

    async def read(backend):
        return [result async for result in backend.batch_results("msgbatch_1")]

    return run(read, script)


def test_all_requests_go_out_in_one():
    async def make(backend):
        given = [backend.batch_request(each, f"Say {each}.", max_tokens=9) for each in ("a", "B-2_c")]
        return await backend.create_batch(given, label="not kept")

    made, [request] = run(make, Reply.json({**BATCH, "processing_status": "in_progress", "results_url": None}))
    assert (request.method, request.path) == ("POST", "/v1/messages/batches")
    assert request.headers["x-api-key"] == "key-1"
    assert request.headers["anthropic-version"] == "2023-06-01"
    first, second = request.json["requests"]
    assert (first["custom_id"], second["custom_id"]) == ("a", "B-2_c")
    assert first["params"]["model"] == "claude-sonnet-5-5"
    assert first["params"]["max_tokens"] == 9
    assert not first["params"].get("stream")
    assert first["params"]["messages"][0]["content"] == "Say a."
    assert (made.status, made.label) == (BatchStatus.RUNNING, None)


@pytest.mark.parametrize("bad", ["a b", "ä", "x" * 65, "a.b", "a\n"])
def test_an_id_that_anthropic_refuses_is_refused_before_any_io(bad):
    async def make(backend):
        with pytest.raises(InvalidRequestError, match="custom_id"):
            backend.batch_request(bad, "x")

    _, requests = run(make, Reply.json(BATCH))
    assert requests == []


def test_each_kind_of_result_is_an_answer_or_its_own_error():
    lines = [
        line("b", "errored", **error("invalid_request_error")),
        line("a", "succeeded", message=MESSAGE),
        line("c", "errored", **error("overloaded_error")),
        line("d", "expired"),
    ]
    results, requests = results_of(*lines)
    by_id = {each.custom_id: each for each in results}
    assert list(by_id) == ["b", "a", "c", "d"]
    assert by_id["a"].answer().text == "pong."
    assert (by_id["a"].usage.input, by_id["a"].usage.output) == (3, 2)
    assert type(by_id["b"].error) is BadRequestError
    assert (by_id["b"].error.status, by_id["b"].error.request_id) == (400, "req_9")
    assert isinstance(by_id["c"].error, OverloadedError)
    assert by_id["c"].error.retryable
    assert (by_id["d"].error.code, by_id["d"].error.retryable) == ("batch_expired", True)
    # The address in the answer leads elsewhere, and is not followed.
    assert [each.path for each in requests] == [
        "/v1/messages/batches/msgbatch_1",
        "/v1/messages/batches/msgbatch_1/results",
    ]


@pytest.mark.parametrize(
    ("kind", "wanted", "status"),
    [
        ("authentication_error", AuthenticationError, 401),
        ("billing_error", QuotaExceededError, 402),
        ("who_knows_error", ResponseError, 500),
    ],
)
def test_an_errors_type_is_the_status_that_goes_with_it(kind, wanted, status):
    [result], _ = results_of(line("a", "errored", **error(kind)), batch={**BATCH, "request_counts": {"errored": 1}})
    assert isinstance(result.error, wanted)
    assert result.error.status == status


def test_what_anthropic_says_of_a_batch_is_told():
    async def look(backend):
        return await backend.get_batch("msgbatch_1")

    found, _ = run(look, Reply.json(BATCH))
    assert (found.total, found.completed, found.failed) == (4, 1, 3)
    assert (found.created_at, found.ended_at - found.created_at, found.expires_at - found.created_at) == (
        1795255200.0,
        1800.5,
        86400.0,
    )
    cancelled = {**BATCH, "cancel_initiated_at": "2026-11-21T10:10:00Z", "request_counts": {**COUNTS, "canceled": 1}}
    found, _ = run(look, Reply.json(cancelled))
    assert (found.status, found.raw_status) == (BatchStatus.CANCELLED, "ended")
    with pytest.raises(DecodeError):
        run(look, Reply.json({"id": "x"}))


def test_batches_are_listed_page_by_page():
    pages = [
        Reply.json({"data": [BATCH], "has_more": True, "last_id": "msgbatch_1"}),
        Reply.json({"data": [{**BATCH, "id": "msgbatch_2"}], "has_more": False, "last_id": "msgbatch_2"}),
    ]
    found, requests = run(lambda backend: backend.list_batches(), pages)
    assert [each.id for each in found] == ["msgbatch_1", "msgbatch_2"]
    assert requests[1].path == "/v1/messages/batches?limit=100&after_id=msgbatch_1"


def test_a_list_that_leads_in_a_circle_ends():
    page = Reply.json({"data": [BATCH], "has_more": True, "last_id": "msgbatch_1"})
    found, requests = run(lambda backend: backend.list_batches(count=1000), page)
    assert len(found) == len(requests) == 2
