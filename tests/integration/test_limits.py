"""Time limits and cancelling: each typed, and each closes the socket at once."""

from __future__ import annotations

import asyncio
import time

import pytest

import backbay
from backbay import LimitExceededError, Limits
from backbay.testing import Pause, Reply, ScriptedServer, sse

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
EVENTS = {"content-type": "text/event-stream"}


def slow(chat, *steps):
    return Reply(headers=EVENTS, steps=[*steps, sse(chat.finish()), sse("[DONE]")])


async def call(backend, how, **options):
    if how == "complete":
        return await backend.complete("hi", **options)
    return await backend.stream("hi", **options).collect()


def failing(connect, reply, how, **options):
    """Return the error, the seconds until it came, and the seconds from then until the server saw the hang-up."""

    async def main(server):
        async with connect(server, retries=2) as backend:
            start = time.monotonic()
            with pytest.raises(LimitExceededError) as caught:
                await call(backend, how, **options)
            end = time.monotonic()
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1.0)
            return caught.value, end - start, server.hangups[0] - end

    with ScriptedServer(reply) as server:
        return asyncio.run(main(server))


@pytest.mark.parametrize("name", ["total", "first_event"])
@pytest.mark.parametrize(("how", "comments"), [("complete", 0), ("stream", 0), ("stream", 3)])
def test_a_silent_server_fails_with_the_limits_name_and_sees_the_disconnect_n10(connect, chat, how, name, comments):
    steps = [step for _ in range(comments) for step in (b": still there\n\n", Pause(0.05))]
    error, took, until_seen = failing(connect, slow(chat, *steps, Pause(5)), how, limits={name: 0.3})
    assert (error.limit, error.seconds, error.attempts) == (name, 0.3, 1)
    assert isinstance(error, TimeoutError)
    assert 0.25 < took < 1.0
    assert until_seen < 1.0


@BOTH
def test_first_event_and_idle_are_independent_n10(connect, chat, ask, how):
    reply = slow(chat, Pause(0.5), sse(chat.delta(content="a")), Pause(0.05), sse(chat.delta(content="b")))
    assert ask(reply, how, limits={"first_event": 2, "idle": 0.3}).response.text == "ab"


def test_a_stall_in_the_middle_is_idle_and_has_the_partial_text_n10(connect, chat):
    reply = slow(chat, sse(chat.delta(content="a")), Pause(5))
    error, took, until_seen = failing(connect, reply, "stream", limits=Limits(first_event=5, idle=0.3))
    assert (error.limit, error.partial.text) == ("idle", "a")
    assert 0.25 < took < 1.0
    assert until_seen < 1.0


@BOTH
def test_idle_alone_holds_for_a_body_that_stalls_n10(connect, chat, how):
    body = chat.whole("x").steps[0]
    reply = (
        Reply(steps=[body[:20], Pause(5)]) if how == "complete" else slow(chat, sse(chat.delta(content="a")), Pause(5))
    )
    error, took, _ = failing(connect, reply, how, limits=Limits(idle=0.3))
    assert error.limit == "idle"
    assert 0.25 < took < 1.0


def test_comments_keep_a_stream_from_being_idle_and_do_not_count_as_the_first_event_n10(connect, chat, ask):
    comments = [step for _ in range(6) for step in (Pause(0.1), b": ping\n\n")]
    reply = slow(chat, sse(chat.delta(content="a")), *comments, sse(chat.delta(content="b")))
    assert ask(reply, limits={"idle": 0.4}).response.text == "ab"
    error, took, _ = failing(connect, slow(chat, *comments * 3), "stream", limits={"first_event": 0.3, "idle": 0.25})
    assert error.limit == "first_event"
    assert took < 1.0


def test_a_caller_who_is_slow_is_not_idle(connect, chat):
    reply = slow(chat, *(sse(chat.delta(content="a")) for _ in range(4)))

    async def main(server):
        async with connect(server, limits={"idle": 0.15}) as backend:
            async for _ in backend.stream("hi"):
                await asyncio.sleep(0.3)

    with ScriptedServer(reply) as server:
        asyncio.run(main(server))


