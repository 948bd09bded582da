"""Observers of jobs: told once how each ends, and not there at all where nobody looks on."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import pstats

import pytest

from backbay import Backend, BackendSpec, Capabilities, Job, errors, fallback, hooks
from backbay.capabilities import Capability
from backbay.hooks import HookWarning, Observer, hookimpl
from backbay.relay import Relay

SPEC = BackendSpec(
    name="acme",
    label="Acme",
    wires=("openai_chat",),
    requires_credential=False,
    capabilities=Capabilities.of(full="generate execute"),
)
JOB = Job("j-1", "m-1", b"{}")
PIECES = (b'data: {"choices":[]}\n\n', b'data: {"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n')


class Source:
    """A body of some pieces; an exception among them is raised."""

    status, content_type = 200, "text/event-stream"

    def __init__(self, pieces):
        self.pieces, self.closed = pieces, False

    async def chunks(self):
        for piece in self.pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def aclose(self):
        self.closed = True


class Acme(Backend):
    """Carries any job; the answer is ``pieces``, or the error that it is."""

    pieces = PIECES

    def _stream(self, request):
        raise NotImplementedError

    def _carry(self, job):
        async def send(call):
            if isinstance(self.pieces, BaseException):
                raise self.pieces
            return Source(self.pieces)

        return send

    @property
    def wires(self):
        return ("openai_chat",)


class Sink:
    """Takes all, or raises what it was made with."""

    def __init__(self, failure=None):
        self.taken, self.failure = [], failure

    async def send_chunk(self, data):
        if self.failure is not None:
            raise self.failure
        self.taken.append(data)


class Notes(Observer):
    """Writes down what it sees."""

    def __init__(self, *first):
        self.seen = list(first)

    def on_response(self, response):
        self.seen.append("response")

    def on_job(self, result):
        self.seen.append(("job", result.input_tokens, result.output_tokens, result.attempts))

    def on_error(self, error):
        self.seen.append(type(error).__name__)

    def on_close(self, attempts):
        self.seen.append(("closed", attempts))


@pytest.fixture
def calls():
    """What the observer of each call saw, in the order of the calls."""
    made = []

    class Plugin:
        @hookimpl()
        def observe_call(self, backend, operation, model, request):
            made.append(Notes(backend.id, operation, model, request))
            return made[-1]

    plugin = Plugin()
    hooks.add(plugin)
    yield made
    hooks.remove(plugin)


@pytest.fixture
def acme():
    return Acme(SPEC, "m-1")


HEAD = ["acme", Capability.EXECUTE, "m-1", None]


def seen(calls):
    [notes] = calls
    assert notes.seen[:4] == HEAD
    return notes.seen[4:]


def test_a_job_is_seen_with_its_tokens_at_its_end_once(calls, acme):
    sink = Sink()
    asyncio.run(acme.execute(JOB, sink))
    assert sink.taken == list(PIECES)
    assert seen(calls) == [("job", 3, 2, 1)]


def test_a_relay_that_is_read_to_its_end_is_seen_alike(calls, acme):
    async def main():
        async with acme.relay(JOB) as relay:
            await relay.begin()
            return [data async for data in relay]

    assert asyncio.run(main()) == list(PIECES)
    assert seen(calls) == [("job", 3, 2, 1)]


@pytest.mark.parametrize("how", ["no answer", "broken off"])
def test_an_error_is_seen_once(calls, acme, how):
    failure = errors.InvalidRequestError("no")
    acme.pieces = failure if how == "no answer" else (PIECES[0], failure)
    with pytest.raises(errors.InvalidRequestError):
        asyncio.run(acme.execute(JOB, Sink()))
    assert seen(calls) == ["InvalidRequestError"]


def test_a_job_that_is_refused_before_it_is_sent_is_not_seen(calls, acme):
    with pytest.raises(errors.InvalidRequestError):
        asyncio.run(acme.execute(JOB, object()))
    assert calls == []


def test_what_a_sink_raises_closes_it(calls, acme):
    with pytest.raises(ZeroDivisionError):
        asyncio.run(acme.execute(JOB, Sink(ZeroDivisionError())))
    assert seen(calls) == [("closed", 1)]


def test_one_that_is_closed_early_or_cancelled_is_closed_once(calls, acme):
    async def early():
        async with acme.relay(JOB) as relay:
            async for _ in relay:
                break

    class Slow(Sink):
        async def send_chunk(self, data):
            await asyncio.sleep(5)

    async def cancelled():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(acme.execute(JOB, Slow()), 0.05)

    asyncio.run(early())
    asyncio.run(cancelled())
    assert [notes.seen[4:] for notes in calls] == [[("closed", 1)]] * 2


def test_one_that_nobody_holds_any_more_is_closed_too_and_one_that_nobody_read_was_never_sent(calls, acme):
    async def main():
        relay = acme.relay(JOB)
        await relay.begin()
        source = relay._source
        del relay
        acme.relay(JOB)
        gc.collect()
        await asyncio.sleep(0.01)
        await source.aclose()

    asyncio.run(main())
    assert [notes.seen[4:] for notes in calls] == [[("closed", 1)], [("closed", 0)]]


def test_each_backend_that_a_fallback_asks_is_seen_and_not_the_whole(calls, acme):
    class Other(Acme):
        id = "other"
        pieces = errors.ModelNotFoundError("no")

    whole = fallback(Other(SPEC, "m-1"), acme)
    asyncio.run(whole.execute(JOB, Sink()))
    first, last = calls
    assert (first.seen[0], first.seen[4:]) == ("other", ["ModelNotFoundError"])
    assert (last.seen[0], last.seen[4:]) == ("acme", [("job", 3, 2, 1)])


def test_an_observer_that_fails_harms_no_job(acme):
    class Bad(Observer):
        def on_job(self, result):
            raise RuntimeError("of an observer")

    class Plugin:
        @hookimpl()
        def observe_call(self, backend, operation):
            return Bad() if operation is Capability.EXECUTE else None

    plugin = Plugin()
    hooks.add(plugin)
    try:
        with pytest.warns(HookWarning, match="of an observer"):
            assert asyncio.run(acme.execute(JOB, Sink())).output_tokens == 2
    finally:
        hooks.remove(plugin)


def test_where_nobody_looks_on_a_job_calls_no_function_of_the_hooks(acme, monkeypatch):
    monkeypatch.setattr(hooks, "looking", {})

    async def main():
        await acme.execute(JOB, Sink())
        profile = cProfile.Profile()
        profile.enable()
        relay = acme.relay(JOB)
        await relay.deliver(Sink())
        profile.disable()
        assert type(relay) is Relay
        return profile

    called = [file for file, *_ in pstats.Stats(asyncio.run(main())).stats]
    assert called
    assert not [file for file in called if "hooks" in file]
