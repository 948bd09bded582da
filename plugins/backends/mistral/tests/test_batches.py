"""Mistral's batch jobs: what goes out, and what comes of it."""

from __future__ import annotations

import asyncio
import json

import pytest

import backbay
from backbay import BatchStatus
from backbay.errors import BadRequestError, DecodeError, InvalidRequestError
from backbay.testing import Reply, ScriptedServer

JOB = {
    "id": "0a1b",
    "object": "batch",
    "input_files": ["f-1"],
    "endpoint": "/v1/chat/completions",
    "model": "mistral-small-latest",
    "errors": [{"message": "A line is bad.", "count": 2}],
    "status": "SUCCESS",
    "created_at": 1_700_000_000,
    "completed_at": 1_700_000_060,
    "total_requests": 2,
    "completed_requests": 2,
    "succeeded_requests": 1,
    "failed_requests": 1,
    "output_file": "f-2",
    "error_file": "f-3",
    "metadata": {"backbay_label": "mine"},
}
ANSWER = {
    "id": "a",
    "model": "mistral-small-latest",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "pong."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
FILES = {
    "f-2": {"custom_id": "a", "response": {"status_code": 200, "body": ANSWER}, "error": None},
    "f-3": {"custom_id": "b", "response": {"status_code": 422, "body": {"message": "no"}}, "error": None},
}


def script(request):
    path = request.path.partition("?")[0]
    if path == "/v1/files":
        return Reply.json({"id": "f-1"})
    if path.endswith("/content"):
        return Reply(steps=[json.dumps(FILES[path.split("/")[3]]).encode() + b"\n"])
    if path == "/v1/batch/jobs" and request.method == "GET":
        page = int(request.path.partition("page=")[2].partition("&")[0])
        return Reply.json({"object": "list", "total": 101, "data": [JOB] * (100 if page == 0 else 1)})
    return Reply.json({**JOB, "status": "QUEUED"} if request.method == "POST" else JOB)


def run(work, answers=script):
    async def main():
        with ScriptedServer(answers) as server:
            given = {"base_url": server.url, "api_key": "key-1", "retries": 0}
            async with backbay.connect("mistral:mistral-small-latest", **given) as backend:
                return await work(backend), server.requests

    return asyncio.run(main())


def test_a_job_is_made_of_a_file_and_runs_one_model():
    async def make(backend):
        given = [backend.batch_request(each, f"Say {each}.", seed=7) for each in "ab"]
        return await backend.create_batch(given, label="mine")

    made, [upload, creation] = run(make)
    assert b'name="purpose"\r\n\r\nbatch\r\n' in upload.body
    rows = [json.loads(each) for each in upload.body.splitlines() if each.startswith(b'{"custom_id"')]
    assert [set(row) for row in rows] == [{"custom_id", "body"}] * 2
    assert rows[0]["body"]["random_seed"] == 7
    assert creation.path == "/v1/batch/jobs"
    assert creation.json == {
        "input_files": ["f-1"],
        "endpoint": "/v1/chat/completions",
        "model": "mistral-small-latest",
        "metadata": {"backbay_label": "mine"},
    }
    assert (made.id, made.status, made.raw_status) == ("0a1b", BatchStatus.QUEUED, "QUEUED")


def test_two_models_in_one_job_are_refused_before_any_io():
    async def make(backend):
        given = [backend.batch_request("a", "x"), backend.batch_request("b", "x", model="mistral-large-latest")]
        with pytest.raises(InvalidRequestError, match="one model"):
            await backend.create_batch(given)

    _, requests = run(make)
    assert requests == []


def test_results_come_from_both_files():
    async def read(backend):
        return [result async for result in backend.batch_results("0a1b")]

    (one, other), requests = run(read)
    assert (one.custom_id, one.answer().text, one.usage.output) == ("a", "pong.", 2)
    assert (other.custom_id, type(other.error), other.error.status) == ("b", BadRequestError, 422)
    assert [each.path for each in requests] == [
        "/v1/batch/jobs/0a1b",
        "/v1/files/f-2/content",
        "/v1/files/f-3/content",
    ]


@pytest.mark.parametrize(
    ("word", "status", "ended"),
    [
        ("RUNNING", BatchStatus.RUNNING, False),
        ("FAILED", BatchStatus.FAILED, True),
        ("TIMEOUT_EXCEEDED", BatchStatus.EXPIRED, True),
        ("CANCELLATION_REQUESTED", BatchStatus.CANCELLING, False),
        ("CANCELLED", BatchStatus.CANCELLED, True),
        ("PAUSED", BatchStatus.OTHER, False),
    ],
)
def test_every_word_of_mistrals_has_a_status(word, status, ended):
    found, _ = run(lambda backend: backend.get_batch("0a1b"), Reply.json({**JOB, "status": word}))
    assert (found.status, found.raw_status, found.ended) == (status, word, ended)
    assert (found.total, found.completed, found.failed, found.error) == (2, 1, 1, "A line is bad.")
    assert (found.created_at, found.ended_at, found.label) == (1_700_000_000, 1_700_000_060, "mine")


def test_jobs_are_listed_page_by_page_and_cancelled():
    found, requests = run(lambda backend: backend.list_batches(count=500))
    assert len(found) == 101
    assert [each.path for each in requests] == [
        "/v1/batch/jobs?page=0&page_size=100",
        "/v1/batch/jobs?page=1&page_size=100",
    ]
    assert run(lambda backend: backend.list_batches(), Reply.json({"object": "list", "total": 0}))[0] == []
    with pytest.raises(DecodeError):
        run(lambda backend: backend.list_batches(), Reply.json({"data": []}))
    _, [request] = run(lambda backend: backend.cancel_batch("0a1b"))
    assert (request.method, request.path) == ("POST", "/v1/batch/jobs/0a1b/cancel")
