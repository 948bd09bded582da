"""Whatever processes do, and wherever they die, a limit is never exceeded, and nothing of it is lost for good."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbay.errors import RateLimitError
from backbay.response import Usage
from backbay_gateway.keys import KeyLimits, KeyRequest, Keys, remaining
from backbay_gateway.keys.database import Database

BUDGET, REQUESTS, TOKENS, CONCURRENT = 400, 12, 300, 4
START = 1_900_000_000.0

ACTIONS = st.one_of(
    st.tuples(st.just("admit"), st.integers(0, 2), st.integers(0, 120)),
    st.tuples(st.just("admit"), st.integers(0, 2), st.integers(0, 30)),
    st.tuples(st.just("settle"), st.integers(0, 50), st.floats(0, 1)),
    st.tuples(st.just("unknown"), st.integers(0, 50), st.none()),
    st.tuples(st.just("release"), st.integers(0, 50), st.none()),
    st.tuples(st.just("sync"), st.integers(0, 2), st.none()),
    st.tuples(st.just("crash"), st.integers(0, 2), st.none()),
    st.tuples(st.just("wait"), st.just(0), st.floats(0.1, 9.0)),
)


def die(keys):
    """What is left of a process that was killed: nothing is written, nothing given back."""
    keys._closed = True
    if keys._ticking is not None:
        keys._ticking.cancel()
    keys._thread.shutdown()
    keys._directory.close()
    keys._database.close()


class World:
    """Three processes on one file, and what truly happened."""

    def __init__(self, url):
        self.url = url
        self.now = START
        self.processes = []
        self.waits = []
        self.open = []  # [process, grant, tokens]
        self.used = []  # (when admitted, tokens)
        self.admitted = []
        self.reported = 0  # settled, by processes that lived to write it
        self.unwritten = {}

    def spawn(self):
        return Keys.open(self.url, clock=lambda: self.now)

    async def begin(self):
        self.processes = [self.spawn() for _ in range(3)]
        limits = KeyLimits(requests=REQUESTS, tokens=TOKENS, concurrent=CONCURRENT, budget_tokens=BUDGET)
        self.new = await self.processes[0].create(KeyRequest(limits=limits))

    async def admit(self, which, tokens):
        try:
            grant = await self.processes[which].admit(self.new.text, model="acme:a", estimated_tokens=tokens)
        except RateLimitError as error:
            self.waits.append(error.retry_after)
            return None
        self.open.append((self.processes[which], grant, tokens, self.now))
        self.admitted.append(self.now)
        return grant

    async def end(self, number, how):
        if not self.open:
            return
        process, grant, tokens, at = self.open.pop(number % len(self.open))
        if how == "release":
            await grant.release()
            return
        used = tokens if how is None else int(tokens * how)
        await grant.settle(None if how is None else Usage(input=used, output=0))
        self.used.append((at, used))
        self.unwritten[process] = self.unwritten.get(process, 0) + used

    async def sync(self, process):
        await process.sync()
        self.reported += self.unwritten.pop(process, 0)

    async def crash(self, which):
        process = self.processes[which]
        # Its upstreams may well have answered: what was reserved counts as used.
        for entry in [entry for entry in self.open if entry[0] is process]:
            self.open.remove(entry)
            self.used.append((entry[3], entry[2]))
        self.unwritten.pop(process, None)
        die(process)
        self.processes[which] = self.spawn()

    async def step(self, action, first, second):
        if action == "admit":
            await self.admit(first, second)
        elif action in {"settle", "unknown", "release"}:
            await self.end(first, "release" if action == "release" else second)
        elif action == "sync":
            await self.sync(self.processes[first])
        elif action == "crash":
            await self.crash(first)
        else:
            self.now += second
            for process in self.processes:
                await self.sync(process)
        self.check()

    def check(self):
        held = [(entry[3], entry[2]) for entry in self.open]
        assert sum(tokens for _, tokens in self.used + held) <= BUDGET
        assert len(self.open) <= CONCURRENT
        assert all(wait is None or 1 <= wait <= 66 for wait in self.waits)
        # No window of 60 seconds that begins with an admission has too many.
        for at in {*self.admitted}:
            assert sum(at <= other < at + 60 for other in self.admitted) <= REQUESTS
            assert sum(tokens for other, tokens in self.used + held if at <= other < at + 60) <= TOKENS

    async def finish(self, path):
        """When all has ended and a minute has passed, what was not used can be had, by one process."""
        while self.open:
            await self.end(0, 0.5)
        for _ in range(8):
            self.now += 10
            for process in self.processes:
                await self.sync(process)
        for _ in range(CONCURRENT):
            assert await self.admit(0, 0) is not None
        # This one has to look who is dead.
        assert await self.admit(1, 0) is None
        await self.end(0, None)
        await self.sync(self.processes[0])
        with (database := Database(self.url)).transaction(reading=True) as connection:
            from backbay_gateway.keys import registry

            key = registry.get(connection, self.new.key.id)
            left = {one.meter: one for one in remaining.read(connection, key, self.now)}
        database.close()
        budget = left["budget_tokens.total"]
        assert budget.used >= sum(tokens for _, tokens in self.used)
        assert budget.used - budget.lapsed == self.reported
        assert budget.reserved == 0
        if budget.left <= TOKENS:
            assert await self.admit(0, budget.left) is not None
            self.check()
        for process in self.processes:
            await process.aclose()
        ledger = sqlite3.connect(path)
        total = ledger.execute("SELECT sum(charged_tokens) FROM gateway_ledger WHERE status = 'ok'").fetchone()[0]
        ledger.close()
        assert (total or 0) == self.reported


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTIONS, max_size=40))
def test_limits_hold_for_any_order_of_what_three_processes_do_and_where_they_die(actions):
    """162: reserve, then settle, so that parallel requests cannot overspend."""

    async def body(folder):
        path = Path(folder) / "keys.sqlite"
        world = World(f"sqlite:///{path}")
        await world.begin()
        for action in actions:
            await world.step(*action)
        await world.finish(path)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(body(folder))


def test_a_process_that_was_taken_for_dead_takes_back_what_it_held(tmp_path):
    """A machine that slept for a minute: nothing is counted twice, and nothing is given twice."""

    async def body():
        world = World(f"sqlite:///{tmp_path}/keys.sqlite")
        await world.begin()
        await world.admit(0, 100)
        await world.admit(0, 100)
        world.now += 60
        # The other one needs what the sleeper held.
        assert await world.admit(1, 250) is None
        with sqlite3.connect(tmp_path / "keys.sqlite") as connection:
            [(lapsed,)] = connection.execute("SELECT sum(amount) FROM gateway_lapsed")
        connection.close()
        assert lapsed >= 200
        await world.end(0, 0.5)
        await world.end(0, 0.5)
        for _ in range(8):
            world.now += 10
            for process in world.processes:
                await world.sync(process)
        assert await world.admit(1, 300) is not None
        assert await world.admit(1, 1) is None
        world.check()
        for process in world.processes:
            await process.aclose()

    asyncio.run(body())


def test_what_an_idle_process_holds_ahead_comes_back_to_the_others(tmp_path):
    async def body():
        url = f"sqlite:///{tmp_path}/keys.sqlite"
        first, second = Keys.open(url), Keys.open(url)
        new = await first.create(KeyRequest(limits=KeyLimits(budget_tokens=1000)))
        await (await first.admit(new.text, model="acme:a", estimated_tokens=10)).settle(Usage(input=10, output=0))
        for _ in range(6):
            await first.sync()
        await (await second.admit(new.text, model="acme:a", estimated_tokens=990)).release()
        await first.aclose()
        await second.aclose()

    asyncio.run(body())


def test_a_batch_is_written_once_however_often_it_is_tried(tmp_path, monkeypatch):
    """The connection may break just after the database has done it."""

    async def body():
        keys = Keys.open(f"sqlite:///{tmp_path}/keys.sqlite")
        new = await keys.create(KeyRequest(limits=KeyLimits(budget_tokens=1000)))
        write, failures = type(keys._leasing).write, itertools.count()

        def unlucky(self, batch, now):
            write(self, batch, now)
            if next(failures) < 2:
                raise RateLimitError("lost")

        monkeypatch.setattr(type(keys._leasing), "write", unlucky)
        await (await keys.admit(new.text, model="acme:a", estimated_tokens=10)).settle(Usage(input=7, output=0))
        for _ in range(2):
            with pytest.raises(RateLimitError):
                await keys.sync()
        await keys.sync()
        await keys.aclose()

    asyncio.run(body())
    with sqlite3.connect(tmp_path / "keys.sqlite") as connection:
        assert connection.execute("SELECT count(*), sum(charged_tokens) FROM gateway_ledger").fetchall() == [(1, 7)]
        assert connection.execute("SELECT amount FROM gateway_used").fetchall() == [(7,)]
        assert connection.execute("SELECT count(*) FROM gateway_leases").fetchall() == [(0,)]
    connection.close()
