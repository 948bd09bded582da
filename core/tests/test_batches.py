"""Batches over HTTP: what is sent, what comes of each line, and that nothing is ever paid for twice."""

import asyncio
import json
import tracemalloc

import pytest

import backbay
from backbay import BatchStatus, Capabilities, fallback
from backbay.batches import MAYBE, may_have_been_made
from backbay.connecting import build
from backbay.errors import (
    ConnectionLostError,
    ContextLengthError,
    DecodeError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedError,
    UnsupportedError,
)
from backbay.spec import BackendSpec
from backbay.testing import Pause, Reply, ScriptedServer

CAN = "generate streaming system_prompt tools temperature max_tokens usage"
SPEC = BackendSpec(name="acme", wires=("openai_chat",), capabilities=Capabilities.of(full=f"{CAN} batches"))
WITHOUT = BackendSpec(name="acme", wires=("openai_chat",), capabilities=Capabilities.of(full=CAN))
KEY = "key-canary-5561"
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}}


def answer(text="pong", **more):
    message = {"role": "assistant", "content": text, **more}
    return {
        "id": "a1",
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if more else "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    }


def line(custom_id, body=None, status=200, error=None):
    response = None if error else {"status_code": status, "request_id": "req_1", "body": body or answer()}
    return {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}


def batch(status="completed", total=2, **more):
    counts = {"total": total, "completed": total, "failed": 0}
    return {"id": "batch_1", "status": status, "created_at": 1, "request_counts": counts, **more}


def lines(*values):
    data = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    return Reply(headers={"content-type": "application/octet-stream"}, steps=[data])


class Vendor:
    """Answers by path; a list of replies is one after the other, the last again and again."""

    def __init__(self, **replies):
        self.replies = {
            "/v1/files": Reply.json({"id": "file-1"}),
            "/v1/batches": Reply.json(batch("validating", 0)),
            "/v1/batches/batch_1": Reply.json(batch(output_file_id="out", error_file_id="err")),
            "/v1/batches/batch_1/cancel": Reply.json(batch("cancelling")),
            "/v1/files/out/content": lines(line("a")),
            "/v1/files/err/content": lines(line("b", {"error": {"message": "no"}}, 400)),
            **replies,
        }
        self.counts = {}
        self.server = ScriptedServer(self._reply)

    def _reply(self, request):
        path = request.path.partition("?")[0]
        found = self.replies[path]
        self.counts[path] = self.counts.get(path, 0) + 1
        return found[min(self.counts[path], len(found)) - 1] if isinstance(found, list) else found

    @property
    def paths(self):
        return [f"{request.method} {request.path}" for request in self.server.requests]


def run(work, vendor=None, spec=SPEC, **config):
    """Give a backend at a vendor's socket to ``work``; return what that returns, and the vendor."""
    vendor = vendor or Vendor()

    async def main():
        with vendor.server as server:
            backend = build(spec, "m-1", **{"api_key": KEY, "base_url": server.url, "retries": 0, **config})
            try:
                return await work(backend)
            finally:
                await backend.aclose()

    return asyncio.run(main()), vendor


def failing(work, kind, vendor=None, spec=SPEC, **config):
    vendor = vendor or Vendor()
    with pytest.raises(kind) as caught:
        run(work, vendor, spec, **config)
    return caught.value, vendor


def two(backend, **options):
    return [backend.batch_request(each, f"Say {each}.", **options) for each in "ab"]


async def read(backend, given="batch_1", **options):
    return [result async for result in backend.batch_results(given, **options)]


def test_a_batch_is_a_file_and_then_a_batch_of_it():
    made, vendor = run(lambda backend: backend.create_batch(two(backend, temperature=0), label="mine"))
    assert vendor.paths == ["POST /v1/files", "POST /v1/batches"]
    upload, creation = vendor.server.requests
    boundary = upload.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    parts = upload.body.split(b"--" + boundary.encode())
    assert b'name="purpose"\r\n\r\nbatch\r\n' in parts[1]
    written = [json.loads(each) for each in parts[2].partition(b"\r\n\r\n")[2].splitlines() if each]
    assert [each["custom_id"] for each in written] == ["a", "b"]
    assert {(each["method"], each["url"]) for each in written} == {("POST", "/v1/chat/completions")}
    assert written[0]["body"] == {
        "model": "m-1",
        "messages": [{"role": "user", "content": "Say a."}],
        "stream": False,
        "temperature": 0,
    }
    assert creation.json == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"backbay_label": "mine"},
    }
    assert (made.id, made.status, made.raw_status) == ("batch_1", BatchStatus.QUEUED, "validating")
    assert (made.total, made.completed, made.created_at, made.ended) == (None, None, 1.0, False)


