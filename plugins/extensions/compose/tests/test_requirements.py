"""Requirements: checks by functions, verdicts of the model, and what a check that is wrong looks like."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
import time

import pytest
from pydantic import BaseModel

import backbay
from backbay.errors import BackbayError, InvalidRequestError, ServerError
from backbay.testing import Pause, Reply, ScriptedServer
from backbay_compose import (
    CBlock,
    ChatContext,
    Composer,
    ContextTypeMismatchError,
    ModelOption,
    ModelOutputThunk,
    Requirement,
    RequirementError,
    SimpleContext,
    SpanError,
    ThunkError,
    ToolResult,
    validate,
)


class Age(BaseModel):
    years: int


def said(text, *, pause=0.0):
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    events = Reply.events({"id": "c-1", "model": "m-1", "choices": [delta]}, {"id": "c-1", "choices": [last]})
    return Reply(headers=events.headers, steps=[Pause(pause), *events.steps])


def verdict(passed, reason="It is so."):
    return said(json.dumps({"reason": reason, "passed": passed}))


def ended(script, work):
    """Run ``work(composer)`` over a server with that script; return what it gives, and the server."""

    async def main(url):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=url, retries=0) as backend:
            return await asyncio.wait_for(work(Composer(backend)), 10)

    with ScriptedServer(script) as server:
        return asyncio.run(main(server.url)), server


def checked(check, value="Four words are here."):
    """Validate one check of a computed thunk, without any server."""

    async def main():
        async with Composer("local:tiny") as composer:
            return await validate(composer, [Requirement("fine", check)], ModelOutputThunk(value), ChatContext())

    return asyncio.run(main())[0]


async def later(thunk):
    await asyncio.sleep(0)
    return len(str(thunk)) < 5, "it is long"


class Callable:
    async def __call__(self, thunk):
        return str(thunk).endswith(".")


@pytest.mark.parametrize(
    ("check", "passed", "reason"),
    [
        (lambda thunk: True, True, ""),
        (lambda thunk: (False, "no"), False, "no"),
        (lambda thunk: asyncio.sleep(0, (False, "no")), False, "no"),
        (later, False, "it is long"),
        (functools.partial(later), False, "it is long"),
        (Callable(), True, ""),
    ],
)
def test_a_check_is_plain_or_async_and_says_yes_or_no_or_why(check, passed, reason):
    result = checked(check)
    assert (result.passed, bool(result), result.reason, result.thunk) == (passed, passed, reason, None)
    assert result.requirement.check is check


@pytest.mark.parametrize(
    ("failure", "name"),
    [(KeyError("x"), "KeyError"), (StopIteration(), "StopIteration"), (asyncio.CancelledError(), "CancelledError")],
)
def test_a_check_that_raises_is_a_typed_error_with_its_cause(failure, name):
    async def check(thunk):
        raise failure

    def plain(thunk):
        raise failure

    for each in (plain,) if isinstance(failure, StopIteration) else (check,):
        with pytest.raises(RequirementError, match=f"'fine' failed: {name}") as caught:
            checked(each)
        assert caught.value.__cause__ is failure


@pytest.mark.parametrize("found", [None, 1, "yes", (True,), (True, 1), (1, "why"), [True, "why"]])
def test_an_answer_that_is_neither_yes_nor_no_is_an_error(found):
    with pytest.raises(RequirementError, match=r"gave a \w+\. It returns True or False"):
        checked(lambda thunk: found)


def test_a_plain_check_may_block_and_holds_up_nothing():
    """Three that wait for each other, beside the loop and at once."""
    threads, together = set(), threading.Barrier(3)

    def slow(thunk):
        threads.add(threading.get_ident())
        together.wait(5)
        time.sleep(0.1)
        return True

    async def main():
        async with Composer("local:tiny") as composer:
            wanted = [Requirement(f"slow {number}", slow) for number in range(3)]
            work = asyncio.create_task(validate(composer, wanted, ModelOutputThunk("x"), ChatContext()))
            turns = 0
            while not work.done():
                await asyncio.sleep(0.005)
                turns += 1
            return await work, turns

    results, turns = asyncio.run(main())
    assert all(results)
    assert threading.get_ident() not in threads
    assert turns > 5


def test_a_result_that_its_format_cannot_read_does_not_pass():
    async def work(composer):
        thunk, ctx = await composer.generate_from_context(CBlock("How old?"), ChatContext(), format=Age)
        return await validate(composer, [Requirement("grown up", lambda it: it.parsed.years >= 18)], thunk, ctx)

    (result,), _ = ended(said('{"years": "many"}'), work)
    assert not result
    assert "no Age" in result.reason


def test_the_model_is_asked_over_the_conversation_and_answers_in_a_form():
    async def work(composer):
        thunk, ctx = await composer.generate_from_context(CBlock("Greet me."), ChatContext().add(CBlock("I am Ada.")))
        return await validate(composer, ["It {{ greets }} by name."], thunk, ctx), thunk

    ((result,), thunk), server = ended([said("Hi, Ada!"), verdict(passed=False, reason="No.")], work)
    assert (result.passed, result.reason, result.requirement.check) == (False, "No.", None)
    assert result.thunk.parsed.passed is False
    assert result.thunk is not thunk
    asked = server.requests[1].json
    assert asked["response_format"]["type"] == "json_schema"
    assert [turn["role"] for turn in asked["messages"]] == ["user", "user", "assistant", "user"]
    assert [turn["content"] for turn in asked["messages"][:3]] == ["I am Ada.", "Greet me.", "Hi, Ada!"]
    assert "It {{ greets }} by name." in asked["messages"][3]["content"], "what the caller wrote is no template"


@pytest.mark.parametrize("given", ["with it", "before it"])
def test_after_a_simple_context_the_verdict_still_sees_what_was_asked(given):
    async def work(composer):
        before = SimpleContext().add(CBlock("Never seen."))
        thunk, ctx = await composer.generate_from_context(CBlock("Greet me."), before)
        return await validate(composer, ["polite"], thunk, ctx if given == "with it" else before)

    _, server = ended([said("Hi!"), verdict(passed=True)], work)
    assert [turn["content"] for turn in server.requests[1].json["messages"][:-1]] == ["Greet me.", "Hi!"]


def test_a_verdict_on_an_answer_after_tools_sees_the_calls_and_their_results():
    call = {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    calls = Reply.events({"id": "c-1", "choices": [asked]})

    async def work(composer):
        first, ctx = await composer.generate_from_context(CBlock("Go."), SimpleContext())
        await first.avalue()
        thunk = ModelOutputThunk("Done.")
        ctx = ctx.add(ToolResult("42", call_id="x", name="f")).add(thunk)
        await validate(composer, ["true"], thunk, ctx)
        return await validate(composer, ["called"], first, ctx)

    _, server = ended([calls, verdict(passed=True)], work)
    roles = [turn["role"] for turn in server.requests[1].json["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    judged = server.requests[2].json["messages"]
    assert [turn["role"] for turn in judged] == ["user", "assistant", "user"]
    assert judged[1]["content"] == "[calls f with {}]", "no call without a result, which vendors refuse"


def test_an_empty_answer_can_be_judged():
    async def work(composer):
        return await validate(composer, ["silent"], ModelOutputThunk(""), ChatContext().add(CBlock("Hush.")))

    (result,), server = ended(verdict(passed=True), work)
    assert result
    assert server.requests[0].json["messages"][1]["content"] == "[an empty answer]"


def test_all_run_at_once_and_keep_their_order():
    def script(request):
        text = request.json["messages"][-1]["content"]
        return said(json.dumps({"reason": "r", "passed": "number 3" not in text}), pause=0.2)

    async def work(composer):
        begun = time.monotonic()
        wanted = [f"number {number}" for number in range(6)]
        return await validate(composer, wanted, ModelOutputThunk("x"), ChatContext()), time.monotonic() - begun

    (results, seconds), server = ended(script, work)
    assert [result.passed for result in results] == [True, True, True, False, True, True]
    assert [result.requirement.description for result in results] == [f"number {number}" for number in range(6)]
    assert seconds < 1.1, "one after the other takes 1.2 s"
    assert len(server.requests) == 6


def test_one_that_fails_ends_the_others_and_frees_their_sockets():
    slow = Reply(headers={"content-type": "text/event-stream"}, steps=[b": wait\n\n", Pause(5)])

    async def work(composer):
        async def check(thunk):
            while len(server_requests()) < 1:
                await asyncio.sleep(0.005)
            raise ValueError("no")

        with pytest.raises(RequirementError, match="ValueError: no"):
            await validate(composer, ["slow", Requirement("b", check)], ModelOutputThunk("x"), ChatContext())
        assert len(asyncio.all_tasks()) <= 2

    running = []
    server_requests = lambda: running[0].requests  # noqa: E731

    async def main(url):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=url) as backend:
            await asyncio.wait_for(work(Composer(backend)), 5)

    with ScriptedServer(slow) as server:
        running.append(server)
        asyncio.run(main(server.url))
        assert server.wait_for(lambda seen: bool(seen.hangups), 1.0)


def test_cancelling_who_waits_cancels_the_verdicts():
    slow = Reply(headers={"content-type": "text/event-stream"}, steps=[b": wait\n\n", Pause(5)])

    async def main(server):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=server.url) as backend:
            work = asyncio.create_task(validate(Composer(backend), ["a", "b"], ModelOutputThunk("x"), ChatContext()))
            while len(server.requests) < 2:
                await asyncio.sleep(0.005)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    with ScriptedServer(slow) as server:
        asyncio.run(main(server))
        assert server.wait_for(lambda seen: len(seen.hangups) == 2, 1.0)


def test_a_verdict_that_cannot_be_read_is_an_error_and_no_verdict():
    async def work(composer):
        with pytest.raises(RequirementError, match="no verdict on 'polite'"):
            await validate(composer, ["polite"], ModelOutputThunk("x"), ChatContext())

    ended(said('{"reason": "I was cut o'), work)


def test_an_error_of_the_vendor_comes_as_it_is():
    async def work(composer):
        with pytest.raises(ServerError):
            await validate(composer, ["polite"], ModelOutputThunk("x"), ChatContext())

    ended(Reply.json({"error": {"message": "broken"}}, status=500), work)


def test_options_of_the_verdicts_go_with_them():
    async def work(composer):
        options = {ModelOption.MAX_NEW_TOKENS: 77}
        return await validate(composer, ["polite"], ModelOutputThunk("x"), ChatContext(), model_options=options)

    _, server = ended(verdict(passed=True), work)
    assert 77 in server.requests[0].json.values()


@pytest.mark.parametrize("given", ["one string", None, [1], [lambda thunk: True]])
def test_requirements_that_are_none_are_refused_before_anything_is_sent(given):
    async def work(composer):
        with pytest.raises(InvalidRequestError, match="equirement"):
            await validate(composer, given, ModelOutputThunk("x"), ChatContext())

    _, server = ended(verdict(passed=True), work)
    assert server.connections == 0


def test_other_bad_input_is_refused_before_anything_is_sent():
    async def work(composer):
        with pytest.raises(SpanError, match="CBlock was given to be validated"):
            await validate(composer, ["a"], CBlock("x"), ChatContext())
        with pytest.raises(ContextTypeMismatchError, match="ctx is a list"):
            await validate(composer, ["a"], ModelOutputThunk("x"), [])
        with pytest.raises(ThunkError):
            await validate(composer, ["a"], ModelOutputThunk(), ChatContext())
        for wrong in ("", "  ", None, 3):
            with pytest.raises(InvalidRequestError, match="described in words"):
                Requirement(wrong)
        with pytest.raises(InvalidRequestError, match="check is a bool"):
            Requirement("a", check=True)

    _, server = ended(verdict(passed=True), work)
    assert server.connections == 0


def test_a_thunk_that_failed_raises_what_it_failed_with():
    async def work(composer):
        thunk, ctx = await composer.generate_from_context(CBlock("x"), ChatContext())
        with pytest.raises(ServerError) as caught:
            await validate(composer, [Requirement("a", lambda thunk: True)], thunk, ctx)
        assert caught.value is thunk.error

    ended(Reply.json({"error": {"message": "broken"}}, status=500), work)


def test_a_name_stands_for_the_description_in_reports():
    assert Requirement("The answer is polite.", name="polite").label == "polite"
    assert Requirement("The answer is polite.").label == "The answer is polite."


def test_a_real_model_gives_verdicts():
    async def main():
        async with Composer("local:tiny") as composer:
            thunk, ctx = await composer.generate_from_context(CBlock("Say hi."), ChatContext())
            wanted = ["The answer is a greeting.", Requirement("short", lambda it: len(str(it)) < 10_000)]
            return await validate(composer, wanted, thunk, ctx, model_options={"seed": 7})

    judged, counted = asyncio.run(main())
    assert isinstance(judged.passed, bool)
    assert judged.thunk.notes.strategy == "schema"
    assert judged.thunk.metadata.usage.total > 0
    assert counted
    assert issubclass(RequirementError, BackbayError)
