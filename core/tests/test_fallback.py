"""N12: a chain of backends asks the next where that is right, and tells the truth about who served."""

import asyncio
import pickle
import time
from dataclasses import replace

import pytest

import backbay
import backbay.fallbacks
from backbay import errors, hooks
from backbay.capabilities import Capability, Support
from backbay.events import Ended, Started, Text
from backbay.limits import Limits
from backbay.response import Embeddings, Finish, ModelInfo
from backbay.retry import RetryPolicy
from backbay.settings import Settings
from backbay.testing import Pause, Reply, ScriptedServer, sse
from backbay.testing.fake import FAKE_SPEC, FakeBackend

HOW = pytest.mark.parametrize("how", ["complete", "stream"])
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop", "index": 0}]}


class Vendor(FakeBackend):
    """A fake with a name; ``embeds`` its model's name, counts three tokens."""

    async def _embed(self, model, inputs, extra):
        return Embeddings(vectors=[[1.0] for _ in inputs], model=model)

    async def _count_tokens(self, request):
        return 3


def vendor(name, *answers, model="m-1", can=None, retries=0, limits=None):
    spec = replace(FAKE_SPEC, name=name, capabilities=FAKE_SPEC.capabilities.with_(can or {}))
    retry = RetryPolicy(retries=retries, first_pause=0.0)
    backend = Vendor(spec, model, Settings(retry=retry, limits=limits or Limits()))
    backend.answers = list(answers) or ["Hello."]
    return backend


def down():
    return errors.ConnectError("refused", retryable=True)


async def asked(backend, how="complete", **options):
    return await (
        backend.complete("Hi.", **options) if how == "complete" else backend.stream("Hi.", **options).collect()
    )


def run(backend, how="complete", **options):
    return asyncio.run(asked(backend, how, **options))


def failure(backend, how="complete", **options):
    with pytest.raises(backbay.BackbayError) as caught:
        run(backend, how, **options)
    return caught.value


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(backbay.fallbacks, "_now", lambda: now[0])
    return now