def test_results_are_what_complete_gives_and_a_failing_line_is_that_lines_error():
    body = answer(None, tool_calls=[CALL])
    too_long = {"error": {"message": "too long", "code": "context_length_exceeded"}}
    vendor = Vendor(
        **{
            "/v1/chat/completions": Reply.json(body),
            "/v1/files/out/content": lines(line("a", body)),
            "/v1/files/err/content": lines(line("b", too_long, 400)),
        }
    )

    async def both(backend):
        return await backend.complete("Say a."), await read(backend)

    (whole, results), _ = run(both, vendor)
    assert [each.custom_id for each in results] == ["a", "b"]
    assert results[0].answer() == whole
    assert results[0].response.tool_calls[0].arguments == {"n": 1}
    assert (results[0].usage.input, results[0].usage.cached) == (3, 1)
    error = results[1].error
    assert isinstance(error, ContextLengthError)
    assert (error.status, error.request_id, error.model) == (400, "req_1", None)
    assert error.backend.startswith("acme")
    with pytest.raises(ContextLengthError):
        results[1].answer()


@pytest.mark.parametrize(
    ("code", "known", "retryable"),
    [("batch_expired", "batch_expired", True), ("batch_canceled", "batch_cancelled", True), ("odd", "odd", False)],
)
def test_a_request_that_was_never_made_is_an_error_that_says_so(code, known, retryable):
    vendor = Vendor(**{"/v1/files/err/content": lines(line("b", error={"code": code, "message": "Too late."}))})
    results, _ = run(read, vendor)
    error = results[1].error
    assert type(error) is ResponseError
    assert (error.code, error.retryable, error.status, error.message) == (known, retryable, None, "Too late.")


@pytest.mark.parametrize("spec", [WITHOUT, fallback])
def test_a_backend_that_does_not_declare_batches_refuses_before_any_io(spec):
    calls = [
        lambda backend: backend.batch_request("a", "Say a."),
        lambda backend: backend.batch_limits,
        lambda backend: backend.create_batch([]),
        lambda backend: backend.get_batch("b"),
        lambda backend: backend.cancel_batch("b"),
        lambda backend: backend.list_batches(),
        lambda backend: backend.batch_results("b"),
    ]

    async def all_of_them(backend):
        asked = fallback(backend) if spec is fallback else backend
        for call in calls:
            with pytest.raises(UnsupportedError) as caught:
                found = call(asked)
                await found
            assert caught.value.code == "batches"

    _, vendor = run(all_of_them, spec=SPEC if spec is fallback else spec)
    assert vendor.server.connections == 0


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda backend: [], "one request or more"),
        (lambda backend: ["a"], "batch_request"),
        (lambda backend: [*two(backend), *two(backend)], "custom_id 'a'"),
        (lambda backend: [*two(backend), backend.batch_request("c", "x", model="m-2")], "one model"),
    ],
)
def test_a_batch_that_cannot_work_is_refused_before_any_io(make, word):
    error, vendor = failing(lambda backend: backend.create_batch(make(backend)), InvalidRequestError)
    assert word in error.message
    assert vendor.server.connections == 0


