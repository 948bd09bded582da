"""How long things live: loops, connections, closed backends, many calls at once."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import backbay
from backbay.testing import Pause, Reply, ScriptedServer, sse


def test_closing_twice_is_fine_and_any_call_afterwards_is_a_typed_error_m13(chat, connect):
    async def main(server):
        backend = connect(server)
        view = backend.with_options(temperature=0)
        await view.complete("hi")
        await backend.aclose()
        await backend.aclose()
        for use in (backend, view):
            with pytest.raises(backbay.ClosedError):
                await use.complete("hi")
            with pytest.raises(backbay.ClosedError):
                use.stream("hi")
            with pytest.raises(backbay.ClosedError):
                await use.list_models()
            with pytest.raises(backbay.ClosedError):
                await use.embed("x")
        assert issubclass(backbay.ClosedError, RuntimeError)

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
        assert len(server.requests) == 1


def test_a_view_shares_the_connections_of_its_backend(chat, connect):
    async def main(server):
        async with connect(server) as backend:
            await backend.with_options(temperature=0).complete("hi")
            await backend.complete("hi")
            await backend.with_options(temperature=1).stream("hi").collect()

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
        assert server.connections == 1


@pytest.mark.parametrize("transport", [None, "aiohttp"])
def test_closing_the_backend_ends_its_open_streams_with_a_typed_error(chat, connect, transport):
    async def main(server):
        backend = connect(server, transport=transport)
        stream = backend.stream("hi")
        await anext(stream)
        task = asyncio.create_task(stream.collect())
        await asyncio.sleep(0.05)
        await backend.aclose()
        with pytest.raises(backbay.BackbayError):
            await asyncio.wait_for(task, 2)

    with ScriptedServer(Reply(steps=[sse(chat.delta(content="x")), Pause(5)])) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("transport", ["None", "'aiohttp'"])
@pytest.mark.parametrize("close", [True, False])
def test_one_backend_serves_two_loops_in_a_row_and_leaves_nothing_behind_l15(chat, run_program, transport, close):
    source = f"""
        import asyncio, gc, sys, backbay
        backend = backbay.connect("openai:m", base_url=sys.argv[1], api_key="sk-loops", transport={transport})
        async def main():
            print((await backend.complete("hi")).text)
            print((await backend.stream("hi").collect()).text)
            async with backend.stream("hi") as stream:
                await anext(stream)
        asyncio.run(main())
        gc.collect()
        asyncio.run(main())
        if {close}:
            asyncio.run(backend.aclose())
        del backend
        gc.collect()
    """
    with ScriptedServer(chat.answer()) as server:
        assert run_program(source, server.url).split() == ["Hello."] * 4


def test_a_stream_that_is_forgotten_in_the_middle_is_no_leak(chat, run_program):
    source = """
        import asyncio, gc, sys, backbay
        async def main():
            backend = backbay.connect("openai:m", base_url=sys.argv[1], api_key="sk-forgotten")
            async for event in backend.stream("hi"):
                break
            gc.collect()
            await asyncio.sleep(0.05)
            return "left"
        print(asyncio.run(main()))
    """
    with ScriptedServer(Reply(steps=[sse(chat.delta(content="x")), Pause(5)])) as server:
        assert run_program(source, server.url) == "left\n"
        assert server.wait_for(lambda server: server.hangups, 1.0)


def test_many_loops_in_a_row_keep_nothing(chat, connect):
    def run_once():
        async def main():
            answer = await backend.complete("hi")
            return answer, weakref.ref(asyncio.get_running_loop())

        return asyncio.run(main())[1]

    with ScriptedServer(chat.answer()) as server:
        backend = connect(server)
        loops = [run_once() for _ in range(5)]
        gc.collect()
        assert sum(loop() is not None for loop in loops) <= 1


@pytest.mark.parametrize("transport", [None, "aiohttp"])
def test_two_hundred_calls_at_once_each_get_their_own_answer(chat, connect, transport):
    def echo(request):
        said = request.json["messages"][0]["content"]
        return chat.answer(f"you said {said}")(request)

    async def main(server):
        async with connect(server, transport=transport) as backend:
            whole = [backend.complete(f"{number}") for number in range(100)]
            streamed = [backend.stream(f"{number}").collect() for number in range(100, 200)]
            return [response.text for response in await asyncio.gather(*whole, *streamed)]

    with ScriptedServer(echo) as server:
        assert asyncio.run(main(server)) == [f"you said {number}" for number in range(200)]
        assert server.connections <= 200


def test_cancelling_half_of_many_calls_leaves_the_others_alone(chat, connect):
    slow = Reply(steps=[sse(chat.delta(content="x")), Pause(0.3), sse(chat.finish()), sse("[DONE]")])

    async def main(server):
        async with connect(server) as backend:
            tasks = [asyncio.create_task(backend.stream("hi").collect()) for _ in range(40)]
            await asyncio.to_thread(server.wait_for, lambda server: len(server.requests) == 40)
            for task in tasks[::2]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(result) for result in done[::2]] == [asyncio.CancelledError] * 20
            assert [result.text for result in done[1::2]] == ["x"] * 20
            assert (await backend.stream("hi").collect()).text == "x"

    with ScriptedServer(slow) as server:
        asyncio.run(main(server))
