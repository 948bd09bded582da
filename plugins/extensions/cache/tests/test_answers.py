"""What is asked once, what comes out of the file, and what is never kept."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import time
from dataclasses import replace

import pytest

import backbay
import backbay_cache
from backbay import Ended, Finish, Ranked, Ranking, Response, Text, Thinking, ToolDelta, Usage, UsageSeen
from backbay.testing import Reply, connect_fake
from backbay.testing.fake import FAKE_SPEC, FakeBackend


async def events_of(stream):
    return [event async for event in stream]


def test_an_equal_request_is_asked_once_and_the_answer_says_where_it_came_from(run, vendor):
    async def main(backend):
        return await backend.complete("hi"), await backend.complete("hi"), backend.id

    first, second, name = run(main)
    assert (first.text, first.attempts, first.served_by) == ("Answer 1.", 1, f"acme:{vendor.url}")
    assert (second.text, second.attempts, second.served_by) == ("Answer 1.", 0, name)
    assert name == f"cache(acme:{vendor.url})"
    assert (second.usage, second.finish, second.id, second.raw) == (first.usage, first.finish, first.id, first.raw)
    assert len(vendor.bodies) == 1


def test_an_answer_outlives_the_program(run, vendor):
    async def main(backend):
        return await backend.complete("hi")

    assert [run(main).attempts for _ in range(3)] == [1, 0, 0]


def test_a_stream_comes_back_with_the_events_that_it_had(run, vendor):
    async def main(backend):
        streams = [backend.stream("hi") for _ in range(2)]
        return [(await events_of(stream), stream.response) for stream in streams]

    (first, answer), (second, again) = run(main)
    assert second == first
    assert [event.delta for event in second if isinstance(event, Text)] == ["Answer", " 1", "."]
    assert (again.text, again.usage, again.finish) == (answer.text, answer.usage, answer.finish)
    assert (answer.attempts, again.attempts) == (1, 0)
    assert again.served_by.startswith("cache(")
    assert len(vendor.bodies) == 1


@pytest.mark.parametrize("first", ["complete", "stream"])
def test_complete_and_stream_share_one_entry(run, vendor, first):
    async def main(backend):
        calls = {"complete": lambda: backend.complete("hi"), "stream": lambda: backend.stream("hi").collect()}
        one = await calls.pop(first)()
        (other,) = calls.values()
        return one, await other()

    one, other = run(main)
    assert (other.text, other.usage.input, other.finish, other.parts) == (one.text, 3, one.finish, one.parts)
    assert other.attempts == 0
    assert len(vendor.bodies) == 1


EVENTS = [
    backbay.Started("m", "answer-1"),
    Thinking("Let me "),
    Thinking("see.", {"fake": {"signature": "s"}}),
    Text("It "),
    Text("is.\ud800"),
    ToolDelta(0, "call-1", "look", '{"at": ', {"fake": 1}),
    ToolDelta(1, "call-2", "look", "{}"),
    ToolDelta(0, "call-1", "look", "1}"),
    UsageSeen(Usage(input=1, raw={"prompt": 1})),
    UsageSeen(Usage(output=2, cached=0, raw={"completion": 2})),
    Ended(Finish.TOOL_CALLS, "calls", None, {"logprobs": [0.1, None]}),
]


def test_thinking_calls_usage_and_details_come_back_whole(run):
    fake = connect_fake(EVENTS)

    async def main(backend):
        first = backend.stream("hi")
        seen = await events_of(first)
        second = backend.stream("hi")
        return seen, first.response, await events_of(second), await backend.complete("hi")

    seen, answer, again, whole = run(main, fake)
    assert seen == again == EVENTS
    assert (whole.parts, whole.usage, whole.details) == (answer.parts, answer.usage, answer.details)
    assert len(fake.requests) == 1


def test_a_paced_replay_takes_the_time_of_the_first_and_a_fast_one_none(run, vendor):
    vendor.pause = 0.1

    async def main(backend):
        start = time.monotonic()
        await backend.stream("hi").collect()
        return time.monotonic() - start

    assert run(main) >= 0.3
    assert run(main, replay="paced") >= 0.25
    assert run(main) < 0.25
    assert len(vendor.bodies) == 1


def test_refresh_asks_anew_and_keeps_what_comes(run, vendor):
    async def main(backend):
        texts = [(await backend.complete("hi")).text, (await backend.refreshing().complete("hi")).text]
        return [*texts, (await backend.complete("hi")).text]

    assert run(main) == ["Answer 1.", "Answer 2.", "Answer 2."]
    assert run(lambda backend: backend.complete("hi"), refresh=True).text == "Answer 3."
    assert run(lambda backend: backend.complete("hi")).text == "Answer 3."


def test_an_answer_is_good_for_ttl_seconds(run, vendor):
    async def main(backend):
        first = await backend.complete("hi")
        again = await backend.complete("hi")
        await asyncio.sleep(0.35)
        return [first.text, again.text, (await backend.complete("hi")).text]

    assert run(main, ttl=0.3) == ["Answer 1.", "Answer 1.", "Answer 2."]


def test_only_deterministic_leaves_other_requests_alone(run, vendor):
    async def main(backend):
        plain = [(await backend.complete("hi")).attempts for _ in range(2)]
        zero = [(await backend.complete("hi", temperature=0)).attempts for _ in range(2)]
        warm = [(await backend.complete("hi", temperature=0.5)).served_by for _ in range(2)]
        streamed = [(await backend.stream("hi").collect()).attempts for _ in range(2)]
        return plain, zero, len(set(warm)), streamed

    assert run(main, only_deterministic=True) == ([1, 1], [1, 0], 1, [1, 1])
    assert len(vendor.bodies) == 7


def test_vectors_are_kept_too(run, vendor):
    async def main(backend):
        return [await backend.embed(["a", "b"], model="e-1") for _ in range(2)], await backend.embed("a", model="e-1")

    (first, second), other = run(main)
    assert (second.vectors, second.model, second.usage) == (first.vectors, first.model, first.usage)
    assert (first.attempts, second.attempts, other.attempts) == (1, 0, 1)


def test_what_is_no_answer_goes_through(run, vendor):
    async def main(backend):
        assert backend.model == "m-1"
        assert backend.capabilities()["seed"] == "unsupported"
        return await backend.health(), [model.id for model in await backend.list_models()]

    health, models = run(main)
    assert health.reachable
    assert models == ["m-1"]


class Versatile(FakeBackend):
    """Counts tokens, ranks and continues texts, each time with another number."""

    def __init__(self):
        more = dict.fromkeys(("count_tokens", "rerank", "complete_raw"), "full")
        super().__init__(replace(FAKE_SPEC, capabilities=FAKE_SPEC.capabilities.with_(more)))
        self.count = 0

    async def _count_tokens(self, request):
        self.count += 1
        return self.count

    async def _rerank(self, model, query, documents, top_n, extra):
        self.count += 1
        return Ranking(results=[Ranked(index=0, score=self.count)])

    async def _complete_raw(self, request):
        self.count += 1
        return Response(text=f"{self.count}", finish=Finish.STOP)


def test_tokens_rankings_and_raw_texts_are_asked_each_time(run, file):
    async def main(backend):
        counted = [await backend.count_tokens("hi") for _ in range(2)]
        ranked = [(await backend.rerank("q", ["a"])).results[0].score for _ in range(2)]
        return counted, ranked, [(await backend.complete_raw("hi")).text for _ in range(2)]

    assert run(main, Versatile()) == ([1, 2], [3, 4], ["5", "6"])
    assert not file.exists()


def test_with_options_of_the_whole_and_of_the_backend_inside_mean_the_same(vendor, file):
    async def main():
        async with backbay.connect("acme:m-1") as inside:
            for backend in (
                backbay_cache.cached(inside).with_options(temperature=0),
                backbay_cache.cached(inside.with_options(temperature=0)),
            ):
                async with backend:
                    yield await backend.complete("hi")
                    yield await backend.complete("hi", temperature=1)

    async def collect():
        return [answer.attempts async for answer in main()]

    assert asyncio.run(collect()) == [1, 1, 0, 0]
    assert [body.get("temperature") for body in vendor.bodies] == [0, 1]


def test_what_was_left_out_is_said_by_the_call_that_asked_for_it(run, vendor):
    async def main(backend):
        answers = [await backend.complete("hi"), await backend.complete("hi", seed=1, on_unsupported="warn")]
        return [*answers, await backend.stream("hi", seed=2, on_unsupported="warn").collect()]

    answers = run(main)
    assert [(answer.attempts, answer.dropped) for answer in answers] == [(1, ()), (0, ("seed",)), (0, ("seed",))]


def test_what_the_backend_lacks_is_its_own_error_before_anything_is_sent(run, vendor):
    async def main(backend):
        with pytest.raises(backbay.UnsupportedError, match="seed") as caught:
            await backend.complete("hi", seed=1)
        with pytest.raises(backbay.UnknownOptionError, match="temperature"):
            backend.stream("hi", temprature=1)
        return caught.value.backend

    assert run(main) == f"acme:{vendor.url}"
    assert vendor.server.connections == 0


CUT = Reply(headers={"content-type": "text/event-stream"}, steps=[b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'])


@pytest.mark.parametrize("fail", [Reply.json({"error": {"message": "no"}}, status=400), CUT])
@pytest.mark.parametrize("how", ["complete", "stream"])
def test_an_error_and_an_answer_that_was_cut_are_not_kept(run, vendor, fail, how):
    vendor.fail = fail

    async def main(backend):
        async def ask():
            return await (backend.complete("hi") if how == "complete" else backend.stream("hi").collect())

        with pytest.raises(backbay.BackbayError):
            await ask()
        vendor.fail = None
        return await ask()

    assert run(main).attempts == 1


@pytest.mark.parametrize("finish", [Finish.CANCELLED, Finish.CONTENT_FILTER, Finish.OTHER])
def test_an_answer_that_did_not_end_well_is_not_kept(run, finish):
    fake = connect_fake([Text("half"), Ended(finish)])

    async def main(backend):
        return [(await backend.complete("hi")).attempts for _ in range(2)]

    assert run(main, fake) == [1, 1]


def test_a_call_with_arguments_that_cannot_be_read_is_not_kept(run):
    fake = connect_fake([ToolDelta(0, "c", "look", '{"at": '), Ended(Finish.TOOL_CALLS)])

    async def main(backend):
        return [(await backend.complete("hi")).attempts for _ in range(2)]

    assert run(main, fake) == [1, 1]


def test_a_stream_that_is_left_early_is_not_kept_and_its_connection_is_closed(run, vendor):
    vendor.pause = 0.2

    async def main(backend):
        async with backend.stream("hi") as stream:
            async for event in stream:
                if isinstance(event, Text):
                    break
        assert vendor.server.wait_for(lambda server: server.hangups)
        vendor.pause = 0.0
        return await backend.complete("hi")

    assert run(main).attempts == 1


def test_limits_hold_and_make_no_difference_to_what_is_asked(run, vendor):
    async def main(backend):
        await backend.complete("hi", limits={"total": 5})
        vendor.pause = 0.5
        with pytest.raises(backbay.LimitExceededError) as caught:
            await backend.stream("ho", limits={"first_event": 0.1}).collect()
        assert (await backend.complete("hi", limits={"total": 9})).attempts == 0
        return caught.value.limit

    assert run(main) == "first_event"


def test_inside_a_fallback_it_is_the_cache_that_answered(vendor, file):
    async def main():
        inside = backbay_cache.cached("acme:m-1")
        async with inside, backbay.fallback(inside, connect_fake()) as backend:
            await backend.complete("hi")
            streamed = await backend.stream("hi").collect()
            return inside.id, await backend.complete("hi"), streamed

    name, *answers = asyncio.run(main())
    assert [(answer.served_by, answer.attempts) for answer in answers] == [(name, 0)] * 2


def test_a_fallback_inside_is_cached_by_what_each_of_it_starts_from(vendor, file):
    async def main():
        fake = connect_fake("one")
        async with backbay.connect("acme:m-1") as other:
            wholes = [backbay.fallback(fake, other), backbay.fallback(fake.with_options(temperature=0), other)]
            found = []
            for whole in [*wholes, *wholes]:
                async with backbay_cache.cached(whole) as backend:
                    found.append((await backend.complete("hi")).attempts)
            return found

    assert asyncio.run(main()) == [1, 1, 0, 0]


def test_a_call_that_blocks_is_cached_too(vendor, file):
    with backbay.SyncBackend(backbay_cache.cached("acme:m-1")) as backend:
        assert [backend.complete("hi").attempts for _ in range(2)] == [1, 0]
        with backend.stream("hi") as stream:
            assert "".join(stream.texts()) == "Answer 1."


def test_hooks_see_the_calls_that_are_made_and_no_others(run, vendor):
    seen = []
    plugin = type("Hooks", (), {})()
    plugin.after_response = backbay.hooks.hookimpl()(lambda backend, response: seen.append(backend.id))
    backbay.hooks.add(plugin)
    try:

        async def main(backend):
            for _ in range(3):
                await backend.complete("hi")

        run(main)
    finally:
        backbay.hooks.remove(plugin)
    assert seen == [f"acme:{vendor.url}"]


def test_the_real_model_answers_once(run):
    async def main(backend):
        first = await backend.stream("Name a city.", max_tokens=12).collect()
        return first, await backend.complete("Name a city.", max_tokens=12)

    first, second = run(main, "local:tiny")
    assert first.text
    assert (second.text, second.usage, second.finish, second.attempts) == (first.text, first.usage, first.finish, 0)


def test_the_file_is_its_owners_alone_and_has_neither_the_key_nor_the_prompt(run, vendor, file, key):
    async def main(backend):
        await backend.complete("a very secret prompt", extra={"user": "u-77"})
        for each in file.parent.iterdir():  # with the journal, while it is open
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each

    run(main)
    for content in (each.read_bytes() for each in file.parent.iterdir()):
        assert key.encode() not in content
        assert b"secret prompt" not in content
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT backend, model, length(key) FROM entry").fetchall() == [
            (f"acme:{vendor.url}", "m-1", 32)
        ]
    connection.close()


def test_the_least_recently_used_go_and_the_file_stays_near_its_size(run, vendor, file):
    limit = 200_000
    fakes = {}

    async def main(backend):
        for number in range(400):
            await backend.complete(f"{number}")
            await backend.complete("0")  # is used all the time
        return (await backend.complete("0")).attempts, (await backend.complete("1")).attempts

    fake = connect_fake()
    fake.answers = [os.urandom(2000).hex()]
    fakes["requests"] = fake.requests
    assert run(main, fake, max_bytes=limit) == (0, 1)
    assert len(fakes["requests"]) == 401
    with sqlite3.connect(file) as connection:
        kept, size, entries = connection.execute(
            "SELECT bytes, (SELECT sum(size) FROM entry), (SELECT count(*) FROM entry) FROM whole"
        ).fetchone()
    connection.close()
    assert kept == size <= limit
    assert entries > 20
    assert file.stat().st_size < 2 * limit


def test_an_answer_larger_than_the_cache_is_not_kept(run):
    fake = connect_fake(os.urandom(4000).hex())

    async def main(backend):
        return [(await backend.complete("hi")).attempts for _ in range(2)]

    assert run(main, fake, max_bytes=1000) == [1, 1]


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": "1"}, {"ttl": True}, {"max_bytes": 0}, {"replay": "slow"}])
def test_a_wrong_value_is_said_before_anything_is_opened(file, wrong):
    with pytest.raises(backbay.ConfigurationError, match=next(iter(wrong))):
        backbay_cache.cached(connect_fake(), **wrong)
    assert not file.exists()
