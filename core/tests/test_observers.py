"""Observers: one object looks on at one call, from before it is sent to its one end."""

from __future__ import annotations

import asyncio
import contextvars
import gc

import pytest

import backbay
from backbay import Ended, Finish, Text, hooks
from backbay.capabilities import Capability
from backbay.hooks import HookWarning, Observer, hookimpl
from backbay.testing import connect_fake

WHO = contextvars.ContextVar("WHO", default="nobody")


class Notes(Observer):
    """Writes down what it sees."""

    def __init__(self, *first):
        self.seen = list(first)

    def on_event(self, event):
        self.seen.append(type(event).__name__)

    def on_response(self, response):
        self.seen.append("response")

    def on_error(self, error):
        self.seen.append(type(error).__name__)

    def on_close(self, attempts):
        self.seen.append("closed")


@pytest.fixture
def observe():
    """Register observe_call hooks; return what one call gave to each observer."""
    added = []

    def register(function):
        plugin = type("Hooks", (), {"observe_call": staticmethod(hookimpl()(function))})()
        hooks.add(plugin)
        added.append(plugin)

    yield register
    for plugin in added:
        hooks.remove(plugin)


@pytest.fixture
def calls(observe):
    """What the observer of each call saw, in the order of the calls."""
    made = []

    def watch(backend, operation, model, request):
        made.append(Notes(operation.value, model, WHO.get()))
        return made[-1]

    observe(watch)
    return made


def test_an_observer_sees_the_events_and_the_answer_of_its_own_call_alone(calls):
    async def both():
        first, second = connect_fake("one"), connect_fake("two", [Text("a"), Ended(Finish.STOP)])
        await asyncio.gather(first.complete("hi"), second.complete("hi"))

    asyncio.run(both())
    assert [notes.seen for notes in calls] == [
        ["generate", "fake-1", "nobody", "Started", "Text", "UsageSeen", "Ended", "response"]
    ] * 2


def test_it_is_made_in_the_context_of_the_caller_also_of_a_blocking_one(calls):
    def ask():
        WHO.set("ada")
        backend = connect_fake("a")
        asyncio.run(backend.complete("hi"))
        with backbay.SyncBackend(backend) as blocking:
            blocking.complete("hi")
            list(blocking.stream("hi"))

    contextvars.copy_context().run(ask)
    assert [notes.seen[2] for notes in calls] == ["ada"] * 3


def test_it_sees_the_error_that_the_call_ends_with_and_nothing_after(calls):
    backend = connect_fake(backbay.OverloadedError("Too much."))
    with pytest.raises(backbay.OverloadedError):
        asyncio.run(backend.complete("hi"))
    [notes] = calls
    assert notes.seen[3:] == ["OverloadedError"]


def test_of_answer_and_error_only_the_first_is_told(calls):
    backend = connect_fake([Text("a"), Ended(Finish.STOP), Text("b")])

    async def call():
        stream = backend.stream("hi")
        with pytest.raises(backbay.ProtocolError):
            async for _ in stream:
                continue

    asyncio.run(call())
    assert calls[0].seen[3:] == ["Text", "Ended", "response"]


def test_a_stream_that_nobody_holds_is_closed_once_and_on_its_loop(calls):
    async def call():
        stream = connect_fake("a b c").stream("hi")
        await anext(stream)
        del stream
        seen = list(calls[0].seen)
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
        return seen

    assert asyncio.run(call())[3:] == ["Started"]
    assert calls[0].seen[3:] == ["Started", "closed"]


def test_a_cancelled_call_is_closed(calls):
    async def call():
        backend = connect_fake("a")
        backend._stream = lambda request: _never()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await backend.complete("hi")
        gc.collect()  # What was raised holds the frames that it went through, and they hold it.
        await asyncio.sleep(0)

    asyncio.run(call())
    assert calls[0].seen[3:] == ["closed"]


async def _never():
    await asyncio.Event().wait()
    yield Text("a")


def test_a_hook_that_returns_none_or_fails_leaves_the_call_and_the_other_observers_alone(observe, calls):
    def broken(backend):
        raise RuntimeError("no observer today")

    observe(lambda: None)
    observe(broken)
    with pytest.warns(HookWarning, match="no observer today"):
        assert asyncio.run(connect_fake("a").complete("hi")).text == "a"
    assert calls[0].seen[-1] == "response"


def test_an_observer_that_fails_harms_neither_the_call_nor_the_next_observer(observe, calls):
    class Broken(Observer):
        def on_response(self, response):
            raise RuntimeError("broken pen")

    observe(Broken)
    with pytest.warns(HookWarning, match="on_response of a Broken raised RuntimeError: broken pen"):
        assert asyncio.run(connect_fake("a").complete("hi")).text == "a"
    assert calls[0].seen[-1] == "response"


def test_events_are_told_only_where_an_observer_looks_at_them(observe):
    class Ends(Observer):
        def on_response(self, response):
            """Nothing to do: what matters is that it does not look at events."""

    observe(Ends)
    backend = connect_fake("a")
    request = backbay.request.build_request("hi", {}, limits=backbay.Limits(), model="fake-1")
    listener = hooks.listener(backend, request)
    assert listener.on_event is None
    assert listener.on_response is not None


def test_a_hook_that_is_added_or_removed_later_counts_from_the_next_call(observe):
    backend, made = connect_fake("a"), []
    plugin = type("Hooks", (), {"observe_call": staticmethod(hookimpl()(lambda: made.append(1)))})()
    asyncio.run(backend.complete("hi"))
    hooks.manager().register(plugin)
    asyncio.run(backend.complete("hi"))
    hooks.manager().unregister(plugin)
    asyncio.run(backend.complete("hi"))
    assert made == [1]


def test_a_call_without_a_request_is_observed_by_its_operation_and_model(calls):
    observation = hooks.observe(connect_fake(), Capability.EMBEDDINGS, "e-1")
    assert observation is not None
    observation.on_response(backbay.Embeddings(vectors=[[0.5]]))
    observation.on_close()
    assert calls[0].seen == ["embeddings", "e-1", "nobody", "response"]


def test_a_whole_is_not_observed_and_each_backend_that_it_asks_is(calls):
    whole = backbay.fallback(connect_fake(backbay.OverloadedError("Too much.")), connect_fake("a"))
    assert asyncio.run(whole.complete("hi")).text == "a"
    assert [notes.seen[-1] for notes in calls] == ["OverloadedError", "response"]
