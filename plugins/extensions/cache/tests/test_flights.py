"""Equal calls at once: they ask once, and what becomes of one is nothing to the others."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import backbay
import backbay_cache
from backbay import Ended, Finish, Text
from backbay.testing import Reply, connect_fake
from backbay.testing.fake import FakeBackend


class Slow(FakeBackend):
    """Answers in steps of ``step`` seconds; ``begun`` and ``ended`` count its streams."""

    begun = ended = 0
    step = 0.05

    async def until_asked(self):
        while not self.begun:
            await asyncio.sleep(0.005)

    async def _stream(self, request):
        self.begun += 1
        number = self.begun
        try:
            for word in ("one", " two", " three"):
                await asyncio.sleep(self.step)
                yield Text(f"{word}{number}")
            yield Ended(Finish.STOP)
        finally:
            self.ended += 1


@pytest.fixture
def slow():
    return Slow()


@pytest.mark.parametrize("how", ["complete", "stream"])
def test_equal_calls_at_once_ask_once(run, vendor, how):
    vendor.pause = 0.05

    async def main(backend):
        def ask():
            return backend.complete("hi") if how == "complete" else backend.stream("hi").collect()

        return await asyncio.gather(*(ask() for _ in range(8)), ask())

    answers = run(main)
    assert {answer.text for answer in answers} == {"Answer 1."}
    assert sorted(answer.attempts for answer in answers) == [0] * 8 + [1]
    assert len({answer.served_by for answer in answers if not answer.attempts}) == 1
    assert len(vendor.bodies) == 1


def test_who_joins_a_stream_gets_its_events_as_they_come(run, slow):
    async def main(backend):
        first = asyncio.create_task(backend.stream("hi").collect())
        await slow.until_asked()
        stream = backend.stream("hi")
        await anext(stream)
        early = not first.done()
        return early, (await stream.collect()).text, (await first).text

    assert run(main, slow) == (True, "one1 two1 three1", "one1 two1 three1")
    assert slow.begun == 1


@pytest.mark.parametrize("gone", ["first", "second"])
@pytest.mark.parametrize("how", ["complete", "stream"])
def test_cancelling_one_harms_not_the_other(run, slow, how, gone):
    async def main(backend):
        def ask():
            return backend.complete("hi") if how == "complete" else backend.stream("hi").collect()

        async def wrapped():
            return await ask()

        tasks = {name: asyncio.create_task(wrapped()) for name in ("first", "second")}
        await slow.until_asked()
        tasks.pop(gone).cancel()
        (left,) = tasks.values()
        return (await left).text

    assert run(main, slow) == "one1 two1 three1"
    assert slow.begun == 1


def test_when_all_have_left_the_work_is_stopped_at_once(run, slow):
    slow.step = 5.0

    async def main(backend):
        tasks = [asyncio.ensure_future(backend.complete("hi")) for _ in range(3)]
        await slow.until_asked()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return slow.begun, slow.ended

    assert run(main, slow) == (1, 1)


def test_who_reads_slowly_holds_nobody_up(run, slow):
    async def main(backend):
        lazy = backend.stream("hi")
        await anext(lazy)
        whole = await asyncio.wait_for(backend.stream("hi").collect(), 1.0)
        return whole.text, (await lazy.collect()).text

    assert run(main, slow) == ("one1 two1 three1",) * 2


def test_a_failure_before_the_first_event_is_the_first_ones_alone(run):
    fake = connect_fake(backbay.ServerError("broken"), "better")

    async def main(backend):
        return await asyncio.gather(*(backend.complete("hi") for _ in range(3)), return_exceptions=True)

    first, *others = run(main, fake)
    assert isinstance(first, backbay.ServerError)
    assert [answer.text for answer in others] == ["better", "better"]


def test_each_has_its_own_error_where_a_stream_breaks_in_its_middle(run, vendor):
    steps = vendor._stream({}).steps
    vendor.pause = 0.05
    vendor.fail = Reply(headers={"content-type": "text/event-stream"}, steps=[*vendor._stream({}).steps[:4]], end="cut")
    assert len(steps) > 4

    async def main(backend):
        return await asyncio.gather(*(backend.stream("hi").collect() for _ in range(2)), return_exceptions=True)

    first, second = run(main)
    assert isinstance(first, backbay.ConnectionLostError)
    assert type(second) is type(first)
    assert second is not first
    assert second.partial.text == first.partial.text == "Answer 0"


def test_calls_with_other_limits_do_not_join(run, slow):
    async def main(backend):
        short = asyncio.ensure_future(backend.complete("hi", limits={"total": slow.step * 1.5}))
        long = asyncio.ensure_future(backend.complete("hi", limits={"total": 5}))
        return await asyncio.gather(short, long, return_exceptions=True)

    short, long = run(main, slow)
    assert isinstance(short, backbay.LimitExceededError)
    assert long.text.startswith("one")


def test_equal_calls_of_several_threads_ask_once(vendor, file):
    vendor.pause = 0.3
    found = []
    barrier = threading.Barrier(4)

    async def main(backend):
        barrier.wait(5)
        found.append(await backend.complete("hi"))

    backend = backbay_cache.cached("acme:m-1")
    threads = [threading.Thread(target=lambda: asyncio.run(main(backend))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    asyncio.run(backend.aclose())
    assert sorted(answer.attempts for answer in found) == [0, 0, 0, 1]
    assert len(vendor.bodies) == 1


def test_a_loop_that_ends_takes_no_call_of_another_with_it(file):
    slow = Slow()
    slow.step = 0.1
    backend = backbay_cache.cached(slow)
    began = threading.Event()

    async def leave():
        task = asyncio.ensure_future(backend.complete("hi"))
        await asyncio.sleep(0.05)
        began.set()
        await asyncio.sleep(0.1)
        task.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(leave()))
    thread.start()
    began.wait(5)
    answer = asyncio.run(backend.complete("hi"))
    thread.join(5)
    asyncio.run(backend.aclose())
    assert answer.text.startswith("one")


def test_closing_ends_what_is_under_way(file, slow):
    slow.step = 5.0

    async def main():
        backend = backbay_cache.cached(slow)
        task = asyncio.ensure_future(backend.complete("hi"))
        await slow.until_asked()
        start = time.monotonic()
        await backend.aclose()
        with pytest.raises(backbay.ClosedError):
            await task
        with pytest.raises(backbay.ClosedError):
            await backend.complete("hi")
        return time.monotonic() - start

    assert asyncio.run(main()) < 1.0
    assert slow.ended == 1
