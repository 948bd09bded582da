"""Walks: which thunks they find, that each is generated once, and what becomes of the others when one fails."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from backbay.errors import InvalidRequestError, LimitExceededError, LoopError, ServerError
from backbay.testing import Reply
from backbay_compose import (
    CBlock,
    ChatContext,
    CycleError,
    ImageBlock,
    ModelOutputThunk,
    SimpleContext,
    SpanError,
    ThunkError,
    do_generate_walk,
    do_generate_walks,
    generate_walk,
)

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def lazy(composer, text="a", **options):
    thunk, _ = await composer.generate_from_context(CBlock(text), SimpleContext(), lazy=True, **options)
    return thunk


def test_l1_thunks_come_depth_first_from_left_to_right_and_as_often_as_they_are_held(echo, bundle, finish):
    async def main():
        a, b, c = [await lazy(echo, name) for name in "abc"]
        computed = ModelOutputThunk("done")
        tree = bundle(a, bundle(CBlock("x"), b, computed, bundle(a)), ImageBlock(PIXEL), bundle(), c, b)
        assert generate_walk(tree) == [a, b, a, c, b]
        assert generate_walk(a) == [a]
        assert generate_walk(computed) == generate_walk(CBlock("x")) == []

    finish(main())


@pytest.mark.parametrize("value", ["text", None, 7, b"bytes", ["list"], object])
def test_l1_what_is_no_span_is_named_with_its_type(bundle, value):
    for root in (value, bundle(CBlock("x"), bundle(value))):
        with pytest.raises(ValueError, match=f"is a {type(value).__name__}"):
            generate_walk(root)


def test_l1_a_long_value_is_cut_in_the_message_and_a_string_gets_a_hint(bundle):
    with pytest.raises(SpanError, match="CBlock") as caught:
        generate_walk(bundle("x" * 10_000))
    assert len(str(caught.value)) < 300


def test_l1_parts_that_are_a_string_or_no_list_are_refused(bundle):
    for wrong in ("abc", None, 7, (part for part in ())):
        component = bundle()
        component.held = wrong
        with pytest.raises(SpanError, match=r"parts\(\)"):
            generate_walk(component)


def test_l1_a_component_that_contains_itself_is_a_value_error(bundle, echo, finish):
    inner, outer = bundle(), bundle()
    inner.held.append(outer)
    outer.held.extend([CBlock("x"), inner])
    with pytest.raises(ValueError, match="contains itself"):
        generate_walk(outer)

    async def main():
        for call in (
            do_generate_walk(outer),
            echo.generate_from_context(outer, SimpleContext()),
            echo.generate_from_context(CBlock("x"), ChatContext().add(outer)),
        ):
            with pytest.raises(CycleError):
                await call
        assert echo.backend.requests == []

    finish(main())


def test_l1_one_component_twice_is_no_cycle(bundle):
    shared = bundle(CBlock("x"))
    assert generate_walk(bundle(shared, bundle(shared), shared)) == []


def test_l2_one_slow_thunk_twice_in_a_tree_and_in_two_actions_is_one_request(served, said, bundle, finish):
    with served(said("slow", "ly", pause=0.1)) as (server, composer):

        async def main():
            thunk = await lazy(composer)
            tree = bundle(thunk, bundle(thunk))
            await asyncio.gather(
                do_generate_walk(tree), do_generate_walks([bundle(thunk), bundle(thunk, thunk)]), thunk.avalue()
            )
            assert thunk.value == "slowly"
            assert all(span.value == "slowly" for span in (tree.held[0], tree.held[1].held[0]))
            await composer.backend.aclose()

        finish(main())
        assert len(server.requests) == 1


def test_l2_two_prompts_that_hold_one_thunk_both_see_its_value(served, said, bundle, finish):
    def answer(request):
        text = request.json["messages"][-1]["content"]
        return said("inner", pause=0.1) if text == "a" else said(f"<{text}>")

    with served(answer) as (server, composer):

        async def main():
            thunk = await lazy(composer)
            one, _ = await composer.generate_from_context(bundle(CBlock("1 "), thunk, thunk), SimpleContext())
            two, _ = await composer.generate_from_context(bundle(CBlock("2 "), thunk), SimpleContext())
            await do_generate_walks([one, two])
            assert (one.value, two.value) == ("<1 innerinner>", "<2 inner>")
            assert one.waits_for == two.waits_for == (thunk,)
            await composer.backend.aclose()

        finish(main())
        assert len(server.requests) == 3


def test_l3_twenty_independent_thunks_take_less_than_one_and_a_half_times_one(served, said, bundle, finish):
    with served(said("a", "b", before=0.4, pause=0.2)) as (server, composer):

        async def main():
            await (await lazy(composer)).avalue()  # Whatever is only done once.
            start = time.monotonic()
            await (await lazy(composer)).avalue()
            one = time.monotonic() - start
            tree = bundle(*[await lazy(composer, str(number)) for number in range(20)])
            start = time.monotonic()
            await do_generate_walk(tree)
            assert time.monotonic() - start < 1.5 * one
            assert all(thunk.value == "ab" for thunk in tree.held)
            await composer.backend.aclose()

        finish(main())
        assert len(server.requests) == 22


def test_l4_one_of_three_fails_the_others_are_computed_and_the_error_stays(served, said, bundle, finish):
    def answer(request):
        if request.json["messages"][-1]["content"] == "bad":
            return Reply.json({"error": {"message": "no", "type": "server_error"}}, status=500)
        return said("good", pause=0.1)

    with served(answer) as (_, composer):

        async def main():
            thunks = [await lazy(composer, name) for name in ("one", "bad", "two")]
            with pytest.raises(ServerError) as caught:
                await do_generate_walk(bundle(*thunks))
            assert [thunk.value for thunk in thunks] == ["good", None, "good"]
            bad = thunks[1]
            assert bad.error is caught.value
            assert not bad.is_computed()
            assert bad.is_done
            for _ in range(3):
                with pytest.raises(ServerError) as again:
                    await asyncio.wait_for(bad.avalue(), 0.1)
                assert again.value is caught.value
            with pytest.raises(ServerError):
                _ = [piece async for piece in bad]
            with pytest.raises(ServerError):
                await do_generate_walk(bundle(bad))
            await composer.backend.aclose()

        finish(main())


def test_l4_a_failure_that_is_raised_ten_thousand_times_has_no_longer_traceback(staged, finish):
    async def fail(request):
        raise RuntimeError("broken")
        yield ""

    def length(error):
        trace, count = error.__traceback__, 0
        while trace is not None:
            trace, count = trace.tb_next, count + 1
        return count

    async def main():
        thunk = await lazy(staged(fail))
        lengths = []
        for _ in range(10_000):
            try:
                await thunk.avalue()
            except Exception as error:
                lengths.append(length(error))
        assert len(lengths) == 10_000
        assert max(lengths) <= lengths[0] + 3

    finish(main())


def test_the_first_failure_in_the_order_of_the_walk_is_raised_whichever_came_first(staged, bundle, finish):
    async def fail(request):
        text = request.messages[-1].text
        await asyncio.sleep(0.05 if text == "first" else 0)
        raise backend_error(text)
        yield ""

    def backend_error(text):
        return ServerError(text, status=500)

    async def main():
        composer = staged(fail)
        first, second = await lazy(composer, "first"), await lazy(composer, "second")
        with pytest.raises(ServerError, match="first"):
            await do_generate_walk(bundle(first, second))
        assert second.error is not None

    finish(main())


@pytest.fixture
def counted(staged):
    """A composer whose answers take a moment, and how many were made at a time at most."""
    running = most = 0

    async def say(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0.01)
            if request.messages[-1].text == "bad":
                raise ServerError("bad", status=500)
            yield "x"
        finally:
            running -= 1

    composer = staged(say)
    composer.most = lambda: most
    composer.running = lambda: running
    return composer


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_no_more_run_at_a_time_than_the_caller_says(counted, bundle, finish, limit):
    async def main():
        tree = bundle(*[await lazy(counted, str(number)) for number in range(10)])
        await do_generate_walk(tree, concurrency=limit)
        assert all(thunk.value == "x" for thunk in tree.held)
        assert counted.most() == min(limit, 10)

    finish(main())


def test_a_composers_own_limit_holds_for_all_that_it_makes_and_nested_prompts_cannot_lock_it(staged, bundle, finish):
    running = most = 0

    async def say(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        yield "x"

    async def main():
        composer = staged(say, concurrency=1)
        inner = [await lazy(composer, str(number)) for number in range(5)]
        outer = [await composer.generate_from_context(bundle(*inner), SimpleContext()) for _ in range(5)]
        await do_generate_walks([thunk for thunk, _ in outer])
        assert most == 1

    finish(main())


def test_a_failure_can_cancel_the_others(counted, bundle, finish):
    async def main():
        thunks = [await lazy(counted, name) for name in ("bad", "b", "c", "d")]
        with pytest.raises(ServerError):
            await do_generate_walk(bundle(*thunks), concurrency=1, on_failure="cancel")
        assert [thunk.cancelled for thunk in thunks] == [False, True, True, True]
        assert [thunk.value for thunk in thunks] == [None, "", "", ""]
        assert len(counted.backend.requests) == 1
        assert counted.running() == 0
        # And one that had failed before the walk ends it before it begins.
        other = await lazy(counted, "e")
        with pytest.raises(ServerError):
            await do_generate_walks([thunks[0], other], on_failure="cancel")
        assert other.cancelled
        assert len(counted.backend.requests) == 1

    finish(main())


def test_one_deadline_holds_for_a_whole_walk_and_what_is_left_is_cancelled(served, said, bundle, finish):
    with served(lambda request: said("x", pause=0.0 if request.json["messages"][-1]["content"] == "a" else 5)) as (
        server,
        composer,
    ):

        async def main():
            quick, slow, third = [await lazy(composer, name) for name in "abc"]
            start = time.monotonic()
            with pytest.raises(LimitExceededError, match=r"0\.3 s"):
                await do_generate_walk(bundle(quick, slow, third), concurrency=2, deadline=0.3)
            assert time.monotonic() - start < 1.5
            assert quick.value == "x"
            assert not quick.cancelled
            assert slow.cancelled
            assert third.cancelled
            await composer.backend.aclose()

        finish(main())
        assert server.wait_for(lambda server: len(server.hangups) >= 2, 1)


@pytest.mark.parametrize(
    "wrong", [{"concurrency": 0}, {"concurrency": -1}, {"deadline": 0}, {"deadline": float("nan")}, {"on_failure": "x"}]
)
def test_wrong_limits_are_refused_before_anything_is_started(echo, finish, wrong):
    async def main():
        thunk = await lazy(echo)
        with pytest.raises(InvalidRequestError):
            await do_generate_walk(thunk, **wrong)
        assert echo.backend.requests == []

    finish(main())


def test_a_thunk_without_work_is_refused_before_another_is_started(echo, bundle, finish):
    async def main():
        with pytest.raises(ThunkError, match="No work"):
            await do_generate_walk(bundle(await lazy(echo), ModelOutputThunk()))
        await asyncio.sleep(0)
        assert echo.backend.requests == []

    finish(main())


def test_a_thunk_of_another_loop_is_refused_before_another_is_started(staged, bundle):
    async def say(request):
        await asyncio.sleep(30)
        yield "x"

    composer = staged(say)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:

        async def begin():
            thunk = await lazy(composer, "elsewhere")
            thunk.start()
            return thunk

        elsewhere = first.run_until_complete(begin())

        async def main():
            here = await lazy(composer, "here")
            for call in (do_generate_walk(bundle(here, elsewhere)), elsewhere.avalue(), elsewhere.cancel_generation()):
                with pytest.raises(LoopError, match="another event loop"):
                    await call
            with pytest.raises(LoopError):
                _ = [piece async for piece in elsewhere]
            assert [request.messages[-1].text for request in composer.backend.requests] == ["elsewhere"]

        second.run_until_complete(main())
        first.run_until_complete(elsewhere.cancel_generation())
    finally:
        first.close()
        second.close()


def test_cancelling_a_walk_cancels_nothing_else_and_lets_go_of_the_thunks(staged, bundle, finish):
    async def say(request):
        await asyncio.sleep(0.05)
        yield "x"

    async def main():
        composer = staged(say)
        thunk = await lazy(composer)
        walk = asyncio.create_task(do_generate_walk(bundle(thunk)))
        await asyncio.sleep(0.01)
        walk.cancel()
        with pytest.raises(asyncio.CancelledError):
            await walk
        assert not thunk.cancelled
        assert len(thunk._generation.on_end) == 1  # The thunk's own, and no more the walk's.
        assert await thunk.avalue() == "x"

    finish(main())


def test_a_thunk_that_only_a_cancelled_walk_held_is_ended(staged, bundle, finish):
    ended = []

    async def say(request):
        try:
            await asyncio.sleep(30)
            yield "x"
        finally:
            ended.append(request)

    async def main():
        composer = staged(say)
        walk = asyncio.create_task(do_generate_walk(bundle(await lazy(composer))))
        await asyncio.sleep(0.02)
        walk.cancel()
        await asyncio.wait([walk])
        del walk
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(ended) == 1

    finish(main())


def test_a_listener_that_fails_keeps_nobody_waiting(echo, bundle, finish):
    async def main():
        failures = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))
        thunk = await lazy(echo)
        thunk.when_done(lambda: 1 / 0)
        await do_generate_walk(bundle(thunk))
        assert thunk.value == "<a>"
        assert [type(failure) for failure in failures] == [ZeroDivisionError]

    finish(main())


def test_a_component_ten_thousand_deep_and_one_of_ten_thousand_leaves_are_walked_and_sent(echo, bundle, finish):
    async def main():
        deep = bundle(await lazy(echo, "deep"))
        for _ in range(10_000):
            deep = bundle(deep)
        wide = bundle(*[await lazy(echo, str(number)) for number in range(10_000)])
        assert len(generate_walk(deep)) == 1
        assert len(generate_walk(wide)) == 10_000
        one, _ = await echo.generate_from_context(deep, SimpleContext())
        two, _ = await echo.generate_from_context(wide, SimpleContext())
        assert await one.avalue() == "<<deep>>"
        assert (await two.avalue()).startswith("<<0><1><2>")
        assert len(echo.backend.requests) == 10_003

    finish(main(), 60)


def test_a_chain_of_ten_thousand_thunks_each_in_the_prompt_of_the_next_is_computed(staged, bundle, finish):
    async def say(request):
        yield "x"

    async def main():
        composer = staged(say)
        thunk = await lazy(composer, "first")
        for _ in range(10_000):
            thunk, _ = await composer.generate_from_context(bundle(CBlock("."), thunk), SimpleContext(), lazy=True)
        assert await thunk.avalue() == "x"
        assert len(composer.backend.requests) == 10_001

    finish(main(), 60)


@pytest.mark.parametrize("pending", [False, True])
def test_shared_components_thirty_deep_are_quick(echo, bundle, finish, pending):
    async def main():
        leaf = await lazy(echo) if pending else ModelOutputThunk("")
        shared = bundle(leaf, CBlock())
        for _ in range(30):
            shared = bundle(shared, shared)
        if not pending:
            assert generate_walk(shared) == []
        start = time.monotonic()
        await do_generate_walk(shared)
        assert time.monotonic() - start < 1
        assert leaf.is_computed()

    finish(main())


def test_a_shared_prompt_thirty_deep_is_filled_once_a_component(echo, bundle, finish):
    filled = 0

    class Counted(bundle):
        def format_for_llm(self):
            nonlocal filled
            filled += 1
            return "text"

    async def main():
        shared = Counted(await lazy(echo))
        for _ in range(30):
            shared = Counted(shared, shared)
        thunk, _ = await echo.generate_from_context(shared, SimpleContext())
        assert await thunk.avalue() == "<text>"
        assert filled < 200

    finish(main())


def test_parts_that_are_made_anew_each_time_are_each_looked_at(echo, bundle, finish):
    class Fresh(bundle):
        """Makes its parts when asked, so that one may get the identity of another that is gone."""

        def parts(self):
            return [bundle(*self.held)]

    async def main():
        for _ in range(20):
            thunks = [await lazy(echo, str(number)) for number in range(30)]
            tree = bundle(*[Fresh(thunk) for thunk in thunks])
            assert generate_walk(tree) == thunks
            await do_generate_walk(tree)
            assert all(thunk.is_computed() for thunk in thunks)

    finish(main())
