from __future__ import annotations

import asyncio
import threading
import time

import pytest
import xllamacpp

import backbay
from backbay_local.job import Job
from backbay_local.plans import TINY_PATH
from backbay_local.pool import POOL

ENDLESS = {"extra": {"ignore_eos": True}}


def the_engine():
    [share] = POOL._shares.values()
    return share.loaded


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert POOL._shares == {}


def test_nothing_is_loaded_before_the_first_call(loads):
    async def main():
        backend = backbay.connect("local:tiny")
        stream = backend.stream("Say pong")
        assert loads == []
        await stream.collect()
        assert loads == [False]
        await backend.aclose()

    asyncio.run(main())


def test_concurrent_first_calls_and_backends_of_one_set_up_load_one_engine(loads):
    async def main():
        backends = [backbay.connect("local:tiny") for _ in range(3)]
        await asyncio.gather(*(backend.complete("Say pong", max_tokens=2) for backend in backends * 3))
        for backend in backends[:2]:
            await backend.aclose()
        await backends[2].complete("Say pong", max_tokens=2)
        await backends[2].aclose()

    asyncio.run(main())
    assert loads == [False]


def test_another_set_up_has_an_engine_of_its_own(loads):
    async def main():
        async with backbay.connect("local:tiny") as one, backbay.connect("local:tiny", context=256) as other:
            await one.complete("Say pong", max_tokens=2)
            answer = await other.complete("Tell me a story.", **ENDLESS)
            assert answer.usage.total == 256

    asyncio.run(main())
    assert loads == [False, False]


def test_the_last_close_frees_the_engine_and_a_new_backend_loads_again(loads):
    async def main():
        for _ in range(2):
            async with backbay.connect("local:tiny") as backend:
                await backend.complete("Say pong", max_tokens=2)
                assert len(POOL._shares) == 1
            assert POOL._shares == {}

    asyncio.run(main())
    assert loads == [False, False]


def test_a_failed_load_reaches_all_who_wait_and_the_next_call_tries_again(monkeypatch):
    real = xllamacpp.Server

    def broken(parameters):
        time.sleep(0.1)
        raise RuntimeError("no memory")

    async def main():
        async with backbay.connect("local:tiny") as backend:
            monkeypatch.setattr(xllamacpp, "Server", broken)
            found = await asyncio.gather(*(backend.complete("Say pong") for _ in range(3)), return_exceptions=True)
            assert [type(error) for error in found] == [backbay.ConfigurationError] * 3
            assert len({id(error) for error in found}) == 3
            assert "no memory" in str(found[0])
            monkeypatch.setattr(xllamacpp, "Server", real)
            assert (await backend.complete("Say pong")).text

    asyncio.run(main())


def test_a_call_that_is_cancelled_while_the_model_loads_takes_nothing_from_the_others(monkeypatch):
    real = xllamacpp.Server

    def slow(parameters):
        time.sleep(0.2)
        return real(parameters)

    monkeypatch.setattr(xllamacpp, "Server", slow)

    async def main():
        async with backbay.connect("local:tiny") as backend:
            first = asyncio.create_task(backend.complete("Say pong"))
            second = asyncio.create_task(backend.complete("Say pong"))
            await asyncio.sleep(0.05)
            first.cancel()
            assert (await second).text
            with pytest.raises(asyncio.CancelledError):
                await first

    asyncio.run(main())


def test_a_model_can_be_named_by_the_call_for_that_call_only():
    """N7."""

    async def main():
        async with backbay.connect("local:tiny") as backend:
            other = str(TINY_PATH)
            models = await asyncio.gather(
                *(backend.complete("Say pong", model=model, temperature=0) for model in (None, other, None))
            )
            return [answer.model for answer in models]

    assert asyncio.run(main()) == ["tiny", "backbay-tiny-q8_0.gguf", "tiny"]


def test_32_requests_at_once_are_all_answered_by_4_slots(loads):
    async def main():
        async with backbay.connect("local:tiny") as backend:
            answers = await asyncio.gather(*(backend.complete("What is the capital of France?") for _ in range(32)))
            assert the_engine().plan.slots == 4
            return answers

    answers = asyncio.run(main())
    assert all("Paris" in answer.text for answer in answers)
    assert loads == [False]


@pytest.mark.parametrize("slots", [1, 2])
def test_more_requests_than_slots_are_worked_on_in_their_turn(emitted, slots):
    at_once = []

    async def one(backend):
        async for _ in backend.stream("Tell me a story.", max_tokens=20, **ENDLESS):
            at_once.append(len(the_engine()._running))

    async def main():
        async with backbay.connect("local:tiny", slots=slots) as backend:
            await asyncio.gather(*(one(backend) for _ in range(5)))

    asyncio.run(main())
    assert max(at_once) == slots


def test_leaving_a_stream_frees_its_slot_for_the_next(emitted):
    """M13."""

    async def main():
        async with backbay.connect("local:tiny", slots=1) as backend:
            async with backend.stream("Tell me a story.", **ENDLESS) as stream:
                async for _ in stream:
                    break
            assert (await backend.complete("Say pong")).finish is backbay.Finish.STOP

    asyncio.run(main())
    # The whole story would have 2000.
    assert len(emitted) < 200


