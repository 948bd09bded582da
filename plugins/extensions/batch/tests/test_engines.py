"""Engines: found by entry point, given items at the run's pace, and free to lose some."""

from __future__ import annotations

import asyncio
import pickle
import time

import pytest

from backbay_batch import (
    BatchEngineError,
    BatchSetupError,
    Engine,
    Failure,
    Item,
    Outcome,
    Rules,
    Target,
    find_engine,
    run_batch,
)
from backbay_batch.asking import ask
from backbay_batch.local import LocalEngine


def test_the_local_engine_is_found_by_its_entry_point():
    found = find_engine("local")
    assert isinstance(found, LocalEngine)
    assert isinstance(found, Engine)


def test_an_engine_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(BatchSetupError, match="There are local"):
        find_engine("ray-of-light")


def test_what_travels_between_processes_can_be_pickled():
    target = Target(backend="acme:acme-1", arguments={"base_url": "http://127.0.0.1:1"}, key_variable="ACME_KEY")
    outcome = Outcome(number=1, failure=Failure(code="x", message="y", type="Z"))
    for value in (target, outcome, Item(1, b"{}")):
        assert pickle.loads(pickle.dumps(value)) == value


def test_a_key_is_read_where_the_backend_is_connected(vendor, files, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "canary-5b1e")
    target = Target(backend="acme:acme-1", key_variable="OTHER_KEY")
    assert "canary-5b1e" not in repr(target)

    async def go():
        async with target.connected() as backend:
            return await ask(backend, Item(1, b'{"custom_id":"a","body":{"messages":[{"role":"user","content":"a"}]}}'))

    assert asyncio.run(go()).body is not None
    assert vendor.server.requests[0].headers["authorization"] == "Bearer canary-5b1e"


class Workers:
    """Two workers, each with a backend of its own and one item at a time."""

    async def run(self, items, target):
        outcomes = asyncio.Queue()

        async def work():
            async with target.connected() as backend:
                async for item in items:
                    found = await ask(backend, item)
                    outcomes.put_nowait(found)
                    outcomes.put_nowait(found)  # Twice, as after a worker that was believed dead.
            outcomes.put_nowait(None)

        tasks = [asyncio.create_task(work()) for _ in range(2)]
        try:
            left = len(tasks)
            while left:
                found = await outcomes.get()
                if found is None:
                    left -= 1
                else:
                    yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_another_engine_gives_the_same_output(vendor, files, batch):
    files.many(50)
    found = batch(engine=Workers())
    assert (found.answered, found.asked, found.input_tokens) == (50, 50, 500)
    by_workers = files.output.read_bytes()
    batch(restart=True)
    assert files.output.read_bytes() == by_workers
    assert vendor.total == 100


def test_limits_hold_over_all_workers(vendor, files, batch):
    files.many(12)
    began = time.monotonic()
    assert batch(engine=Workers(), rules={"per_minute": 600}).ok
    assert time.monotonic() - began > 0.1


def test_an_engine_that_fails_as_a_whole_is_said_and_the_next_run_goes_on(vendor, files, batch):
    class Vanishing(LocalEngine):
        async def run(self, items, target):
            count = 0
            async for outcome in LocalEngine().run(items, target):
                yield outcome
                count += 1
                if count == 20:
                    raise OSError("the cluster is gone")

    files.many(60)
    with pytest.raises(BatchEngineError, match="the cluster is gone"):
        batch(engine=Vanishing())
    kept = len(files.results)
    assert kept >= 12
    assert batch().ok
    assert vendor.total <= 60 + 8 + 8


def test_an_engine_that_ends_before_the_items_do_is_an_error(vendor, files, batch):
    class Lazy(LocalEngine):
        async def run(self, items, target):
            async with target.connected() as backend:
                yield await ask(backend, await anext(items))

    files.many(10)
    with pytest.raises(BatchEngineError, match="ended before all lines"):
        batch(engine=Lazy())
    assert batch().ok


def test_a_defect_of_the_line_is_an_outcome_and_never_an_error_of_the_engine(vendor):
    async def go():
        async with Target(backend="acme:acme-1").connected() as backend:
            body = b'{"custom_id":"a","body":{"messages":[{"role":"user","content":%s}]}}'
            wrong = [b"\xff", b"{}", body % b"[[1]]", body % b'{"a":[]}', body % (b"[" * 100 + b"]" * 100)]
            return [await ask(backend, Item(number, line)) for number, line in enumerate(wrong)]

    for outcome in asyncio.run(go()):
        assert outcome.body is None
        assert outcome.failure is not None
        assert outcome.failure.message


def test_an_engine_gets_no_item_that_must_wait(vendor, files):
    """The window is the run's: an engine that asks for more at once is kept waiting."""
    most = [0]

    class Greedy(LocalEngine):
        async def run(self, items, target):
            given = 0

            async def counted():
                nonlocal given
                async for item in items:
                    given += 1
                    most[0] = max(most[0], given)
                    yield item

            async with target.connected() as backend:
                async for item in counted():
                    yield await ask(backend, item)
                    given -= 1

    files.many(10)
    rules = Rules(concurrency=2)
    asyncio.run(run_batch(files.input, files.output, backend="acme:acme-1", engine=Greedy(), rules=rules))
    assert most[0] <= 2
