"""Thunks: one generation for any number of readers, an outcome that is set once, and an end that frees the socket."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import time

import pytest

from backbay.errors import LoopError, RateLimitError, TruncatedError
from backbay.events import Ended, Started, Text
from backbay.testing import Pause, Reply
from backbay_compose import (
    CBlock,
    ChatContext,
    Composer,
    Instruction,
    ModelOption,
    ModelOutputThunk,
    SimpleContext,
    SpanError,
    ThunkError,
)


async def begin(composer, text="a", **options):
    thunk, _ = await composer.generate_from_context(CBlock(text), SimpleContext(), **options)
    return thunk


async def until(condition, seconds=2.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


# L5 to L7: reading


def test_l5_ten_who_await_and_three_who_read_all_get_the_whole(served, said, finish):
    with served(said(*"abcdefgh", pause=0.02)) as (server, composer):

        async def main():
            thunk = await begin(composer)
            seen_early = []

            async def read():
                pieces = []
                async for piece in thunk:
                    if len(pieces) < 5:
                        seen_early.append((thunk.value, thunk.is_computed(), str(thunk)))
                    pieces.append(piece)
                return pieces

            found = await asyncio.gather(*(thunk.avalue() for _ in range(10)), *(read() for _ in range(3)))
            assert found[:10] == ["abcdefgh"] * 10
            assert found[10:] == [list("abcdefgh")] * 3
            assert seen_early == [(None, False, "")] * 15
            assert thunk.value == "".join(found[10])
            await composer.backend.aclose()

        finish(main())
        assert len(server.requests) == 1


def test_l5_a_reader_who_comes_late_gets_what_had_come_before(staged, finish):
    async def main():
        goes_on = asyncio.Event()

        async def say(request):
            yield "early "
            await goes_on.wait()
            yield "late"

        thunk = await begin(staged(say))
        first = aiter(thunk)
        assert await anext(first) == "early "
        late = asyncio.create_task(anext(aiter(thunk)))
        assert await asyncio.wait_for(late, 1) == "early "
        goes_on.set()
        assert [piece async for piece in first] == ["late"]

    finish(main())


def test_l5_all_events_can_be_read_beside_the_text(echo, finish):
    async def main():
        thunk = await begin(echo)
        events, text = await asyncio.gather(_all(thunk.events()), _all(thunk))
        assert type(events[0]) is Started
        assert type(events[-1]) is Ended
        assert [event.delta for event in events if type(event) is Text] == text == ["<", "a>"]

    finish(main())


async def _all(pieces):
    return [piece async for piece in pieces]


def test_l6_astream_gives_only_what_is_new_and_then_a_runtime_error(staged, finish):
    async def say(request):
        for piece in ("one ", "two ", "three"):
            yield piece
            await asyncio.sleep(0.01)

    async def main():
        thunk = await begin(staged(say))
        found = []
        while not thunk.is_computed():
            found.append(await thunk.astream())
        assert "".join(found) == thunk.value == "one two three"
        assert len(found) >= 3
        for _ in range(2):
            with pytest.raises(RuntimeError, match="computed"):
                await thunk.astream()

    finish(main())


def test_l6_what_came_between_two_calls_comes_at_once_and_the_rest_after_the_end(staged, finish):
    async def say(request):
        for piece in "abc":
            yield piece
            await asyncio.sleep(0.01)

    async def main():
        thunk = await begin(staged(say))
        assert await thunk.astream() == "a"
        await thunk.avalue()
        assert await thunk.astream() == "bc"
        with pytest.raises(ThunkError):
            await thunk.astream()

    finish(main())


def test_l6_astream_of_a_failure_gives_the_text_and_then_the_failure_each_time(staged, finish):
    async def say(request):
        yield "half"
        raise RateLimitError("slow down", status=429)

    async def main():
        thunk = await begin(staged(say))
        assert await thunk.astream() == "half"
        for _ in range(3):
            with pytest.raises(RateLimitError):
                await thunk.astream()

    finish(main())


def test_l6_a_computed_thunk_iterates_to_nothing(echo, finish):
    async def main():
        thunk = await begin(echo)
        await thunk.avalue()
        for computed in (thunk, ModelOutputThunk("given"), ModelOutputThunk("")):
            assert computed.is_computed()
            assert await _all(computed) == await _all(computed.events()) == []
            with pytest.raises(RuntimeError):
                await computed.astream()

    finish(main())


def test_l7_an_empty_answer_is_computed(served, said, finish):
    with served(said()) as (_, composer):

        async def main():
            thunk = await begin(composer)
            assert await thunk.avalue() == ""
            assert thunk.is_computed()
            assert thunk.is_done
            assert thunk.error is None
            assert not thunk.cancelled
            stale = await begin(composer)
            assert await stale.astream() == ""
            await composer.backend.aclose()

        finish(main())


# L8: ending


def test_l8_cancel_keeps_the_text_frees_the_socket_and_wakes_all_who_wait(served, said, finish):
    with served(said("so ", "far", *"never", pause=0.4)) as (server, composer):

        async def main():
            thunk = await begin(composer)
            waiting = [asyncio.create_task(thunk.avalue()) for _ in range(3)]
            reading = [asyncio.create_task(_all(thunk)) for _ in range(3)]
            await until(lambda: len(thunk._generation.events) >= 3)
            start = time.monotonic()
            await thunk.cancel_generation()
            assert await asyncio.gather(*waiting) == ["so far"] * 3
            assert await asyncio.gather(*reading) == [["so ", "far"]] * 3
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1)
            assert server.hangups[0] - start < 1
            assert (thunk.value, thunk.cancelled, thunk.error) == ("so far", True, None)
            assert thunk.is_computed()
            assert thunk.response is None
            await thunk.cancel_generation()
            assert thunk.value == "so far"
            await composer.backend.aclose()

        finish(main())


@pytest.mark.parametrize("when", ["connected", "before the first byte"])
def test_l8_a_cancel_before_the_first_byte_frees_the_socket_too(served, finish, when):
    reply = Reply(headers={"content-type": "text/event-stream"}, steps=[Pause(5)])
    reply = reply if when == "connected" else Reply(framing="raw", steps=[Pause(5)])
    with served(reply) as (server, composer):

        async def main():
            thunk = await begin(composer)
            await until(lambda: server.requests)
            await thunk.cancel_generation()
            assert (await thunk.avalue(), thunk.cancelled) == ("", True)
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1)
            await composer.backend.aclose()

        finish(main())


def test_l8_cancel_after_the_end_changes_nothing(echo, staged, finish):
    async def fail(request):
        raise RateLimitError("no", status=429)
        yield ""

    async def main():
        thunk = await begin(echo)
        await thunk.avalue()
        await thunk.cancel_generation()
        await thunk.aclose()
        assert (thunk.value, thunk.cancelled) == ("<a>", False)
        failed = await begin(staged(fail))
        await failed.wait()
        await failed.cancel_generation()
        assert not failed.cancelled
        with pytest.raises(RateLimitError):
            await failed.avalue()

    finish(main())


def test_l8_a_thunk_that_was_never_started_is_cancelled_without_a_request(echo, finish):
    async def main():
        lazy = await begin(echo, lazy=True)
        await lazy.cancel_generation()
        eager = await begin(echo)
        await eager.cancel_generation()
        for thunk in (lazy, eager):
            assert (thunk.value, thunk.cancelled, await thunk.avalue()) == ("", True, "")
        assert echo.backend.requests == []

    finish(main())


def test_l8_cancelling_who_waits_harms_nobody_else(staged, finish):
    async def main():
        goes_on = asyncio.Event()

        async def say(request):
            yield "a"
            await goes_on.wait()
            yield "b"

        thunk = await begin(staged(say))
        impatient = [asyncio.create_task(thunk.avalue()) for _ in range(5)]
        impatient += [asyncio.create_task(_all(thunk)) for _ in range(5)]
        patient = asyncio.create_task(thunk.avalue())
        await asyncio.sleep(0.01)
        for task in impatient:
            task.cancel()
        await asyncio.wait(impatient)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(thunk.avalue(), 0.01)
        assert not thunk.is_done
        goes_on.set()
        assert await patient == "ab"
        assert not thunk.cancelled

    finish(main())


def test_l8_two_who_cancel_at_once_both_return(staged, finish):
    async def say(request):
        yield "a"
        await asyncio.sleep(30)

    async def main():
        thunk = await begin(staged(say))
        await until(lambda: thunk._generation.events[1:])
        await asyncio.gather(*(thunk.cancel_generation() for _ in range(5)))
        assert thunk.value == "a"

    finish(main())


def test_l8_leaving_a_with_block_ends_unfinished_work(served, said, finish):
    with served(said("a", "b", pause=2)) as (server, composer):

        async def main():
            async with await begin(composer) as thunk:
                async for _ in thunk:
                    break
            assert thunk.cancelled
            assert thunk.value == "a"
            await composer.backend.aclose()

        finish(main())
        assert server.wait_for(lambda server: server.hangups, 1)


def test_l8_a_prompt_that_waits_is_cancelled_and_what_it_waits_for_goes_on(staged, finish):
    async def main():
        goes_on = asyncio.Event()

        async def say(request):
            await goes_on.wait()
            yield "x"

        composer = staged(say)
        inner = await begin(composer)
        outer, _ = await composer.generate_from_context(Instruction("{{ x }}", {"x": inner}), SimpleContext())
        await asyncio.sleep(0.01)
        await outer.cancel_generation()
        assert outer.cancelled
        goes_on.set()
        assert await inner.avalue() == "x"
        assert len(composer.backend.requests) == 1

    finish(main())


def test_a_thunk_that_nobody_holds_any_more_ends_its_work_and_closes_its_socket(served, said, finish):
    with served(said("a", "b", pause=2)) as (server, composer):

        async def main():
            thunk = await begin(composer)
            assert await thunk.astream() == "a"
            del thunk
            gc.collect()
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1)
            await composer.backend.aclose()

        finish(main())


def test_a_thunk_dropped_by_a_reader_who_stops_early_ends_as_well(served, said, finish):
    with served(said("a", "b", pause=2)) as (server, composer):

        async def main():
            async for _ in await begin(composer):
                break
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1)
            await composer.backend.aclose()

        finish(main())


def test_what_only_a_dropped_prompt_waited_for_ends_with_it(staged, finish):
    ended = []

    async def say(request):
        try:
            await asyncio.sleep(30)
            yield "x"
        finally:
            ended.append(request.messages[-1].text)

    async def main():
        composer = staged(say)
        action = Instruction("{{ x }}", {"x": await begin(composer, "inner")})
        outer = await composer.generate_from_context(action, SimpleContext())
        del action
        await asyncio.sleep(0.02)
        assert not ended
        del outer
        gc.collect()
        await until(lambda: ended == ["inner"])
        assert len(composer.backend.requests) == 1

    finish(main())


def test_a_lazy_thunk_that_nobody_awaits_costs_nothing_and_says_nothing(echo, finish):
    async def main():
        thunk = await begin(echo, lazy=True)
        assert "not started" in repr(thunk)
        await asyncio.sleep(0.01)
        assert echo.backend.requests == []
        thunk.start()
        thunk.start()
        assert "events so far" in repr(thunk)
        assert await thunk.avalue() == "<a>"
        assert repr(thunk) == "<ModelOutputThunk '<a>'>"

    finish(main())
    assert len(echo.backend.requests) == 1


def test_a_loop_that_ends_leaves_no_thunk_half_done(staged):
    async def say(request):
        yield "a"
        await asyncio.sleep(30)

    async def main():
        thunk = await begin(staged(say))
        await until(lambda: thunk._generation.events[1:])
        return thunk

    thunk = asyncio.run(main())
    assert (thunk.value, thunk.cancelled) == ("a", True)


def test_a_thunk_computed_on_one_loop_is_read_on_another(echo):
    thunk = asyncio.run(begin_and_wait(echo))

    async def elsewhere():
        assert await thunk.avalue() == "<a>"
        assert await _all(thunk) == []
        await thunk.cancel_generation()
        later, _ = await echo.generate_from_context(Instruction("{{ x }}!", {"x": thunk}), SimpleContext())
        return await later.avalue()

    assert asyncio.run(elsewhere()) == "<<a>!>"


async def begin_and_wait(composer, **options):
    thunk = await begin(composer, **options)
    await thunk.wait()
    return thunk


def test_l15_the_same_backend_serves_two_loops_one_after_the_other(served, said):
    with served(said("x")) as (server, composer):

        async def main():
            thunk = await begin_and_wait(composer)
            return thunk.value

        assert [asyncio.run(main()) for _ in range(2)] == ["x", "x"]
        assert len(server.requests) == 2


def test_l15_without_a_running_loop_the_error_says_so(echo):
    for call in (
        echo.generate_from_context(CBlock("a"), ChatContext()),
        echo.generate_from_raw([CBlock("a")]),
    ):
        with pytest.raises(LoopError, match="running event loop"):
            call.send(None)
    lazy = asyncio.run(begin(echo, lazy=True))
    with pytest.raises(LoopError):
        lazy.start()
    assert echo.backend.requests == []


# Copies, pickles, and what stands in a thunk


def test_only_what_is_computed_is_copied_and_pickled(served, said, called, finish):
    with served([said("text"), Reply.json({"error": {"message": "x"}}, status=400)]) as (_, composer):

        async def main():
            thunk = await begin(composer, model_options={ModelOption.SEED: 3}, lazy=True)
            for make in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(ThunkError, match="not computed"):
                    make(thunk)
            await thunk.avalue()
            thunk.meta["mine"] = 1
            for other in (copy.copy(thunk), copy.deepcopy(thunk), pickle.loads(pickle.dumps(thunk))):
                assert other.value == other.parsed == "text"
                assert other.meta == {"mine": 1}
                assert other.response == thunk.response
                assert other.metadata == thunk.metadata
                assert str(other.action) == "a"
                assert await other.avalue() == "text"
                with pytest.raises(ThunkError):
                    await other.astream()
            failed = await begin_and_wait(composer)
            with pytest.raises(ThunkError):
                pickle.dumps(failed)
            await composer.backend.aclose()

        finish(main())


def test_a_cancelled_thunk_stays_cancelled_in_its_copies(staged, finish):
    async def say(request):
        yield "a"
        await asyncio.sleep(30)

    async def main():
        thunk = await begin(staged(say))
        await until(lambda: thunk._generation.events[1:])
        await thunk.cancel_generation()
        for other in (copy.copy(thunk), pickle.loads(pickle.dumps(thunk))):
            assert (other.value, other.cancelled, other.error) == ("a", True, None)

    finish(main())


def test_a_thunk_takes_a_string_or_nothing():
    assert ModelOutputThunk("").is_computed()
    assert not ModelOutputThunk().is_computed()
    assert not ModelOutputThunk(None).is_done
    for wrong in (7, b"x", CBlock("x")):
        with pytest.raises(SpanError, match=type(wrong).__name__):
            ModelOutputThunk(wrong)


def test_a_thunk_without_work_says_so(finish):
    async def main():
        thunk = ModelOutputThunk()
        for call in (thunk.avalue, thunk.wait, thunk.astream, lambda: _all(thunk)):
            with pytest.raises(ThunkError):
                await call()
        with pytest.raises(ThunkError):
            _ = thunk.parsed
        with pytest.raises(ThunkError):
            thunk.failure()
        await thunk.cancel_generation()
        assert thunk.value is None

    finish(main())


def test_a_thunk_is_no_block():
    match ModelOutputThunk("x"):
        case CBlock():
            pytest.fail("a thunk was taken for a block")
        case ModelOutputThunk():
            pass


def test_its_figures_say_who_was_asked_who_answered_and_how_long_it_took(served, said, finish):
    with served(said("a", "b", pause=0.05), record_prompts=True) as (_, composer):

        async def main():
            thunk = await begin_and_wait(composer)
            known = thunk.metadata
            assert (known.model, known.response_model, known.attempts) == ("m-1", "m-1-served", 1)
            assert known.provider == composer.backend.id
            assert known.finish_reasons == ("stop", "stop")
            assert known.streaming
            assert 0 <= known.waited_ms <= known.ttfb_ms <= known.duration_ms < 5000
            assert known.duration_ms >= 50
            log = thunk.log
            assert [message.text for message in log.prompt] == ["a"]
            assert (log.result, log.error, log.backend) == ("ab", None, composer.backend.id)
            await composer.backend.aclose()

        finish(main())


def test_a_stream_that_breaks_off_is_an_error_with_what_had_come(served, said, finish):
    whole = said("half")
    cut = Reply(headers=whole.headers, steps=whole.steps[:1])
    with served(cut) as (_, composer):

        async def main():
            thunk = await begin(composer)
            with pytest.raises(TruncatedError) as caught:
                await thunk.avalue()
            assert caught.value.partial.text == "half"
            assert thunk.value is None
            await composer.backend.aclose()

        finish(main())


def test_a_real_model_is_read_by_several_and_cancelled(finish):
    """L5 and L8 over ``local:tiny``."""

    async def main():
        async with Composer("local:tiny") as composer:
            thunk = await begin(composer, "What can you do?")
            found = await asyncio.gather(*(thunk.avalue() for _ in range(10)), *(_all(thunk) for _ in range(3)))
            assert all(text == thunk.value for text in found[:10])
            assert all("".join(pieces) == thunk.value for pieces in found[10:])
            assert thunk.value
            stopped = await begin(composer, "What can you do?")
            assert await anext(aiter(stopped))
            await stopped.cancel_generation()
            assert stopped.cancelled
            assert thunk.value.startswith(stopped.value)

    finish(main(), 60)