def test_more_than_the_vendor_takes_is_refused_before_any_io(monkeypatch):
    from backbay.wires import openai_batches

    small = backbay.BatchLimits(max_requests=2, max_bytes=1000, id_pattern="[a-z]")
    monkeypatch.setattr(openai_batches.OpenAIBatches, "limits", small)
    for count, size in ((3, 1), (2, 1000)):
        make = lambda backend, n=count, s=size: [backend.batch_request("abc"[i], "x" * s) for i in range(n)]  # noqa: E731
        error, vendor = failing(lambda backend, given=make: backend.create_batch(given(backend)), InvalidRequestError)
        assert error.code == "batch_too_large"
        assert vendor.server.connections == 0
    error, _ = failing(lambda backend: asyncio.sleep(0, backend.batch_request("A", "x")), InvalidRequestError)
    assert "custom_id 'A'" in error.message


@pytest.mark.parametrize("given", ["", None, 3, "half \ud800"])
def test_an_id_that_is_no_text_is_refused(given):
    failing(lambda backend: asyncio.sleep(0, backend.batch_request(given, "x")), InvalidRequestError)


def test_a_request_is_checked_as_complete_checks_its_own():
    failing(lambda backend: asyncio.sleep(0, backend.batch_request("a", "x", temperature=-1)), InvalidRequestError)
    error, vendor = failing(lambda backend: asyncio.sleep(0, backend.batch_request("a", "x", top_k=1)), TypeError)
    assert error.phase == "prepare"
    assert vendor.server.connections == 0


BROKEN = Reply(framing="raw", end="reset")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (BROKEN, ConnectionLostError),
        (Reply.json({"error": {"message": "no"}}, status=500), ServerError),
        (Reply.json({"error": {"message": "no"}}, status=504), ServerError),
        (Reply.json({"nothing": 1}), DecodeError),
        (Reply(steps=[b"<html>"]), DecodeError),
    ],
)
def test_a_creation_whose_answer_is_lost_is_not_made_twice_and_says_so(reply, kind):
    vendor = Vendor(**{"/v1/batches": [reply, Reply.json(batch())]})
    error, vendor = failing(lambda backend: backend.create_batch(two(backend)), kind, vendor, retries=3)
    assert vendor.paths.count("POST /v1/batches") == 1
    assert may_have_been_made(error)
    assert not error.retryable
    assert MAYBE in str(error)


def test_a_limit_that_runs_out_in_a_creation_leaves_it_open():
    vendor = Vendor(**{"/v1/batches": Reply(steps=[Pause(5)])})
    work = lambda backend: backend.create_batch(two(backend), limits={"total": 0.2})  # noqa: E731
    error, _ = failing(work, backbay.LimitExceededError, vendor, retries=3)
    assert may_have_been_made(error)


@pytest.mark.parametrize("status", [429, 503])
def test_a_creation_that_was_refused_for_now_is_made_again(status):
    refused = Reply.json({"error": {"message": "slow"}}, status=status, headers={"retry-after": "0"})
    vendor = Vendor(**{"/v1/batches": [refused, Reply.json(batch("validating"))]})
    made, vendor = run(lambda backend: backend.create_batch(two(backend)), vendor, retries=1)
    assert made.id == "batch_1"
    assert vendor.paths == ["POST /v1/files", "POST /v1/batches", "POST /v1/batches"]


def test_a_creation_that_was_refused_for_good_says_nothing_of_a_batch():
    vendor = Vendor(**{"/v1/batches": Reply.json({"error": {"message": "no"}}, status=429)})
    error, _ = failing(lambda backend: backend.create_batch(two(backend)), RateLimitError, vendor)
    assert not may_have_been_made(error)
    assert error.retryable
    assert MAYBE not in str(error)


def test_an_upload_is_repeated_since_it_costs_nothing():
    vendor = Vendor(**{"/v1/files": [BROKEN, Reply.json({"id": "file-2"})]})
    _, vendor = run(lambda backend: backend.create_batch(two(backend)), vendor, retries=1)
    assert vendor.paths == ["POST /v1/files", "POST /v1/files", "POST /v1/batches"]
    assert vendor.server.requests[-1].json["input_file_id"] == "file-2"


