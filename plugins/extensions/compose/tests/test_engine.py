"""A composer over an engine of backbay-batch: the same answers, failures and order, at the pace that a vendor bears."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from itertools import pairwise

import pytest
from pydantic import BaseModel

import backbay
from backbay.errors import AuthenticationError, ConfigurationError, InvalidRequestError, ServerError
from backbay.testing import Pause, Reply, ScriptedServer
from backbay_batch import BatchSetupError, BatchStoppedError, Rules
from backbay_compose import (
    CBlock,
    ChatContext,
    Composer,
    ComposeWarning,
    SimpleContext,
    SyncComposer,
    do_generate_walks,
)

FAST = Rules(tries=1, stop_after=0)


class Word(BaseModel):
    """A word."""

    word: str


def completion(text, pause=0.0):
    choice = {"index": 0, "text": text, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = Reply.json({"id": "1", "object": "text_completion", "model": "m", "choices": [choice], "usage": usage})
    return Reply(headers=body.headers, steps=[Pause(pause), *body.steps] if pause else body.steps)


def failed(status, **headers):
    reply = Reply.json({"error": {"message": "no"}}, status=status)
    return Reply(status=status, headers={**reply.headers, **headers}, steps=reply.steps)


def prompts(*texts):
    return [CBlock(text) for text in texts]


async def close(composer):
    await composer.aclose()
    await composer.backend.aclose()


def what_came(thunks):
    return [
        (thunk.value, type(thunk.error), thunk.error and thunk.error.status, thunk.response, thunk.notes.strategy)
        for thunk in thunks
    ]


def test_l11_answers_order_and_soft_failures_are_those_of_no_engine(served, finish):
    def answer(request):
        prompt = request.json["prompt"]
        if prompt == "bad":
            return failed(500)
        return completion("" if prompt == "6" else f"<{prompt}>", pause=0.1 - 0.01 * int(prompt))

    async def main(composer):
        thunks = await composer.generate_from_raw(prompts("0", "1", "bad", "3", "4", "5", "6", "bad", "8"))
        await close(composer)
        return what_came(thunks)

    found = []
    for engine in ({}, {"engine": "local", "rules": FAST}):
        with served(answer, "vllm:m-1", **engine) as (server, composer):
            found.append(finish(main(composer)))
            assert len(server.requests) == 9
    assert found[0] == found[1]
    assert [value for value, *_ in found[0]] == ["<0>", "<1>", "", "<3>", "<4>", "<5>", "", "", "<8>"]


def test_l11_no_prompts_are_no_request_and_if_all_fail_the_first_error_is_raised(served, finish):
    with served(failed(500), "vllm:m-1", engine="local", rules=FAST) as (server, composer):

        async def main():
            assert await composer.generate_from_raw([]) == []
            assert server.connections == 0
            with pytest.raises(ServerError):
                await composer.generate_from_raw(prompts("a", "b"))
            await close(composer)

        finish(main())
        assert len(server.requests) == 2


def test_a_failure_that_may_pass_is_asked_for_again(served, finish):
    seen = Counter()

    def answer(request):
        seen[request.json["prompt"]] += 1
        return failed(502) if seen["b"] == 1 and request.json["prompt"] == "b" else completion("x")

    with served(answer, "vllm:m-1", engine="local") as (_, composer):

        async def main():
            thunks = await composer.generate_from_raw(prompts("a", "b"))
            assert [thunk.value for thunk in thunks] == ["x", "x"]
            await close(composer)

        finish(main())
        assert seen == {"a": 1, "b": 2}


def test_too_many_calls_make_all_wait_and_no_answer_is_lost(served, finish):
    times = []

    def answer(request):
        times.append(time.monotonic())
        return failed(429, **{"retry-after": "0.4"}) if len(times) == 3 else completion("x")

    with served(answer, "vllm:m-1", engine="local") as (_, composer):

        async def main():
            thunks = await composer.generate_from_raw(prompts(*"abcdefgh"))
            assert [thunk.error for thunk in thunks] == [None] * 8
            await close(composer)

        finish(main())
        assert len(times) == 9
        assert max(later - earlier for earlier, later in pairwise(times)) > 0.35


def test_rules_bound_how_many_go_at_once_and_what_is_used(served, finish):
    rules = Rules(concurrency=2, max_tokens=46, stop_after=0)
    with served(completion("x", pause=0.05), "vllm:m-1", engine="local", rules=rules) as (server, composer):

        async def main():
            options = {"max_tokens": 5}
            thunks = await composer.generate_from_raw(prompts(*("w" * 40 for _ in range(6))), model_options=options)
            errors = [type(thunk.error) for thunk in thunks]
            assert errors == [type(None)] * 3 + [BatchStoppedError] * 3, "each uses 15, of which a fourth has too few"
            with pytest.raises(BatchStoppedError, match="budget"):
                await composer.generate_from_raw(prompts("w" * 40), model_options=options)
            await close(composer)

        finish(main())
        assert len(server.requests) == 3
        assert server.connections <= 2


def test_a_refused_key_is_told_to_all_and_asked_about_no_further(served, finish):
    with served(failed(401), "vllm:m-1", engine="local", rules=Rules(concurrency=2)) as (server, composer):

        async def main():
            with pytest.raises(AuthenticationError):
                await composer.generate_from_raw(prompts(*(str(number) for number in range(50))))
            await close(composer)

        finish(main())
        assert len(server.requests) <= 4


def test_l11_who_gives_up_cancels_all_of_them_and_closes_their_sockets(served, finish):
    with served(completion("x", pause=5), "vllm:m-1", engine="local") as (server, composer):

        async def main():
            thunks = []
            composer.listen(thunks.append)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(composer.generate_from_raw(prompts(*"abcdefgh")), 0.3)
            assert [thunk.cancelled for thunk in thunks] == [True] * 8
            assert server.wait_for(lambda server: len(server.hangups) == len(server.requests) == 4, 1)
            await close(composer)

        finish(main())
        assert len(server.requests) == 4, "those that waited for their turn were never sent"


def test_l8_one_that_is_cancelled_lets_go_and_the_others_go_on(served, said, finish):
    def answer(request):
        text = request.json["messages"][-1]["content"]
        pause = 5 if text == "slow" else 0.2
        choice = {"index": 0, "message": {"role": "assistant", "content": f"<{text}>"}, "finish_reason": "stop"}
        body = Reply.json({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
        return Reply(headers=body.headers, steps=[Pause(pause), *body.steps])

    with served(answer, "openai:m-1", engine="local") as (server, composer):

        async def main():
            slow, _ = await composer.generate_from_context(CBlock("slow"), SimpleContext())
            quick, _ = await composer.generate_from_context(CBlock("quick"), ChatContext())
            await asyncio.sleep(0.1)
            await slow.cancel_generation()
            assert slow.cancelled
            assert server.wait_for(lambda server: len(server.hangups) == 1, 1)
            assert await quick.avalue() == "<quick>"
            again, _ = await composer.generate_from_context(CBlock("again"), SimpleContext())
            assert await again.avalue() == "<again>"
            await close(composer)
            assert len(asyncio.all_tasks()) == 2, "this one, and who watches over it"

        finish(main())


def test_l12_a_form_that_raw_text_cannot_have_is_left_out_as_without_an_engine(served, finish):
    connect = {"capabilities": {"structured_output": "unsupported"}}
    with served(completion("free"), "vllm:m-1", connect=connect, engine="local") as (_, composer):

        async def main():
            with pytest.warns(ComposeWarning, match="schema"):
                [thunk] = await composer.generate_from_raw(prompts("a"), format=Word)
            assert thunk.notes.strategy is None
            await close(composer)

        finish(main())


def test_l15_one_composer_on_two_event_loops_and_blocking(served, finish):
    with served(completion("x"), "vllm:m-1", engine="local") as (_, composer):

        async def ask():
            [thunk] = await composer.generate_from_raw(prompts("a"))
            return thunk.value

        async def last():
            found = await ask()
            await close(composer)
            return found

        assert [finish(ask()), finish(last())] == ["x", "x"]
    with SyncComposer("local:tiny", engine="local", model_options={"max_tokens": 4}) as blocking:
        assert blocking.generate_from_raw(prompts("One, two,"))[0].value


def test_over_a_real_engine_texts_are_those_of_no_engine_and_walks_go_through_it(finish):
    async def main(engine):
        async with Composer("local:tiny", engine=engine, model_options={"max_tokens": 6, "seed": 1}) as composer:
            thunks = await composer.generate_from_raw(prompts(*(f"The number {number} is" for number in range(20))))
            first, context = await composer.generate_from_context(CBlock("Hello"), ChatContext())
            second, _ = await composer.generate_from_context(CBlock("And?"), context, lazy=True)
            await do_generate_walks([second])
            return [thunk.value for thunk in (*thunks, first, second)]

    found = finish(main("local"), 30)
    assert found == finish(main(None), 30)
    assert all(text is not None for text in found)


def test_an_observer_sees_a_call_in_the_context_of_who_made_it(finish):
    from contextvars import ContextVar

    from backbay import hooks

    who, seen = ContextVar("who", default="nobody"), []

    class Plugin:
        @hooks.hookimpl()
        def observe_call(self, backend, operation, model, request):
            seen.append((operation.value, who.get()))

    plugin = Plugin()
    hooks.add(plugin)
    try:

        async def main():
            async with Composer("local:tiny", engine="local", model_options={"max_tokens": 2}) as composer:
                for name in ("ada", "bob"):
                    who.set(name)
                    await composer.generate_from_raw(prompts("a"))

        finish(main(), 30)
    finally:
        hooks.remove(plugin)
    assert seen == [("complete_raw", "ada"), ("complete_raw", "bob")]


def test_without_backbay_batch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "backbay_batch", None)
    with pytest.raises(ConfigurationError, match="backbay-batch") as caught:
        Composer("local:tiny", engine="local")
    assert "pip install backbay-batch" in (caught.value.hint or "")


def test_an_engine_that_is_not_there_and_rules_without_one_are_refused():
    with pytest.raises(BatchSetupError, match="There are local"):
        Composer("local:tiny", engine="ray-of-light")
    with pytest.raises(InvalidRequestError, match="engine='local'"):
        Composer("local:tiny", rules=Rules())


def test_an_engine_that_ends_too_early_is_told_to_all_who_wait(finish):
    class Lazy:
        async def run(self, items, target):
            for _ in ():
                yield _

    with ScriptedServer(completion("x")) as server:
        backend = backbay.connect("vllm:m-1", base_url=server.url, api_key="k")

        async def main():
            composer = Composer(backend, engine=Lazy())
            with pytest.raises(backbay.BackbayError, match="ended before"):
                await composer.generate_from_raw(prompts("a", "b"))
            await close(composer)

        finish(main())
