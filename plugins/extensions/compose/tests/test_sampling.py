"""Sampling: independent tries, tries at once, repairs, and their budgets."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import pytest
from pydantic import BaseModel

import backbay
from backbay.errors import InvalidRequestError, ServerError
from backbay.testing import Pause, Reply, ScriptedServer
from backbay_compose import (
    CBlock,
    ChatContext,
    Composer,
    ContextTypeMismatchError,
    ModelOption,
    ModelOutputThunk,
    RejectionSampling,
    Repair,
    Requirement,
    RequirementError,
    SimpleContext,
    SpanError,
    sample,
)


class Age(BaseModel):
    years: int


def said(text, *, pause=0.0, tokens=None, calls=(), hang=0.0):
    delta = {"index": 0, "delta": {"content": text, "tool_calls": list(calls)}, "finish_reason": None}
    last = {"id": "c-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if tokens is not None:
        last["usage"] = {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}
    events = Reply.events({"id": "c-1", "model": "m-1", "choices": [delta]}, last)
    first, *others = events.steps
    return Reply(headers=events.headers, steps=[Pause(pause), first, Pause(hang), *others])


BROKEN = Reply.json({"error": {"message": "broken"}}, status=500)


def ended(script, work):
    """Run ``work(composer)`` over a server with that script; return what it gives, and the server."""

    async def main(url):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=url, retries=0) as backend:
            found = await asyncio.wait_for(work(Composer(backend)), 10)
            assert len(asyncio.all_tasks()) == 1, "nothing goes on behind the caller's back"
            return found

    with ScriptedServer(script) as server:
        found = asyncio.run(main(server.url))
        server.wait_for(lambda seen: False, 0.02)
        return found, server


def says(word):
    return Requirement(f"says {word}", lambda thunk: (word in str(thunk), f"there is no {word} in it"))


def sampled(script, requirements=(), ctx=None, **options):
    return ended(
        script,
        lambda composer: sample(
            composer, CBlock("Say it."), ChatContext() if ctx is None else ctx, requirements, **options
        ),
    )


@pytest.mark.parametrize("strategy", [None, RejectionSampling(), Repair()])
def test_the_first_that_passes_ends_it(strategy):
    result, server = sampled([said("one"), said("two"), said("three")], [says("two")], strategy=strategy)
    assert result.success
    assert (result.thunk.value, len(server.requests)) == ("two", 2)
    assert [attempt.thunk.value for attempt in result.attempts] == ["one", "two"]
    assert [attempt.passed for attempt in result.attempts] == [False, True]
    assert result.attempts[0].validations[0].reason == "there is no two in it"
    assert result.validations == result.attempts[1].validations


@pytest.mark.parametrize("strategy", [RejectionSampling(), Repair()])
def test_the_context_has_the_action_and_the_chosen_answer_and_no_more(strategy):
    before = ChatContext(window_size=9).add(CBlock("I am Ada."))
    result, server = sampled([said("one"), said("two")], [says("two")], before, strategy=strategy)
    assert [str(span) for span in result.context.as_list()] == ["I am Ada.", "Say it.", "two"]
    assert result.context.node_data is result.thunk
    assert type(result.context) is ChatContext
    assert len(before) == 1
    assert [turn["content"] for turn in server.requests[0].json["messages"]] == ["I am Ada.", "Say it."]


@pytest.mark.parametrize("strategy", [RejectionSampling(budget=3), Repair(budget=3)])
def test_without_success_the_best_is_given_and_of_equals_the_last(strategy):
    script = [said("a"), said("a b"), said("b a"), said("none")]
    result, server = sampled(script, [says("a"), says("b"), says("c")], strategy=strategy)
    assert not result.success
    assert result.thunk.value == "b a"
    assert result.context.node_data is result.thunk
    assert [attempt.passed for attempt in result.attempts] == [False] * 3
    assert [len(attempt.validations) for attempt in result.attempts] == [3] * 3
    assert len(server.requests) == 3


def test_independent_tries_know_nothing_of_each_other():
    _, server = sampled(said("no"), [says("two")], strategy=RejectionSampling(budget=3))
    assert [request.json["messages"] for request in server.requests] == [[{"role": "user", "content": "Say it."}]] * 3


def test_a_seed_counts_up_from_try_to_try():
    options = {ModelOption.SEED: 40}
    _, server = sampled(said("no"), [says("two")], model_options=options)
    assert [request.json["seed"] for request in server.requests] == [40, 41, 42]
    _, server = sampled(said("no"), [says("two")], model_options={"seed": 5}, strategy=Repair(budget=2))
    assert [request.json["seed"] for request in server.requests] == [5, 5]
    assert options == {ModelOption.SEED: 40}


@pytest.mark.parametrize("ctx", [ChatContext(), SimpleContext(), ChatContext(window_size=1)])
def test_a_repair_is_told_what_failed_and_why_whatever_the_context_shows(ctx):
    script = [said("one"), said("two"), said("two three")]
    result, server = sampled(script, [says("two"), says("three")], ctx, strategy=Repair())
    assert result.success
    first, second, third = (request.json["messages"] for request in server.requests)
    assert [turn["role"] for turn in third] == ["user", "assistant", "user", "assistant", "user"]
    assert third[:3] == second
    assert second[:1] == first
    assert "- says two (there is no two in it)\n- says three (there is no three in it)" in second[2]["content"]
    assert "says two" not in third[4]["content"], "what holds is not complained of"
    assert len(result.context) == 2
    assert type(result.context) is type(ctx)


def test_a_verdict_on_a_repaired_answer_is_over_the_first_question():
    verdicts = iter([False, True])

    def script(request):
        if "response_format" in request.json:
            return said(json.dumps({"reason": "so", "passed": next(verdicts)}))
        return said("answer")

    result, server = sampled(script, ["It is polite."], strategy=Repair())
    assert result.success
    judged = [request.json["messages"] for request in server.requests if "response_format" in request.json]
    assert [[turn["content"] for turn in turns[:-1]] for turns in judged] == [["Say it.", "answer"]] * 2
    assert result.validations[0].thunk.parsed.passed


def test_a_repair_after_calls_or_silence_is_a_conversation_that_vendors_take():
    call = {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    def f() -> str:
        """Do it."""
        return ""

    _, server = sampled(
        [said("", calls=[call]), said(""), said("two")],
        [says("two")],
        strategy=Repair(),
        tool_calls=True,
        model_options={ModelOption.TOOLS: [f]},
    )
    turns = server.requests[2].json["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "user", "assistant", "user"]
    assert (turns[2]["tool_call_id"], turns[4]["content"]) == ("x", "[an empty answer]")


def test_several_run_at_once_and_the_rest_is_cancelled_when_one_passes():
    numbers = itertools.count()

    def script(request):
        return said("two") if next(numbers) == 2 else said("one", hang=5)

    begun = time.monotonic()
    result, server = sampled(script, [says("two")], strategy=RejectionSampling(budget=9, at_once=4))
    assert time.monotonic() - begun < 2
    assert (result.success, result.thunk.value) == (True, "two")
    assert len(server.requests) == 4
    assert server.wait_for(lambda seen: len(seen.hangups) == 3, 1.0)
    assert sorted(attempt.thunk.cancelled for attempt in result.attempts) == [False, True, True, True]
    assert [attempt.validations is None for attempt in result.attempts].count(True) == 3


def test_a_check_of_another_try_is_cancelled_too():
    let_go = []

    async def check(thunk):
        if str(thunk) == "slow":
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                let_go.append(True)
                raise
        else:
            await asyncio.sleep(0.1)
        return True

    numbers = itertools.count()
    result, _ = sampled(
        lambda request: said("slow" if next(numbers) == 0 else "quick"),
        [Requirement("any", check)],
        strategy=RejectionSampling(at_once=2),
    )
    assert (result.thunk.value, let_go) == ("quick", [True])


def test_at_once_never_passes_the_budget_nor_itself():
    now, most = set(), []

    async def check(thunk):
        now.add(id(thunk))
        most.append(len(now))
        await asyncio.sleep(0.02)
        now.discard(id(thunk))
        return False

    result, server = sampled(said("no"), [Requirement("never", check)], strategy=RejectionSampling(budget=7, at_once=3))
    assert (len(server.requests), len(result.attempts), result.success) == (7, 7, False)
    assert max(most) <= 3


@pytest.mark.parametrize("strategy", [RejectionSampling(), Repair()])
def test_an_error_of_generation_ends_it(strategy):
    async def work(composer):
        with pytest.raises(ServerError):
            await sample(composer, CBlock("x"), ChatContext(), [says("two")], strategy=strategy)

    _, server = ended([said("one"), BROKEN, said("two")], work)
    assert len(server.requests) == 2


def test_an_error_of_one_try_is_forgiven_where_another_one_passes():
    numbers = itertools.count()
    result, server = sampled(
        lambda request: BROKEN if next(numbers) == 0 else said("two", pause=0.2),
        [says("two")],
        strategy=RejectionSampling(budget=9, at_once=2),
    )
    assert result.success
    assert len(server.requests) == 2
    assert [type(attempt.thunk.error) for attempt in result.attempts].count(ServerError) == 1


def test_an_error_begins_no_further_try_and_is_raised_when_none_beside_it_passes():
    numbers = itertools.count()

    async def work(composer):
        with pytest.raises(ServerError):
            await sample(composer, CBlock("x"), ChatContext(), [says("two")], strategy=RejectionSampling(9, 2))

    _, server = ended(lambda request: BROKEN if next(numbers) == 0 else said("one", pause=0.2), work)
    assert len(server.requests) == 2


def test_a_check_that_raises_ends_it():
    def check(thunk):
        raise ValueError("no")

    async def work(composer):
        with pytest.raises(RequirementError, match="ValueError: no"):
            await sample(composer, CBlock("x"), ChatContext(), [Requirement("fine", check)])

    _, server = ended(said("one"), work)
    assert len(server.requests) == 1


@pytest.mark.parametrize("strategy", [RejectionSampling(9, max_tokens_spent=25), Repair(9, max_tokens_spent=25)])
def test_known_tokens_end_it_too(strategy):
    result, server = sampled(said("one", tokens=10), [says("two")], strategy=strategy)
    assert (len(server.requests), result.tokens, result.success) == (3, 30, False)


def test_tokens_that_the_vendor_does_not_say_end_nothing_and_those_of_verdicts_count():
    result, _ = sampled(said("one"), [says("two")], strategy=RejectionSampling(4, max_tokens_spent=1))
    assert (len(result.attempts), result.tokens) == (4, 0)

    def script(request):
        if "response_format" in request.json:
            return said(json.dumps({"reason": "no", "passed": False}), tokens=100)
        return said("one", tokens=10)

    result, _ = sampled(script, ["polite"], strategy=RejectionSampling(4, max_tokens_spent=200))
    assert (len(result.attempts), result.tokens) == (2, 220)


@pytest.mark.parametrize("strategy", [RejectionSampling(), Repair()])
def test_a_form_that_cannot_be_read_is_a_requirement_that_was_not_met(strategy):
    script = [said('{"years": "many"}'), said('{"years": 3}')]
    result, server = sampled(script, strategy=strategy, format=Age)
    assert result.success
    assert result.thunk.parsed == Age(years=3)
    assert "no Age" in result.attempts[0].validations[0].reason
    if isinstance(strategy, Repair):
        assert "no Age" in server.requests[1].json["messages"][2]["content"]


def test_with_nothing_required_one_try_is_enough():
    result, server = sampled(said("one"))
    assert (result.success, result.validations, len(server.requests)) == (True, (), 1)


def test_options_of_tries_and_of_verdicts_are_apart():
    def script(request):
        judging = "response_format" in request.json
        return said(json.dumps({"reason": "yes", "passed": True}) if judging else "one")

    _, server = sampled(script, ["polite"], model_options={"temperature": 0.9}, check_options={"temperature": 0.1})
    assert [request.json["temperature"] for request in server.requests] == [0.9, 0.1]


def test_cancelling_frees_every_socket():
    async def main(server):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=server.url) as backend:
            strategy = RejectionSampling(budget=3, at_once=3)
            work = asyncio.create_task(
                sample(Composer(backend), CBlock("x"), ChatContext(), [says("two")], strategy=strategy)
            )
            while len(server.requests) < 3:
                await asyncio.sleep(0.005)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert len(asyncio.all_tasks()) == 1

    with ScriptedServer(said("one", hang=5)) as server:
        asyncio.run(main(server))
        assert server.wait_for(lambda seen: len(seen.hangups) == 3, 1.0)


def test_bad_input_is_refused_before_anything_is_sent():
    async def work(composer):
        action, ctx = CBlock("x"), ChatContext()
        for wrong in ({"requirements": "a"}, {"requirements": [1]}, {"strategy": "repair"}, {"format": dict}):
            with pytest.raises(InvalidRequestError):
                await sample(composer, action, ctx, **{"requirements": [], **wrong})
        for options in ({"model_options": {"model": "x"}}, {"check_options": {"model": "x"}}):
            with pytest.raises(InvalidRequestError, match="model is no option"):
                await sample(composer, action, ctx, [], **options)
        with pytest.raises(ContextTypeMismatchError):
            await sample(composer, action, [], [])
        with pytest.raises(SpanError):
            await sample(composer, "x", ctx, [])

    _, server = ended(said("one"), work)
    assert server.connections == 0
    for wrong in ({"budget": 0}, {"budget": 1.5}, {"budget": True}, {"budget": None}, {"max_tokens_spent": 0}):
        for kind in (RejectionSampling, Repair):
            with pytest.raises(InvalidRequestError, match="give a whole number from 1 on"):
                kind(**wrong)
    with pytest.raises(InvalidRequestError, match="at_once"):
        RejectionSampling(at_once=0)


@pytest.mark.parametrize("strategy", [RejectionSampling(budget=4, at_once=2), Repair(budget=3)])
def test_a_real_model_is_sampled(strategy):
    async def main():
        async with Composer("local:tiny", model_options={ModelOption.MAX_NEW_TOKENS: 24}) as composer:
            wanted = [Requirement("short", lambda thunk: len(str(thunk)) < 10_000), says("a word that it never says")]
            return await sample(composer, CBlock("Tell me of an owl."), ChatContext(), wanted, strategy=strategy)

    result = asyncio.run(main())
    assert not result.success
    assert len(result.attempts) == strategy.budget
    assert result.thunk is result.attempts[-1].thunk
    assert result.tokens > 0
    assert isinstance(result.thunk, ModelOutputThunk)
    assert [bool(each) for each in result.validations] == [True, False]