def test_each_id_comes_once_though_two_files_have_it():
    vendor = Vendor(**{"/v1/files/err/content": lines(line("a", {"error": {"message": "x"}}, 500), line("b"))})
    results, _ = run(read, vendor)
    assert [(each.custom_id, each.error) for each in results] == [("a", None), ("b", None)]


def test_a_completed_batch_without_all_its_results_is_an_error_after_those_that_came():
    vendor = Vendor(**{"/v1/files/err/content": lines()})
    came = []

    async def reading(backend):
        async for result in backend.batch_results("batch_1"):
            came.append(result.custom_id)

    error, _ = failing(reading, TruncatedError, vendor)
    assert came == ["a"]
    assert error.retryable


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_of_a_batch_that_ended_early_there_are_the_results_that_there_are(status):
    vendor = Vendor(**{"/v1/batches/batch_1": Reply.json(batch(status, 5, output_file_id="out"))})
    results, _ = run(read, vendor)
    assert [each.custom_id for each in results] == ["a"]


def test_results_of_a_batch_that_has_not_ended_are_an_error_that_says_so():
    vendor = Vendor(**{"/v1/batches/batch_1": Reply.json(batch("in_progress"))})
    error, _ = failing(read, ResponseError, vendor)
    assert (error.code, error.retryable) == ("batch_not_ended", True)
    assert "in_progress" in error.message


def test_a_batch_that_ended_is_not_asked_for_again():
    async def reading(backend):
        return await read(backend, await backend.get_batch("batch_1"))

    _, vendor = run(reading)
    assert vendor.paths == ["GET /v1/batches/batch_1", "GET /v1/files/out/content", "GET /v1/files/err/content"]


def test_a_result_is_there_as_soon_as_its_line_is_however_the_bytes_come():
    data = b"".join(json.dumps(line(each)).encode() + b"\r\n" for each in "ab")
    cut = data.index(b'"custom_id": "b"')
    steps = [data[at : at + 7] for at in range(0, cut, 7)]
    vendor = Vendor(**{"/v1/files/out/content": Reply(steps=[*steps, Pause(5)])})

    async def first(backend):
        results = backend.batch_results("batch_1")
        found = await anext(results)
        await results.aclose()
        assert await asyncio.to_thread(vendor.server.wait_for, lambda server: server.hangups)
        return found

    found, _ = run(first, vendor)
    assert found.custom_id == "a"
    assert found.response.text == "pong"


def test_results_are_not_held_in_memory():
    piece = (json.dumps(line("a", answer("x" * 1000))).encode() + b"\n") * 50
    counts = batch(total=1, output_file_id="out")
    vendor = Vendor(**{"/v1/batches/batch_1": Reply.json(counts), "/v1/files/out/content": Reply(steps=[piece] * 300)})

    async def reading(backend):
        await backend.get_batch("batch_1")  # which loads and makes what is made once
        tracemalloc.start()
        try:
            count = len(await read(backend))
            return count, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    (count, peak), _ = run(reading, vendor)
    assert count == 1
    assert peak < 4 * 2**20 < len(piece) * 300


@pytest.mark.parametrize("bad", [b"nonsense\n", b"[1]\n", b'{"custom_id": ""}\n', b'{"response": {}}\n', b'{"custom_'])
def test_a_line_that_is_no_result_is_a_decode_error(bad):
    vendor = Vendor(**{"/v1/files/out/content": Reply(steps=[bad])})
    failing(read, DecodeError, vendor)


def test_an_answer_that_cannot_be_read_is_an_error_of_its_line_alone():
    vendor = Vendor(**{"/v1/files/out/content": lines(line("a", {"choices": []}), line("b"))})
    results, _ = run(read, vendor)
    assert isinstance(results[0].error, DecodeError)
    assert results[1].response.text == "pong"


