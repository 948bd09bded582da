"""The executor of jobs: a cap, routes, cancelling, and exactly one outcome a job (U13, U14); what it advertises."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter

import pytest

import backbay
from backbay import Job, JobExecutor, errors
from backbay.testing import Pause, Reply, ScriptedServer

KEY = "sk-test-0123456789abcdef"


class Response:
    status = 200
    headers = {"content-type": "text/event-stream"}  # noqa: RUF012 (a stand-in's constant)

    def __init__(self, pieces):
        self._pieces = pieces
        self.closed = False

    async def chunks(self):
        async for piece in self._pieces:
            yield piece

    async def aclose(self):
        self.closed = True


class Memory:
    """A transport without a network: lists models, and answers a job as its request says."""

    def __init__(self, *models):
        self.models = models
        self.open = []
        self.asked = []

    async def send(self, method, url, headers, body):
        if method == "GET":
            listed = json.dumps({"data": [{"id": name} for name in self.models]}).encode()
            return Response(self._given([listed]))
        found = json.loads(body)
        self.asked.append(found["model"])
        if found.get("fails") == "head":
            raise errors.ConnectError("no")
        self.open.append(Response(self._answer(found)))
        return self.open[-1]

    async def _given(self, pieces):
        for piece in pieces:
            yield piece

    async def _answer(self, found):
        for number in range(found.get("turns", 1)):
            await asyncio.sleep(0)
            if found.get("fails") == "middle" and number:
                raise errors.ConnectionLostError("cut")
            yield b"x"

    async def aclose(self):
        assert all(response.closed for response in self.open)


class Sink:
    def __init__(self, fails=False):
        self.fails = fails
        self.over = False

    async def send_chunk(self, data):
        assert not self.over, "a chunk after the outcome"
        await asyncio.sleep(0)
        if self.fails:
            raise ValueError("the sink's own")


def backend(name, transport, model=None, **config):
    given = {"api_key": KEY, "base_url": f"http://127.0.0.1:9/{name}", "retries": 0, "transport": transport, **config}
    return backbay.connect("openai" + (f":{model}" if model else ""), **given)


def job(number, model="m-1", request=None, **more):
    return Job(str(number), model, request or {}, **more)


def test_ten_thousand_steps_in_any_order_leave_nothing_running():
    """U13: dispatch, cancel and finish at random; each job has one outcome, and in_flight is never wrong."""
    seed = random.randrange(10**9)
    dice = random.Random(seed)

    async def walk():
        memory = Memory("m-1", "m-2")
        outcomes, running, statuses, told = Counter(), [], Counter(), []
        async with JobExecutor([backend("one", memory)], cap=16) as executor:
            await executor.discover()
            futures = {}
            for step in range(10_000):
                turn = dice.random()
                if turn < 0.4:
                    name = str(step)
                    sink = Sink(dice.random() < 0.1)
                    request = {"turns": dice.randrange(5)}
                    if dice.random() < 0.2:
                        request["fails"] = dice.choice(["head", "middle"])
                    model = dice.choice(["m-1", "m-1", "m-2", "m-3"])

                    def ended(outcome, sink=sink):
                        sink.over = True
                        outcomes[outcome.job_id] += 1
                        statuses[outcome.status] += 1
                        told.append(outcome.code)

                    futures[name] = executor.dispatch(job(name, model, request), sink, ended)
                    running.append(name)
                elif turn < 0.55 and running:
                    name = dice.choice(running)
                    was = not futures[name].done()
                    assert executor.cancel(name) or not was or executor.in_flight <= 16
                elif turn < 0.6 and running:
                    futures[dice.choice(running)].cancel()  # Whoever waits for an outcome may stop waiting.
                else:
                    for _ in range(dice.randrange(3)):
                        await asyncio.sleep(0)
                running = running[-40:]
                assert 0 <= executor.in_flight <= 16
            while executor.in_flight:
                await asyncio.sleep(0)
            assert set(outcomes) == set(futures)
            assert set(outcomes.values()) == {1}
            assert all(future.done() for future in futures.values())
            assert all(response.closed for response in memory.open)
        return statuses, set(told)

    statuses, codes = asyncio.run(walk())
    assert min(statuses["done"], statuses["error"], statuses["cancelled"]) > 40, (seed, statuses)
    assert codes == {None, "internal", "backend_unreachable", "model_not_loaded", "out_of_capacity"}, (seed, codes)


def test_the_advertised_backend_is_the_one_that_runs():
    """U14: the first in the order of the configuration, whichever is faster or lists more."""
    first, second, third = Memory("a", "b"), Memory("b", "c", "a"), Memory()

    async def call():
        backends = [backend("1", first), backend("2", second), backend("3", third, "d", capabilities=NO_LIST)]
        async with JobExecutor(backends) as executor:
            offers = await executor.discover()
            assert [(offer.model.model_id, offer.backend.id) for offer in offers] == [
                ("a", backends[0].id),
                ("b", backends[0].id),
                ("c", backends[1].id),
                ("d", backends[2].id),
            ]
            for offer in offers:
                outcome = await executor.dispatch(job(1, offer.model.model_id), Sink())
                assert outcome.status == "done"
            only = JobExecutor(backends, models=["b"])
            assert [offer.model.model_id for offer in await only.discover()] == ["b"]

    asyncio.run(call())
    assert (first.asked, second.asked, third.asked) == (["a", "b"], ["c"], ["d"])


NO_LIST = {"list_models": "unsupported", "health": "unsupported"}


def test_discovery_drops_what_cannot_serve_and_says_why():
    async def call(sick, deaf):
        backends = [
            backbay.connect("openai", api_key=KEY, base_url="http://127.0.0.1:9/gone", retries=0),
            backbay.connect("openai", api_key=KEY, base_url=sick.url, retries=0),
            backbay.connect("openai", api_key=KEY, base_url=deaf.url, retries=0),
            backend("nameless", Memory(), capabilities=NO_LIST),
            backend("mute", Memory("x"), capabilities={"execute": "unsupported"}),
            backend("fine", Memory("m-1")),
        ]
        async with JobExecutor(backends) as executor:
            offers = await executor.discover()
            assert [offer.backend for offer in offers] == [backends[-1]]
            assert set(executor.dropped) == {each.id for each in backends[:-1]}
            assert all(executor.dropped.values())
            assert executor.health[backends[0].id].reachable is False
            assert executor.health[backends[-1].id].latency_ms is not None
        for each in backends:
            await each.aclose()

    with (
        ScriptedServer(Reply(status=500)) as sick,
        ScriptedServer(lambda request: Reply(steps=[b"<html>"])) as deaf,
    ):
        asyncio.run(call(sick, deaf))


def test_what_cannot_run_is_an_outcome_and_no_exception():
    async def call():
        memory = Memory("m-1")
        executor = JobExecutor([backend("one", memory)], cap=1)
        unknown = await executor.dispatch(job(1), Sink())
        assert (unknown.status, unknown.code) == ("error", "model_not_loaded")  # Nothing is known before discover().
        await executor.discover()
        near = await executor.dispatch(job(2, "m-2"), Sink())
        assert isinstance(near.error, errors.ModelNotFoundError)
        assert "m-1" in str(near.error)
        running = executor.dispatch(job(3, request={"turns": 50}), Sink())
        full = await executor.dispatch(job(4), Sink())
        assert (full.code, executor.in_flight) == ("out_of_capacity", 1)
        assert executor.cancel("3")
        assert not executor.cancel("4")
        assert (await running).status == "cancelled"
        assert not executor.cancel("3")
        assert executor.in_flight == 0
        done = await executor.dispatch(job(5, request={"turns": 2}), Sink())
        assert (done.status, done.error, done.code) == ("done", None, None)
        assert done.result.attempts == 1
        waiting = executor.dispatch(job(6, request={"turns": 50}), Sink())
        await executor.aclose()
        assert (waiting.result().status, executor.in_flight) == ("cancelled", 0)
        with pytest.raises(errors.ClosedError):
            executor.dispatch(job(7), Sink())

    asyncio.run(call())


def test_one_id_runs_once_at_a_time():
    async def call():
        async with JobExecutor([backend("one", Memory("m-1"))]) as executor:
            await executor.discover()
            first = executor.dispatch(job(1, request={"turns": 3}), Sink())
            second = await executor.dispatch(job(1), Sink())
            assert isinstance(second.error, errors.InvalidRequestError)
            assert (await first).status == "done"
            assert (await executor.dispatch(job(1), Sink())).status == "done"

    asyncio.run(call())


def test_a_deadline_is_an_outcome():
    async def call(server):
        backends = [backbay.connect("openai:m-1", api_key=KEY, base_url=server.url, capabilities=NO_LIST)]
        async with backends[0], JobExecutor(backends) as executor:
            await executor.discover()
            outcome = await executor.dispatch(job(1, deadline_ms=100), Sink())
            assert (outcome.status, outcome.code) == ("error", "backend_timeout")

    with ScriptedServer(Reply(steps=[b"x", Pause(5)])) as server:
        asyncio.run(call(server))


@pytest.mark.parametrize("cap", [0, 257, 1.5, True, "8"])
def test_a_cap_that_cannot_be_is_refused(cap):
    with pytest.raises(errors.ConfigurationError, match="cap"):
        JobExecutor([], cap=cap)


def test_two_backends_of_one_id_are_refused():
    with pytest.raises(errors.ConfigurationError, match="id"):
        JobExecutor([backend("one", Memory()), backend("one", Memory())])


def test_ids_are_stable_and_without_secrets():
    """U10."""
    local = [
        backbay.connect("vllm:m", base_url=url).id for url in ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/")
    ]
    assert local == ["vllm:http://127.0.0.1:8000/v1"] * 2
    assert backbay.connect("openai:m", api_key=KEY).id == "openai"
    with pytest.raises(errors.ConfigurationError):
        backbay.connect("vllm:m", base_url="http://user:secret@127.0.0.1:8000/v1")


def test_a_backend_without_its_key_is_refused_when_it_is_made(monkeypatch):
    """U15: the variable is named, its value is not shown."""
    for value in (None, "", "  "):
        monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
        monkeypatch.delenv("OR_API_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("OPENROUTER_API_KEY", value)
        with pytest.raises(errors.MissingCredentialError, match="OPENROUTER_API_KEY"):
            backbay.connect("openrouter:m")