def test_cancelling_a_task_stops_the_generation(emitted):
    async def main():
        async with backbay.connect("local:tiny") as backend:
            task = asyncio.create_task(backend.complete("Tell me a story.", **ENDLESS))
            while len(emitted) < 10:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while the_engine()._threads:
                await asyncio.sleep(0.001)

    asyncio.run(main())
    assert len(emitted) < 200


def test_a_queued_request_can_be_cancelled_before_it_begins(emitted):
    """N11."""

    async def main():
        async with backbay.connect("local:tiny", slots=1) as backend:
            async with backend.stream("Tell me a story.", **ENDLESS) as first:
                await anext(first)
                engine = the_engine()
                second = asyncio.create_task(backend.complete("Say pong"))
                while not engine._waiting:
                    await asyncio.sleep(0.001)
                second.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await second
                assert not engine._waiting
                assert await anext(first)

    asyncio.run(main())


def test_limits_hold_while_a_request_waits_and_while_it_runs(emitted):
    """N10."""

    async def main():
        async with backbay.connect("local:tiny", slots=1) as backend:
            async with backend.stream("Tell me a story.", **ENDLESS) as first:
                await anext(first)
                with pytest.raises(backbay.LimitExceededError) as waiting:
                    await backend.complete("Say pong", limits={"first_event": 0.05})
            with pytest.raises(backbay.LimitExceededError) as running:
                await backend.complete("Tell me a story.", limits={"total": 0.5}, **ENDLESS)
            return waiting.value, running.value

    waiting, running = asyncio.run(main())
    assert (waiting.limit, waiting.partial) == ("first_event", None)
    assert running.limit == "total"
    assert running.partial.text


def test_closing_the_backend_ends_its_streams_with_a_typed_error(emitted):
    """M13."""

    async def main():
        backend = backbay.connect("local:tiny")
        stream = backend.stream("Tell me a story.", **ENDLESS)
        while not stream.partial.text:
            await anext(stream)
        await backend.aclose()
        await backend.aclose()
        with pytest.raises(backbay.ClosedError) as caught:
            async for _ in stream:
                continue
        assert caught.value.partial.text
        with pytest.raises(backbay.ClosedError):
            await backend.complete("Say pong")

    asyncio.run(main())


def test_closing_one_backend_leaves_another_on_the_same_engine_alone():
    async def main():
        one, other = backbay.connect("local:tiny"), backbay.connect("local:tiny")
        await one.health()
        async with other.stream("Tell me a story.", max_tokens=100, **ENDLESS) as stream:
            await anext(stream)
            await one.aclose()
            answer = await stream.collect()
        assert answer.usage.output == 100
        await other.aclose()

    asyncio.run(main())


def test_one_backend_serves_two_loops_in_a_row(loads):
    """L15."""
    backend = backbay.connect("local:tiny")
    texts = [asyncio.run(backend.complete("Say pong")).text for _ in range(2)]
    asyncio.run(backend.aclose())
    assert texts[0] == texts[1]
    assert loads == [False]


def test_a_loop_that_is_closed_in_the_middle_of_an_answer_does_no_harm():
    backend = backbay.connect("local:tiny")
    loop = asyncio.new_event_loop()
    story = backbay.Message(role="user", content="Tell me a story.")
    source = backend._stream(backbay.Request(model="tiny", messages=(story,), **ENDLESS))
    loop.run_until_complete(anext(source))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert asyncio.run(backend.complete("Say pong")).text
    asyncio.run(backend.aclose())


def test_the_loop_runs_on_while_the_engine_works():
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        async with backbay.connect("local:tiny") as backend:
            await backend.health()
            ticking = asyncio.create_task(tick())
            await backend.complete("Tell me a story.", max_tokens=400, **ENDLESS)
            ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 10


def test_it_can_be_used_from_several_threads_without_a_loop(loads):
    texts = []
    with backbay.connect_sync("local:tiny") as backend:

        def one():
            texts.append("".join(backend.stream("What is the capital of France?").texts()))

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(texts) == 4
    assert all("Paris" in text for text in texts)
    assert loads == [False]


def test_a_prompt_that_is_still_being_read_can_be_stopped(monkeypatch):
    """N11."""
    seen = []
    real = Job._emit

    def emit(self, chunk):
        seen.append(chunk)
        if len(seen) == 1:
            self._loop.call_soon_threadsafe(task.cancel)
            while not self._stopped:
                time.sleep(0.001)
        return real(self, chunk)

    monkeypatch.setattr(Job, "_emit", emit)

    async def main():
        nonlocal task
        async with backbay.connect("local:tiny") as backend:
            task = asyncio.create_task(backend.complete("word " * 2000))
            with pytest.raises(asyncio.CancelledError):
                await task

    task = None
    asyncio.run(main())
    [chunk] = seen
    assert chunk["prompt_progress"]["processed"] < chunk["prompt_progress"]["total"] > 2000
