"""What is in a record, and what never is."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import stat
import time

import pytest

import backbay
from backbay import Ended, Finish, Text, Thinking, ToolDelta, Usage, UsageSeen
from backbay.testing import Reply, connect_fake

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 10


def call(how="complete", prompt="What is the capital?", backend="acme:m-1", **options):
    """Return a function that makes one call, and lets its error go."""

    async def main():
        made = backbay.connect(backend) if isinstance(backend, str) else backend
        async with made:
            try:
                await (
                    made.complete(prompt, **options) if how == "complete" else made.stream(prompt, **options).collect()
                )
            except backbay.BackbayError:
                return

    return lambda: asyncio.run(main())


@pytest.mark.parametrize("how", ["complete", "stream"])
def test_a_call_is_one_record(logged, vendor, how):
    before = time.time()
    (record,) = logged(call(how, system="Be brief.", temperature=0, max_tokens=9, limits={"total": 9}))
    assert record.id == 1
    assert before <= record.time <= time.time()
    assert (record.backend, record.model, record.operation) == (f"acme:{vendor.url}", "m-1", "generate")
    assert record.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the capital?"},
    ]
    assert record.options == {"temperature": 0, "max_tokens": 9}
    assert record.text.strip() == "Paris is the capital."
    assert record.usage == {"input": 3, "output": 2, "cached": None, "cache_written": None, "reasoning": None}
    assert (record.finish, record.answered_by, record.response_id) == ("stop", "m-1-2026", "c-1")
    assert (record.attempts, record.error, record.closed) == (1, None, False)
    assert 0 < record.duration < 5
    assert (record.first_event is not None) == (how == "stream")


def test_thinking_and_calls_are_logged_and_the_vendors_own_data_is_not(logged):
    events = [
        Thinking("Let me see.", {"fake": {"signature": "xyz"}}),
        ToolDelta(0, "call-1", "look", '{"at": 1}', {"fake": 1}),
        UsageSeen(Usage(input=1)),
        Ended(Finish.TOOL_CALLS),
    ]
    fake = connect_fake(events)

    async def main():
        answer = await fake.complete("hi")
        await fake.complete([{"role": "user", "content": "hi"}, answer.message, _result()])

    first, second = logged(lambda: asyncio.run(main()))
    assert first.thinking == "Let me see."
    assert first.tool_calls == [{"id": "call-1", "name": "look", "arguments": '{"at": 1}'}]
    assert second.messages[1]["tool_calls"][0]["name"] == "look"
    assert "xyz" not in str(second)


def _result():
    return {"role": "tool", "content": "nothing there", "tool_call_id": "call-1"}


def test_calls_at_once_are_each_their_own(logged, vendor):
    vendor.pause = 0.02

    async def main():
        async with backbay.connect("acme:m-1") as backend:
            streams = [backend.stream(f"number {number}") for number in range(16)]
            await asyncio.gather(*(stream.collect() for stream in streams), backend.complete("whole"))

    found = logged(lambda: asyncio.run(main()))
    assert sorted(record.messages[0]["content"] for record in found) == sorted(
        ["whole", *(f"number {number}" for number in range(16))]
    )
    assert all(record.text.strip() == "Paris is the capital." for record in found)
    assert all(record.duration >= 0.08 for record in found if record.first_event is not None)


@pytest.mark.parametrize("how", ["complete", "stream"])
def test_an_error_is_logged_with_what_it_knows(logged, vendor, how):
    vendor.fail = Reply.json({"error": {"message": "No such model.", "code": "gone"}}, status=404)
    (record,) = logged(call(how))
    assert record.error["message"]
    assert record.error["type"].endswith("Error")
    assert record.error["status"] == 404
    assert (record.text, record.finish, record.attempts) == ("", None, 1)


def test_a_stream_that_breaks_is_logged_with_what_had_come(logged, vendor):
    whole = vendor.steps()
    vendor.fail = Reply(headers={"content-type": "text/event-stream"}, steps=whole[:4], end="cut")
    (record,) = logged(call("stream"))
    assert record.text == "Paris is "
    assert record.error["type"] == "ConnectionLostError"


def test_a_stream_that_its_caller_left_is_logged_as_that(logged, vendor):
    vendor.pause = 0.02

    async def main():
        async with backbay.connect("acme:m-1") as backend:
            async with backend.stream("hi") as stream:
                async for event in stream:
                    if isinstance(event, Text):
                        break
            del stream, event
            gc.collect()
            await asyncio.sleep(0.05)

    (record,) = logged(lambda: asyncio.run(main()))
    assert record.closed
    assert record.text == "Paris "
    assert (record.error, record.finish) == (None, None)


def test_a_stream_that_nobody_read_is_no_call(logged, vendor):
    async def main():
        async with backbay.connect("acme:m-1") as backend:
            backend.stream("hi")
            gc.collect()
            await asyncio.sleep(0.02)

    assert logged(lambda: asyncio.run(main())) == []


def test_images_are_logged_by_size_and_hash_and_with_data_only_where_asked_for(logged, vendor, tmp_path):
    data = base64.b64encode(PNG).decode()
    messages = [
        {"role": "user", "content": "one", "images": [data]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]},
        {"role": "user", "content": [{"type": "image", "url": "https://example.com/a.png?signature=s3cret#x"}]},
    ]
    (record,) = logged(call(prompt=messages, extra={"also": [f"data:image/png;base64,{data}"]}))
    digest = {"bytes": len(PNG), "sha256": hashlib.sha256(PNG).hexdigest()}
    assert record.messages[0]["images"] == [digest]
    assert record.messages[1]["content"][0]["data"] == digest
    assert record.messages[2]["content"][0]["url"] == "https://example.com/a.png?***"
    assert record.options["extra"]["also"] == [digest]
    assert data not in str(record)
    assert data.encode() not in logged.file.read_bytes()
    (whole,) = logged(call(prompt=messages), file=tmp_path / "whole.db", data=True)
    assert whole.messages[0]["images"] == [data]


def test_the_key_is_in_no_record_wherever_it_stood(logged, vendor, key):
    vendor.text = f"Your key is {key}."
    logged(call(prompt=f"My key is {key}", extra={"x": key}))
    vendor.fail = Reply.json({"error": {"message": f"Bad key {key}"}}, status=401)
    found = logged(call("stream", prompt=f"Again {key}"))
    assert len(found) == 2
    assert found[0].messages[0]["content"] == "My key is ***"
    for each in logged.file.parent.iterdir():
        assert key.encode() not in each.read_bytes()


def test_a_placeholder_for_a_key_takes_no_words_out(logged, vendor):
    async def main():
        async with backbay.connect("acme:m-1", api_key="none") as backend:
            await backend.complete("none of that")

    (record,) = logged(lambda: asyncio.run(main()))
    assert record.messages[0]["content"] == "none of that"


def test_the_file_is_its_owners_alone(logged, vendor):
    seen = []

    def action():
        call()()
        import backbay_logs.observing

        backbay_logs.observing._started[-1].writer.flush()
        seen.extend(stat.S_IMODE(each.stat().st_mode) for each in logged.file.parent.iterdir())

    logged(action)
    assert set(seen) == {0o600}
    assert stat.S_IMODE(logged.file.stat().st_mode) == 0o600


def test_a_text_that_no_database_can_hold_is_logged_exactly(logged):
    text = "half \ud83d, nothing \0, é"
    (record,) = logged(call(prompt=f"say {text}", backend=connect_fake(text)))
    assert record.text == text
    assert record.messages[0]["content"] == f"say {text}"


def test_a_call_that_blocks_is_logged_too(logged, vendor):
    def action():
        with backbay.connect_sync("acme:m-1") as backend:
            backend.complete("hi")

    (record,) = logged(action)
    assert record.text == "Paris is the capital."


def test_of_a_fallback_each_backend_that_is_asked_is_a_record(logged, vendor):
    async def main():
        broken = connect_fake(backbay.ServerError("broken"))
        async with backbay.connect("acme:m-1") as other, backbay.fallback(broken, other) as backend:
            await backend.complete("hi")

    first, second = logged(lambda: asyncio.run(main()))
    assert (first.backend, first.error["type"]) == ("fake", "ServerError")
    assert (second.backend, second.error) == (f"acme:{vendor.url}", None)


def test_the_real_model_is_logged(logged):
    (record,) = logged(call("stream", "Name a city.", "local:tiny", max_tokens=8))
    assert record.text
    assert record.usage["output"] > 0


def test_jobs_are_not_logged(logged, vendor):
    class Sink:
        async def send_chunk(self, data):
            assert data

    async def main():
        async with backbay.connect("acme:m-1", capabilities={"execute": "full"}) as backend:
            job = backbay.Job("j", "m-1", {"messages": [{"role": "user", "content": "hi"}]})
            assert (await backend.execute(job, Sink())).output_tokens == 2

    assert logged(lambda: asyncio.run(main())) == []
    assert len(vendor.server.requests) == 1
