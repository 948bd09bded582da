"""``complete_raw`` in this process, with hooks around it, and through ``fallback`` and ``route``."""

import asyncio
from dataclasses import replace

import pytest

import backbay
from backbay import hooks
from backbay.capabilities import Capability
from backbay.events import Ended, Started, Text
from backbay.folding import fold
from backbay.rawtext import raw_prompt
from backbay.response import Finish
from backbay.retry import RetryPolicy
from backbay.settings import Settings
from backbay.testing.fake import FAKE_SPEC, FakeBackend

PROMPT = 'Q: "čaj"?\r\nA: \t'
OF_CONVERSATIONS = [
    {"tool_choice": "auto"},
    {"parallel_tool_calls": True},
    {"system": "Be brief."},
    {"reasoning": "low"},
]


class Engine(FakeBackend):
    """Continues a text by the number of its characters."""

    async def _complete_raw(self, request):
        self.seen.append(request)
        answer = self.answers.pop(0) if self.answers else f" {len(raw_prompt(request))}"
        if isinstance(answer, Exception):
            raise answer
        return fold([Started(request.model), Text(answer), Ended(Finish.STOP, "stop")])


def engine(name="engine", *answers, can="full", retries=0, model="m-1", defaults=None):
    spec = replace(
        FAKE_SPEC,
        name=name,
        capabilities=FAKE_SPEC.capabilities.with_({"complete_raw": can}),
        defaults=defaults or {},
    )
    made = Engine(spec, model, Settings(retry=RetryPolicy(retries=retries, first_pause=0.0)))
    made.answers, made.seen = list(answers), []
    return made


def test_a_default_of_the_callers_is_refused_too_and_none_takes_it_back():
    async def main():
        backend = engine()
        piratical = backend.with_options(system="Arr.")
        with pytest.raises(backbay.InvalidRequestError, match="system"):
            await piratical.complete_raw("a")
        return await piratical.with_options(system=None).complete_raw("ab")

    assert asyncio.run(main()).text == " 2"


def test_a_default_of_the_specs_that_has_no_place_is_left_out():
    backend = engine(defaults={"reasoning": "low", "max_tokens": 7})
    asyncio.run(backend.complete_raw("a"))
    assert (backend.seen[0].reasoning, backend.seen[0].max_tokens) == (None, 7)


def test_there_must_be_a_model():
    """N7: with none set, nothing is asked."""
    with pytest.raises(backbay.ConfigurationError, match="no model"):
        asyncio.run(engine(model=None).complete_raw("a"))


def test_a_closed_backend_continues_nothing():
    async def main():
        backend = engine()
        await backend.aclose()
        await backend.complete_raw("a")

    with pytest.raises(backbay.ClosedError):
        asyncio.run(main())


class Watcher:
    """Keeps what it saw, and may change requests."""

    def __init__(self, change=None):
        self.seen, self.change = [], change

    @hooks.hookimpl()
    def before_request(self, request):
        self.seen.append(("before", request.messages[0].content))
        return self.change(request) if self.change else None

    @hooks.hookimpl()
    def after_response(self, response):
        self.seen.append(("after", response.text))

    @hooks.hookimpl()
    def on_error(self, error):
        self.seen.append(("error", type(error).__name__))


@pytest.fixture
def watch():
    added = []

    def make(change=None):
        watcher = Watcher(change)
        hooks.add(watcher)
        added.append(watcher)
        return watcher

    yield make
    for watcher in added:
        hooks.remove(watcher)


def test_hooks_see_raw_text_as_they_see_any_call(watch):
    watcher = watch()
    backend = engine("engine", " one", backbay.ServerError("down"))

    async def main():
        await backend.complete_raw("a")
        with pytest.raises(backbay.ServerError):
            await backend.complete_raw("b")

    asyncio.run(main())
    assert watcher.seen == [("before", "a"), ("after", " one"), ("before", "b"), ("error", "ServerError")]


def test_a_hook_may_change_the_text_and_may_not_make_a_conversation_of_it(watch):
    shout = watch(lambda request: request.model_copy(update={"messages": (message(request.messages[0].content * 2),)}))
    backend = engine()
    assert asyncio.run(backend.complete_raw("ab")).text == " 4"
    shout.change = lambda request: request.model_copy(update={"messages": (message("x"), *request.messages)})
    with pytest.raises(backbay.InvalidRequestError, match="one user message") as caught:
        asyncio.run(backend.complete_raw("ab"))
    assert "hook" in caught.value.hint
    shout.change = lambda request: request.model_copy(update={"reasoning": "low"})
    with pytest.raises(backbay.InvalidRequestError, match="reasoning"):
        asyncio.run(backend.complete_raw("ab"))


