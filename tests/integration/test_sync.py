"""The blocking face: one bridge loop, used from anywhere but an event loop's own thread."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import backbay
from backbay import Ended, Text
from backbay.testing import Pause, Reply, ScriptedServer, sse


@pytest.fixture
def connect_sync(key):
    def connected(server, **config):
        return backbay.connect_sync("openai:m-1", base_url=server.url, **{"api_key": key, "retries": 0, **config})

    return connected


def test_every_call_works_from_plain_code_a12(chat, connect_sync):
    lists = Reply.json({"data": [{"id": "m-1"}]})
    vectors = Reply.json({"data": [{"index": 0, "embedding": [1, 2]}]})

    def script(request):
        if request.method == "GET":
            return lists
        return vectors if request.path.endswith("embeddings") else chat.answer()(request)

    with ScriptedServer(script) as server, connect_sync(server) as backend:
        assert backend.complete("hi").text == "Hello."
        with backend.stream("hi") as stream:
            events = list(stream)
        assert type(events[-1]) is Ended
        assert stream.response.text == backend.stream("hi").collect().text == "Hello."
        assert list(backend.stream("hi").texts()) == ["Hello."]
        assert [model.id for model in backend.list_models()] == ["m-1"]
        assert backend.health().reachable
        assert backend.embed("x").vectors == [[1.0, 2.0]]
        assert backend.with_options(temperature=0).complete("hi").text == "Hello."
        assert (backend.id, backend.model, backend.spec.name) == (f"openai:{server.url}", "m-1", "openai")


def test_errors_are_the_same_as_those_of_the_asynchronous_face(connect_sync):
    with ScriptedServer(Reply.json({}, status=401)) as server, connect_sync(server) as backend:
        with pytest.raises(backbay.AuthenticationError) as caught:
            backend.complete("hi")
        with pytest.raises(backbay.AuthenticationError):
            backend.stream("hi").collect()
        with pytest.raises(backbay.UnknownOptionError):
            backend.stream("hi", temprature=1)
    assert caught.value.attempts == 1


def test_many_threads_may_use_one_backend_a12(chat, connect_sync):
    with ScriptedServer(chat.answer()) as server, connect_sync(server) as backend:
        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(lambda n: backend.complete(f"{n}").text, range(40)))
    assert texts == ["Hello."] * 40
    assert sorted(int(request.json["messages"][0]["content"]) for request in server.requests) == list(range(40))


def test_it_works_in_a_worker_thread_of_a_running_loop_a12(chat, connect_sync):
    with ScriptedServer(chat.answer()) as server, connect_sync(server) as backend:

        async def main():
            return await asyncio.to_thread(backend.complete, "hi")

        assert asyncio.run(main()).text == "Hello."


def test_it_is_refused_on_a_loops_own_thread_instead_of_blocking_it_a12(chat, connect_sync):
    with ScriptedServer(chat.answer()) as server:
        backend = connect_sync(server)

        async def main():
            first = backend.stream("hi").__next__
            for call in (lambda: backend.complete("hi"), first, backend.close, backend.health):
                with pytest.raises(backbay.LoopError) as caught:
                    call()
                assert "to_thread" in str(caught.value)

        asyncio.run(main())
        assert server.connections == 0
        backend.close()


def test_leaving_a_stream_closes_its_socket_m13(chat, connect_sync):
    reply = Reply(steps=[sse(chat.delta(content="x")), Pause(5)])
    with ScriptedServer(reply) as server, connect_sync(server) as backend:
        with backend.stream("hi") as stream:
            for event in stream:
                if type(event) is Text:
                    break
        assert server.wait_for(lambda server: server.hangups, 1.0)
        assert stream.partial.text == "x"
        with pytest.raises(backbay.ClosedError):
            next(stream)


def test_another_thread_may_close_a_stream_that_is_waited_for(chat, connect_sync):
    with ScriptedServer(Reply(steps=[Pause(5)])) as server, connect_sync(server) as backend:
        stream = backend.stream("hi")
        timer = threading.Timer(0.2, stream.close)
        timer.start()
        with pytest.raises(backbay.ClosedError):
            next(stream)
        timer.join()
        assert server.wait_for(lambda server: server.hangups, 1.0)


def test_use_after_close_is_a_typed_error_and_closing_twice_is_fine_m13(chat, connect_sync):
    with ScriptedServer(chat.answer()) as server:
        backend = connect_sync(server)
        backend.complete("hi")
        backend.close()
        backend.close()
        with pytest.raises(backbay.ClosedError):
            backend.complete("hi")


def test_a_limit_holds_in_the_blocking_face_too(connect_sync):
    with ScriptedServer(Reply(steps=[Pause(5)])) as server, connect_sync(server) as backend:
        with pytest.raises(backbay.LimitExceededError):
            backend.complete("hi", limits={"total": 0.2})
        assert server.wait_for(lambda server: server.hangups, 1.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_bridge_of_its_own_and_the_parent_keeps_its(chat, connect_sync, run_program):
    source = """
        import os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
        import backbay
        backend = backbay.connect_sync("openai:m", base_url=sys.argv[1], api_key="sk-forked")
        print(backend.complete("parent").text, flush=True)
        child = os.fork()
        if child == 0:
            for _ in range(2):
                print(backend.complete("child").text, flush=True)
            assert len(list(backend.stream("child"))) > 2
            backend.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(backend.complete("parent").text, flush=True)
    """
    with ScriptedServer(chat.answer()) as server:
        assert run_program(source, server.url).split() == ["Hello."] * 4
        by_connection = {}
        for request in server.requests:
            by_connection.setdefault(request.connection, set()).add(request.json["messages"][0]["content"])
    assert sorted(by_connection.values(), key=str) == [{"child"}, {"parent"}]


def test_a_program_may_end_without_closing_anything(chat, run_program):
    source = """
        import sys, backbay
        backend = backbay.connect_sync("openai:m", base_url=sys.argv[1], api_key="sk-unclosed")
        stream = backend.stream("hi")
        print(type(next(stream)).__name__)
    """
    with ScriptedServer(Reply(steps=[sse(chat.delta(content="x")), Pause(5)])) as server:
        assert run_program(source, server.url) == "Started\n"
        assert server.wait_for(lambda server: server.hangups, 1.0)