@HOW
@pytest.mark.parametrize(
    "error",
    [
        errors.ConnectError("x"),
        errors.ConnectionLostError("x"),
        errors.ModelNotFoundError("x"),
        errors.RateLimitError("x"),
        errors.QuotaExceededError("x"),
        errors.OverloadedError("x"),
        errors.ServerError("x"),
        errors.DecodeError("x"),
        errors.TruncatedError("x"),
        errors.LimitExceededError("x", limit="first_event", seconds=1),
        errors.UnsupportedError("x"),
        errors.BadRequestError("408", retryable=True),
        TypeError("a plugin's defect"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_next_is_asked_where_another_may_answer_and_the_answer_says_who_did(how, error):
    first, second = vendor("one", error), vendor("two", "Yes.")
    answer = run(backbay.fallback(first, second), how)
    assert (answer.text, answer.served_by) == ("Yes.", "two")
    assert answer.attempts == 2
    assert (len(first.requests), len(second.requests)) == (1, 1)


@HOW
@pytest.mark.parametrize(
    "error",
    [
        errors.BadRequestError("x"),
        errors.ContextLengthError("x"),
        errors.ContentFilterError("x"),
        errors.AuthenticationError("x"),
        errors.PermissionDeniedError("x"),
        errors.NotFoundError("x"),
        errors.InvalidRequestError("x"),
        errors.OptionConflictError("x"),
        errors.MissingCredentialError("x"),
        errors.ClosedError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nobody_else_is_asked_after_the_callers_own_mistake_or_a_refusal_of_the_content(how, error):
    first, second = vendor("one", error), vendor("two")
    caught = failure(backbay.fallback(first, second), how)
    assert (caught, caught.backend, caught.errors) == (error, "one", ())
    assert not second.requests


def test_a_wrong_option_or_prompt_is_refused_at_once_and_nobody_is_asked():
    first, second = vendor("one"), vendor("two")
    both = backbay.fallback(first, second)
    with pytest.raises(errors.UnknownOptionError):
        both.stream("Hi.", temprature=1)
    with pytest.raises(errors.InvalidRequestError):
        both.stream([{"role": "user", "content": "Hi.", "tool_call_id": "c"}])
    assert not first.requests
    assert not second.requests


def test_nothing_moves_once_an_event_reached_the_caller():
    class Breaks(Vendor):
        async def _stream(self, request):
            yield Started("m-1")
            yield Text("Hel")
            raise errors.ConnectionLostError("gone", retryable=True)

    second = vendor("two")
    both = backbay.fallback(vendor("zero", down()), Breaks(replace(FAKE_SPEC, name="one")), second)

    async def main():
        got = []
        with pytest.raises(errors.ConnectionLostError) as caught:
            async for event in both.stream("Hi."):
                got.append(event)
        return got, caught.value

    got, error = asyncio.run(main())
    assert [type(event) for event in got] == [Started, Text]
    assert (error.backend, error.partial.text, error.attempts, error.phase) == ("one", "Hel", 2, "stream")
    assert [earlier.backend for earlier in error.errors] == ["zero"]
    assert not second.requests


def test_nothing_moves_after_a_cancellation():
    class Silent(Vendor):
        async def _stream(self, request):
            self.requests.append(request)
            await asyncio.sleep(60)
            yield Text("late")

    first, second = Silent(replace(FAKE_SPEC, name="one")), vendor("two")
    both = backbay.fallback(first, second)

    async def main():
        for how in ("complete", "stream"):
            task = asyncio.create_task(asked(both, how))
            while not first.requests:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            first.requests.clear()

    asyncio.run(main())
    assert not second.requests


@HOW
def test_when_all_fail_the_error_is_the_last_ones_and_has_the_others_and_all_attempts(how):
    first, second, third = vendor("one", down(), retries=2), vendor("two", errors.ServerError("x", status=500)), None
    third = vendor("three", can={"temperature": "unsupported"})
    error = failure(backbay.fallback(first, second, third), how, temperature=0.5)
    assert (type(error), error.backend, error.status, error.attempts) == (errors.ServerError, "two", 500, 4)
    assert [(each.backend, type(each), each.attempts) for each in error.errors] == [
        ("one", errors.ConnectError, 3),
        ("three", errors.UnsupportedError, 0),
    ]
    assert error.retryable, "the first may be back later"
    assert "one: ConnectError; three: UnsupportedError" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert [each.backend for each in again.errors] == ["one", "three"]


def test_what_the_first_lacks_is_asked_of_the_next_before_any_io():
    first, second = vendor("one", can={"seed": "unsupported"}), vendor("two")
    both = backbay.fallback(first, second)
    assert run(both, seed=1).served_by == "two"
    assert not first.requests
    assert run(both).served_by == "one"
    error = failure(backbay.fallback(first, vendor("two", can={"seed": "unsupported"})), seed=1)
    assert (type(error), error.attempts, len(error.errors)) == (errors.UnsupportedError, 0, 1)


def test_what_may_be_left_out_is_left_out_by_the_first_and_the_answer_says_so():
    first = vendor("one", can={"seed": "unsupported"})
    for how in ("complete", "stream"):
        answer = run(backbay.fallback(first, vendor("two")), how, seed=1, on_unsupported="warn")
        assert (answer.served_by, answer.dropped) == ("one", ("seed",))


def test_each_keeps_its_own_model_and_defaults_and_the_callers_options_go_to_each():
    first = vendor("one", down(), model="m-1").with_options(temperature=0.1, system="Be one.", max_tokens=5)
    second = vendor("two", model="m-2").with_options(temperature=0.2, system="Be two.")
    both = backbay.fallback(first, second).with_options(temperature=0.9)
    run(both, stop="x")
    [one], [two] = first.requests, second.requests
    assert [one.model, two.model] == ["m-1", "m-2"]
    assert [one.temperature, two.temperature] == [0.9, 0.9]
    assert [one.messages[0].text, two.messages[0].text] == ["Be one.", "Be two."]
    assert (one.max_tokens, two.max_tokens, one.stop, two.stop) == (5, None, ("x",), ("x",))
    run(both, model="m-3", system="Be brief.")
    assert [(request.model, request.messages[0].text, len(request.messages)) for request in second.requests[1:]] == [
        ("m-3", "Be brief.", 2)
    ]


def test_a_dead_server_is_asked_last_until_it_has_rested(clock):
    first, second = vendor("one", down()), vendor("two")
    both = backbay.fallback(first, second, rest=30)
    assert [run(both).served_by for _ in range(3)] == ["two"] * 3
    assert len(first.requests) == 1
    first.answers = ["Back."]
    clock[0] += 29.9
    assert run(both.with_options(seed=1)).served_by == "two", "views share what is known"
    clock[0] += 0.2
    assert run(both).served_by == "one"


def test_one_that_rests_is_asked_all_the_same_if_nobody_else_answers(clock):
    first, second = vendor("one", down(), "Back."), vendor("two", "Yes.", errors.ServerError("x"))
    both = backbay.fallback(first, second)
    assert [run(both).served_by for _ in range(2)] == ["two", "one"]


def test_what_says_nothing_about_the_server_lets_nobody_rest(clock):
    first = vendor("one", errors.RateLimitError("x"), "Back.")
    both = backbay.fallback(first, vendor("two"))
    assert [run(both).served_by for _ in range(2)] == ["two", "one"]


@HOW
def test_one_deadline_holds_over_all_and_its_error_says_who_was_asked(how):
    class Slow(Vendor):
        async def _stream(self, request):
            await asyncio.sleep(0.4)
            raise errors.ConnectionLostError("x")
            yield Ended(Finish.STOP)

    members = [Slow(replace(FAKE_SPEC, name=name)) for name in ("one", "two", "three", "four")]
    for limits in ({"total": 0.7}, {"first_event": 0.7}):
        start = time.monotonic()
        error = failure(backbay.fallback(*members), how, limits=limits)
        assert 0.6 < time.monotonic() - start < 1.5
        assert (type(error), error.limit, error.seconds) == (errors.LimitExceededError, *limits, 0.7)
        assert (error.backend, error.attempts) == ("two", 2)
        assert [each.backend for each in error.errors] == ["one"]


def test_ones_own_limit_only_ends_its_own_turn(clock):
    class Silent(Vendor):
        async def _stream(self, request):
            await asyncio.sleep(60)
            yield Text("late")

    silent = Silent(replace(FAKE_SPEC, name="one"), settings=Settings(limits=Limits(first_event=0.05)))
    both = backbay.fallback(silent, vendor("two"), limits={"total": 5, "first_event": 4})
    assert run(both).served_by == "two"
    start = time.monotonic()
    assert run(both, "stream").served_by == "two"
    assert time.monotonic() - start < 0.04, "the silent one rests"


def test_no_pause_is_begun_that_goes_beyond_the_deadline_of_the_whole():
    """Row 32."""
    first = vendor("one", errors.OverloadedError("x", retryable=True, retry_after=5.0), retries=2)
    start = time.monotonic()
    assert run(backbay.fallback(first, vendor("two"), limits={"total": 1})).served_by == "two"
    assert time.monotonic() - start < 0.5


def test_first_event_of_the_whole_does_not_bound_a_whole_answer_that_has_begun():
    slow = Reply(headers={"content-type": "application/json"}, steps=[b" ", Pause(0.3), backbay_json()])
    with ScriptedServer(slow) as server:
        one = backbay.connect("openai:m", api_key="k", base_url=server.url)
        assert run(backbay.fallback(one), limits={"first_event": 0.2, "total": 2}).text == "ok"


def backbay_json():
    import json

    return json.dumps(ANSWER).encode()


class Seen:
    def __init__(self):
        self.calls = []

    @hooks.hookimpl()
    def before_request(self, backend, request):
        self.calls.append(("before", backend.id))

    @hooks.hookimpl()
    def after_response(self, backend, request, response):
        self.calls.append(("after", backend.id))

    @hooks.hookimpl()
    def on_error(self, backend, request, error):
        self.calls.append(("error", backend.id))


@HOW
def test_hooks_run_once_for_each_backend_that_is_asked_and_not_for_the_whole(how):
    seen = Seen()
    hooks.add(seen)
    try:
        run(backbay.fallback(vendor("one", down()), vendor("two"), vendor("three")), how)
    finally:
        hooks.remove(seen)
    assert seen.calls == [("before", "one"), ("error", "one"), ("before", "two"), ("after", "two")]


def test_capabilities_of_the_whole_say_what_is_certain_and_what_depends():
    first = vendor("one", can={"seed": "unsupported", "stop": "not_implemented", "audio_input": "unsupported"})
    second = vendor("two", can={"stop": "unsupported", "audio_input": "unknown"})
    known = backbay.fallback(first, second).capabilities()
    assert known[Capability.GENERATE] is Support.FULL
    assert known[Capability.SEED] is Support.VERSIONED
    assert known[Capability.STOP] is Support.NOT_IMPLEMENTED
    assert known[Capability.AUDIO_INPUT] is Support.UNKNOWN
    assert known[Capability.RERANK] is Support.UNSUPPORTED


def test_embeddings_fall_back_between_servers_of_one_model_only():
    can = {"embeddings": "full"}
    one, two = vendor("one", model="e-1", can=can), vendor("two", model="e-2", can=can)
    both = backbay.fallback(one, two)
    with pytest.raises(errors.UnsupportedError):
        asyncio.run(both.embed("x"))
    assert asyncio.run(both.embed("x", model="e-3")).model == "e-3"
    assert asyncio.run(backbay.fallback(one, vendor("two", can=can, model="e-1")).embed("x")).vectors == [[1.0]]


def test_lists_come_from_the_first_that_gives_one_and_counts_from_the_first_alone():
    class Lists(Vendor):
        async def _list_models(self):
            return [ModelInfo(id="listed")]

    first = vendor("one", can={"list_models": "unsupported", "count_tokens": "full"})
    both = backbay.fallback(first, Lists(replace(FAKE_SPEC, name="two")))
    assert [each.id for each in asyncio.run(both.list_models())] == ["listed"]
    assert asyncio.run(both.count_tokens("Hi.")) == 3
    with pytest.raises(errors.UnsupportedError):
        asyncio.run(backbay.fallback(Lists(replace(FAKE_SPEC, name="two")), first).count_tokens("Hi."))


def test_the_whole_can_be_reached_as_soon_as_one_can():
    class Hangs(Vendor):
        async def _probe(self):
            await asyncio.sleep(60)

    class Dead(Vendor):
        async def _probe(self):
            raise down()

    hangs, dead = Hangs(replace(FAKE_SPEC, name="one")), Dead(replace(FAKE_SPEC, name="two"))
    start = time.monotonic()
    assert asyncio.run(backbay.fallback(hangs, dead, vendor("three")).health())
    assert time.monotonic() - start < 0.5
    found = asyncio.run(backbay.fallback(dead, dead).health())
    assert not found
    assert "refused" in found.last_error


def test_the_whole_closes_what_it_connected_and_nothing_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    given = vendor("one")

    async def main():
        async with backbay.fallback(given, "openai:m") as both:
            made = both.backends[1]
            assert both.id == "fallback(one, openai)"
        with pytest.raises(errors.ClosedError):
            await both.complete("Hi.")
        with pytest.raises(errors.ClosedError):
            await made.complete("Hi.")
        await given.complete("Hi.")

    asyncio.run(main())


def test_what_cannot_be_a_chain_is_refused():
    with pytest.raises(errors.ConfigurationError, match="no backends"):
        backbay.fallback()
    with pytest.raises(errors.ConfigurationError, match="SyncBackend"):
        backbay.fallback(backbay.SyncBackend(vendor("one")))
    with pytest.raises(errors.ConfigurationError, match="rest"):
        backbay.fallback(vendor("one"), rest=-1)


def test_the_blocking_face_says_who_served_too():
    both = backbay.SyncBackend(backbay.fallback(vendor("one", down()), vendor("two")))
    assert both.complete("Hi.").served_by == "two"
    with both.stream("Hi.") as stream:
        for _ in stream:
            continue
    assert stream.response.served_by == "two"


def test_a_chain_in_a_chain_names_the_backend_that_served_and_counts_every_attempt():
    inner = backbay.fallback(vendor("one", down(), retries=1), vendor("two", down()))
    for how in ("complete", "stream"):
        answer = run(backbay.fallback(inner, vendor("three")), how)
        assert (answer.served_by, answer.attempts) == ("three", 4)
    assert run(backbay.fallback(vendor("one"))).served_by == "one"
    assert run(vendor("one")).served_by is None


def test_closing_a_stream_closes_the_connection_of_the_one_that_serves():
    steps = [sse({"choices": [{"delta": {"content": "He"}, "index": 0}]}), Pause(5)]
    reply = Reply(headers={"content-type": "text/event-stream"}, steps=steps)
    with ScriptedServer(reply) as server:

        async def main():
            one = backbay.connect("openai:m", api_key="k", base_url=server.url)
            async with one, backbay.fallback(vendor("zero", down()), one).stream("Hi.") as stream:
                async for _ in stream:
                    break
            assert stream.partial.served_by.startswith("openai:")

        asyncio.run(main())
        assert server.wait_for(lambda each: each.hangups)