def message(text):
    return backbay.Message(role="user", content=text)


def test_an_engine_is_asked_with_the_whole_request_and_is_retried():
    backend = engine("engine", backbay.ServerError("down", retryable=True), retries=1)
    answer = asyncio.run(backend.complete_raw("abc", temperature=0.0, stop=["x"], max_tokens=2))
    assert (answer.text, answer.attempts) == (" 3", 2)
    assert (backend.seen[1].temperature, backend.seen[1].stop, backend.seen[1].max_tokens) == (0.0, ("x",), 2)


def test_a_plugin_that_declares_it_and_has_no_method_is_named():
    spec = replace(FAKE_SPEC, capabilities=FAKE_SPEC.capabilities.with_({"complete_raw": "full"}))
    with pytest.raises(backbay.ProtocolError, match="declares complete_raw"):
        asyncio.run(FakeBackend(spec, "m", Settings()).complete_raw("a"))


def test_who_continues_texts_need_not_answer_conversations():
    backend = engine()
    spec = replace(backend.spec, capabilities=backend.spec.capabilities.with_({"generate": "unsupported"}))
    only_raw = Engine(spec, "m-1", Settings())
    only_raw.answers, only_raw.seen = [], []
    assert asyncio.run(only_raw.complete_raw("abcd")).text == " 4"
    assert asyncio.run(backbay.route([only_raw]).complete_raw("abcd")).text == " 4"
    with pytest.raises(backbay.UnsupportedError):
        asyncio.run(only_raw.complete("abcd"))


def test_an_option_that_the_backend_lacks_is_refused_or_left_out_by_leave():
    backend = engine()
    spec = replace(backend.spec, capabilities=backend.spec.capabilities.with_({"seed": "unsupported"}))
    lacking = Engine(spec, "m-1", Settings())
    lacking.answers, lacking.seen = [], []
    with pytest.raises(backbay.UnsupportedError, match="seed"):
        asyncio.run(lacking.complete_raw("a", seed=1))
    answer = asyncio.run(lacking.complete_raw("a", seed=1, on_unsupported="warn"))
    assert (answer.dropped, lacking.seen[-1].seed) == (("seed",), None)


def test_a_fallback_has_the_next_one_continue_the_text():
    """N12."""
    first, second = engine("first", backbay.ServerError("down")), engine("second", " two")
    answer = asyncio.run(backbay.fallback(first, second).complete_raw(PROMPT, max_tokens=2))
    assert (answer.text, answer.served_by, answer.attempts) == (" two", "second", 2)
    assert [raw_prompt(each.seen[0]) for each in (first, second)] == [PROMPT, PROMPT]
    assert second.seen[0].max_tokens == 2


def test_a_fallback_passes_over_one_that_continues_no_text():
    first, second = engine("first", can="unsupported"), engine("second", " two")
    both = backbay.fallback(first, second)
    assert str(both.capabilities()[Capability.COMPLETE_RAW]) == "versioned"
    answer = asyncio.run(both.complete_raw("a"))
    assert (answer.served_by, answer.attempts) == ("second", 1)
    with pytest.raises(backbay.UnsupportedError):
        asyncio.run(backbay.fallback(first).complete_raw("a"))


def test_a_route_sends_a_text_by_model_by_need_and_by_choice():
    small, large = engine("small", " s", can="unsupported"), engine("large", " l", " l", " l")
    assert asyncio.run(backbay.route([small, large]).complete_raw("a")).served_by == "large"
    by_model = backbay.route({"s-": small, "": large})
    assert asyncio.run(by_model.complete_raw("a", model="l-1")).served_by == "large"
    with pytest.raises(backbay.UnsupportedError):
        asyncio.run(by_model.complete_raw("a", model="s-1"))
    chosen = backbay.route(
        {"small": small, "large": large}, lambda request: "large" if len(raw_prompt(request)) else "small"
    )
    assert asyncio.run(chosen.complete_raw("a")).served_by == "large"


@pytest.mark.parametrize("whole", [backbay.fallback, lambda each: backbay.route([each])], ids=["fallback", "route"])
def test_a_whole_refuses_what_has_no_place_before_anybody_is_asked(whole):
    backend = engine()
    for options in OF_CONVERSATIONS:
        with pytest.raises(backbay.InvalidRequestError, match=next(iter(options))):
            asyncio.run(whole(backend).complete_raw("a", **options))
    with pytest.raises(backbay.InvalidRequestError, match="list"):
        asyncio.run(whole(backend).complete_raw(["a"]))
    assert backend.seen == []