def test_batches_are_listed_page_by_page_up_to_a_count():
    page = lambda ids, more: Reply.json({"data": [{**batch(), "id": each} for each in ids], "has_more": more})  # noqa: E731
    vendor = Vendor(**{"/v1/batches": [page("abc", True), page("de", False)]})
    found, vendor = run(lambda backend: backend.list_batches(), vendor)
    assert [each.id for each in found] == list("abcde")
    assert vendor.paths == ["GET /v1/batches?limit=100", "GET /v1/batches?limit=100&after=c"]
    vendor = Vendor(**{"/v1/batches": [page("abc", True), page("de", False)]})
    found, vendor = run(lambda backend: backend.list_batches(count=2), vendor)
    assert ([each.id for each in found], len(vendor.paths)) == (["a", "b"], 1)
    failing(lambda backend: backend.list_batches(count=0), InvalidRequestError)


def test_what_the_vendor_says_of_a_batch_is_told():
    errors = {"data": [{"code": "x", "message": "Line 1 is bad."}, {"message": "Line 2 too."}]}
    said = batch("failed", 0, errors=errors, failed_at=7, expires_at=9, metadata={"backbay_label": "l"}, model="m-1")
    found, _ = run(lambda backend: backend.get_batch("batch_1"), Vendor(**{"/v1/batches/batch_1": Reply.json(said)}))
    assert (found.status, found.ended, found.error) == (BatchStatus.FAILED, True, "Line 1 is bad.; Line 2 too.")
    assert (found.ended_at, found.expires_at, found.label, found.model) == (7.0, 9.0, "l", "m-1")
    said = {"id": "batch_1", "status": "paused"}
    found, _ = run(lambda backend: backend.get_batch("batch_1"), Vendor(**{"/v1/batches/batch_1": Reply.json(said)}))
    assert (found.status, found.raw_status, found.ended) == (BatchStatus.OTHER, "paused", False)


def test_an_id_cannot_lead_elsewhere():
    vendor = Vendor(**{"/v1/batches/..%2Fmodels%3Fx": Reply.json({"error": {"message": "no"}}, status=404)})
    failing(lambda backend: backend.get_batch("../models?x"), NotFoundError, vendor)


@pytest.mark.parametrize("given", ["", None, ".", "..", "half \ud800"])
def test_what_is_no_id_of_a_batch_is_refused_before_any_io(given):
    for call in ("get_batch", "cancel_batch", "batch_results"):
        _, vendor = failing(lambda backend, name=call: getattr(backend, name)(given), InvalidRequestError)
        assert vendor.server.connections == 0


def test_cancelling_gives_the_batch_back():
    found, vendor = run(lambda backend: backend.cancel_batch("batch_1"))
    assert found.status is BatchStatus.CANCELLING
    assert vendor.paths == ["POST /v1/batches/batch_1/cancel"]


def test_no_key_is_in_an_error_of_a_line():
    said = {"error": {"message": f"the key {KEY} is bad"}}
    never = {"code": "odd", "message": f"{KEY}?"}
    vendor = Vendor(
        **{
            "/v1/files/out/content": lines(line("a", said, 401)),
            "/v1/files/err/content": lines(line("b", error=never), line("c", {"choices": KEY})),
        }
    )
    results, _ = run(read, vendor)
    assert [each.response for each in results] == [None] * 3
    for result in results:
        assert KEY not in f"{result.error} {result.error!r} {vars(result.error)}"


def test_the_blocking_face_has_it_all():
    vendor = Vendor()
    with vendor.server as server:
        settings = {"api_key": KEY, "base_url": server.url, "capabilities": {"batches": "full"}}
        with backbay.connect_sync("openai-compatible:m-1", **settings) as backend:
            assert backend.batch_limits.max_requests == 50_000
            made = backend.create_batch(two(backend))
            assert backend.get_batch(made.id).ended
            assert [each.custom_id for each in backend.batch_results(made.id)] == ["a", "b"]
            for result in backend.batch_results(made.id):
                assert result.custom_id == "a"
                break
            assert backend.cancel_batch(made.id).status is BatchStatus.CANCELLING
            vendor.replies["/v1/batches"] = Reply.json({"data": [batch()]})
            assert [each.id for each in backend.list_batches()] == ["batch_1"]