def test_total_also_ends_a_stream_whose_caller_is_slow(connect, chat):
    reply = slow(chat, *(sse(chat.delta(content="a")) for _ in range(20)))

    async def main(server):
        async with connect(server) as backend:
            stream = backend.stream("hi", limits={"total": 0.2})
            with pytest.raises(LimitExceededError) as caught:
                async for _ in stream:
                    await asyncio.sleep(0.15)
            assert (caught.value.limit, stream.partial.finish) == ("total", None)

    with ScriptedServer(reply) as server:
        asyncio.run(main(server))


@BOTH
def test_total_is_over_all_attempts_and_their_pauses(connect, how):
    async def main(server):
        async with connect(server, retries=50) as backend:
            start = time.monotonic()
            with pytest.raises(backbay.BackbayError) as caught:
                await call(backend, how, limits={"total": 0.5})
            return caught.value, time.monotonic() - start

    with ScriptedServer(Reply.json({}, status=503, headers={"retry-after": "0.1"})) as server:
        error, took = asyncio.run(main(server))
    assert took < 0.8
    assert error.attempts == len(server.requests) > 1


@BOTH
def test_the_limits_of_the_backend_hold_where_the_call_sets_none(connect, chat, how):
    async def main(server):
        async with connect(server, limits={"total": 0.2}) as backend:
            with pytest.raises(LimitExceededError):
                await call(backend, how)
            with pytest.raises(LimitExceededError) as caught:
                await call(backend, how, limits={"total": 0.4})
            assert caught.value.seconds == 0.4

    with ScriptedServer(slow(chat, Pause(3))) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("method", ["list_models", "embed"])
@pytest.mark.parametrize("limits", [{"total": 0.3}, {"first_event": 0.3}, {"idle": 0.3}])
def test_limits_hold_for_model_lists_and_embeddings(connect, method, limits):
    steps = [b'{"data": [', Pause(5)] if "idle" in limits else [Pause(5)]

    async def main(server):
        async with connect(server) as backend:
            with pytest.raises(LimitExceededError) as caught:
                await (
                    backend.list_models(limits=limits) if method == "list_models" else backend.embed("x", limits=limits)
                )
            assert caught.value.limit == next(iter(limits))

    with ScriptedServer(Reply(steps=steps)) as server:
        asyncio.run(main(server))
        assert server.wait_for(lambda server: server.hangups, 1.0)


def test_a_slow_model_list_that_began_in_time_is_waited_for(connect):
    async def main(server):
        async with connect(server) as backend:
            return await backend.list_models(limits={"first_event": 0.3})

    with ScriptedServer(Reply(steps=[b'{"data": [', Pause(0.5), b'{"id": "m"}]}'])) as server:
        assert [model.id for model in asyncio.run(main(server))] == ["m"]


@BOTH
@pytest.mark.parametrize("began", [False, True], ids=["in prefill", "in the body"])
def test_cancelling_closes_the_socket_at_once_n11(connect, chat, how, began):
    reply = slow(chat, *([sse(chat.delta(content="a"))] if began else []), Pause(5))

    async def main(server):
        async with connect(server) as backend:
            task = asyncio.create_task(call(backend, how))
            await asyncio.to_thread(server.wait_for, lambda server: server.requests)
            await asyncio.sleep(0.1)
            start = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1.0)
            return server.hangups[0] - start

    with ScriptedServer(reply) as server:
        assert asyncio.run(main(server)) < 0.5


@pytest.mark.parametrize("began", [False, True], ids=["in prefill", "in the body"])
def test_closing_from_another_task_ends_the_reader_and_the_connection_n11(connect, chat, began):
    reply = slow(chat, *([sse(chat.delta(content="a"))] if began else []), Pause(5))

    async def main(server):
        async with connect(server) as backend:
            stream = backend.stream("hi")
            task = asyncio.create_task(stream.collect())
            await asyncio.to_thread(server.wait_for, lambda server: server.requests)
            await asyncio.sleep(0.1)
            await stream.aclose()
            with pytest.raises(backbay.ClosedError) as caught:
                await task
            assert task.cancelling() == 0
            assert (caught.value.partial is None) is not began
            await stream.aclose()
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 0.5)

    with ScriptedServer(reply) as server:
        asyncio.run(main(server))


def test_the_callers_own_timeout_stays_a_timeout(connect, chat):
    async def main(server):
        async with connect(server, limits={"total": 5}) as backend:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.2):
                    await backend.stream("hi").collect()
            assert not isinstance(caught.value, LimitExceededError)

    with ScriptedServer(slow(chat, Pause(5))) as server:
        asyncio.run(main(server))
