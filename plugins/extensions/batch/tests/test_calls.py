"""Calls of a program through an engine: no files, and otherwise as a batch's lines."""

from __future__ import annotations

import asyncio
import pickle

import pytest

import backbay
from backbay.errors import AuthenticationError, ClosedError, InvalidRequestError
from backbay.testing import Pause, Reply
from backbay_batch import BatchSetupError, BatchStoppedError, Call, Caller, Item, Outcome, Rules
from backbay_batch.asking import ask
from backbay_batch.pump import pump


def run(calls, **settings):
    """Run what makes calls with a caller over Acme."""

    async def main():
        async with backbay.connect("acme:acme-1") as backend, Caller(backend, **settings) as caller:
            return await asyncio.wait_for(calls(caller), 10)

    return asyncio.run(main())


def test_each_call_has_its_own_answer_and_the_tokens_are_counted(vendor):
    async def calls(caller):
        answers = await asyncio.gather(*(caller.complete(f"p{number}", max_tokens=5) for number in range(30)))
        assert caller.tokens == 30 * 15
        assert caller.cost == 0.0
        return [answer.text for answer in answers]

    assert run(calls) == [f"echo p{number}" for number in range(30)]
    assert vendor.total == 30


def test_what_travels_can_be_pickled(vendor):
    item = Item(1, b"", Call("hi", {"max_tokens": 3, "limits": backbay.Limits(total=5)}))
    assert pickle.loads(pickle.dumps(item)) == item

    async def main():
        async with backbay.connect("acme:acme-1") as backend:
            good = await ask(backend, item)
            bad = await ask(backend, Item(2, b"", Call("hi", {"temperature": "hot"})))
            return [pickle.loads(pickle.dumps(outcome)) for outcome in (good, bad)]

    good, bad = asyncio.run(main())
    assert good.response.text == "echo hi"
    assert isinstance(bad.error, InvalidRequestError)
    assert bad.failure.type == "InvalidRequestError"


def test_a_call_that_is_wrong_is_its_own_error_and_the_others_go_on(vendor):
    async def calls(caller):
        return await asyncio.gather(
            caller.complete("a"), caller.complete("b", temperature="hot"), caller.complete("c"), return_exceptions=True
        )

    first, wrong, last = run(calls)
    assert (first.text, last.text) == ("echo a", "echo c")
    assert isinstance(wrong, InvalidRequestError)
    assert vendor.total == 2


def test_one_that_is_withdrawn_while_it_waits_is_never_sent(vendor):
    vendor.pause = 0.2

    async def calls(caller):
        first, second, third = (asyncio.create_task(caller.complete(name)) for name in "abc")
        await asyncio.sleep(0.05)
        second.cancel()
        assert [(await task).text for task in (first, third)] == ["echo a", "echo c"]
        with pytest.raises(asyncio.CancelledError):
            await second

    run(calls, rules=Rules(concurrency=1))
    assert dict(vendor.asked) == {"a": 1, "c": 1}


def test_with_an_engine_that_hears_of_no_withdrawal_the_outcome_is_thrown_away(vendor):
    class Plain:
        async def run(self, items, target):
            async with target.connected() as backend:
                async for item in items:
                    yield await ask(backend, item)

    vendor.pause = 0.1

    async def calls(caller):
        first = asyncio.create_task(caller.complete("a"))
        await asyncio.sleep(0.05)
        first.cancel()
        return (await caller.complete("b")).text

    assert run(calls, engine=Plain()) == "echo b"
    assert dict(vendor.asked) == {"a": 1, "b": 1}


def test_closing_ends_what_is_under_way(vendor):
    vendor.pause = 5.0

    async def calls(caller):
        tasks = [asyncio.create_task(caller.complete(name)) for name in "ab"]
        await asyncio.sleep(0.1)
        await caller.aclose()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(failure) for failure in found] == [ClosedError] * 2
        vendor.pause = 0.0
        return (await caller.complete("c")).text

    assert run(calls) == "echo c", "the next call begins anew"


def test_a_refused_key_ends_the_rest_with_the_same_error_and_later_calls_are_tried(vendor):
    vendor.answers["no"] = lambda times: Reply.json({"error": {"message": "no"}}, status=401)

    async def calls(caller):
        found = await asyncio.gather(*(caller.complete(f"no {n}") for n in range(40)), return_exceptions=True)
        assert {type(failure) for failure in found} == {AuthenticationError}
        return (await caller.complete("yes")).text

    assert run(calls, rules=Rules(concurrency=2)) == "echo yes"
    assert vendor.total <= 5


def test_failures_one_after_another_stop_it_and_say_so(vendor):
    vendor.answers["no"] = lambda times: Reply.json({"error": {"message": "no"}}, status=400)

    async def calls(caller):
        return await asyncio.gather(*(caller.complete(f"no {n}") for n in range(9)), return_exceptions=True)

    found = run(calls, rules=Rules(concurrency=1, stop_after=3))
    assert [type(failure).__name__ for failure in found[:3]] != ["BatchStoppedError"] * 3
    assert {type(failure) for failure in found[3:]} == {BatchStoppedError}
    assert "one after another" in found[-1].message


def test_a_limit_in_money_without_a_price_is_refused_at_once(vendor):
    with pytest.raises(BatchSetupError, match="price"):
        run(lambda caller: asyncio.sleep(0), rules=Rules(max_cost=1.0))


@pytest.mark.parametrize(("ends_at_once", "came"), [(False, 3), (True, 0)])
def test_an_error_of_one_task_lets_the_others_finish_or_ends_them(ends_at_once, came):

    class Shared:
        """Several tasks may wait for the next item."""

        def __init__(self):
            self.numbers = iter(range(1, 5))

        def __aiter__(self):
            return self

        async def __anext__(self):
            for number in self.numbers:
                return Item(number, b"")
            raise StopAsyncIteration

    async def once(item):
        if item.number == 1:
            raise RuntimeError("the first")
        await asyncio.sleep(0.05)
        return Outcome(number=item.number)

    async def main():
        found = []
        with pytest.raises(RuntimeError, match="the first"):
            async for outcome in pump(Shared(), once, 4, ends_at_once=ends_at_once):
                found.append(outcome.number)
        assert len(asyncio.all_tasks()) == 1
        return found

    assert len(asyncio.run(main())) == came


def test_an_answer_that_pauses_is_waited_for_by_all_that_come_after_a_429(vendor):
    vendor.answers["slow"] = lambda times: (
        Reply(status=429, headers={"retry-after": "0.3"}, steps=[Pause(0), b"{}"]) if times == 1 else None
    )

    async def calls(caller):
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(caller.complete(f"{word} x") for word in ("slow", "b", "c", "d", "e", "f")))
        return loop.time() - began

    assert run(calls) >= 0.3
    assert vendor.asked["slow x"] == 2
