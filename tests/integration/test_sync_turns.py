"""Who drives the loop behind the blocking face: a caller who is alone, or the bridge's thread for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import backbay
from backbay import bridge
from backbay.bridge import GRACE, get_bridge, run
from backbay.testing import Pause, Reply, ScriptedServer, connect_fake

WORD = contextvars.ContextVar("WORD", default="none")


async def where(seconds=0.0):
    """Return the thread that a task runs on: before it waited, and after."""
    before = threading.get_ident()
    await asyncio.sleep(seconds)
    return before, threading.get_ident()


@pytest.fixture(autouse=True)
def _quiet():
    """Let the crowd of the test before go away, and what it left to be closed: both are served by the bridge."""
    gc.collect()
    while (found := get_bridge())._crowded_until > time.monotonic() or found._guests:
        time.sleep(0.01)


@pytest.fixture
def connect_sync(key):
    def connected(server, **config):
        return backbay.connect_sync("openai:m-1", base_url=server.url, **{"api_key": key, "retries": 0, **config})

    return connected


def test_a_caller_who_is_alone_drives_the_loop_on_its_own_thread():
    mine = threading.get_ident()
    assert run(where()) == run(where(0.01)) == (mine, mine)


def test_it_does_so_again_after_the_bridges_thread_took_the_loop():
    run(where())
    time.sleep(3 * GRACE)
    assert run(where(0.01)) == (threading.get_ident(),) * 2


def test_any_thread_may_be_the_one():
    with ThreadPoolExecutor(1) as other:
        assert other.submit(run, where(0.01)).result() == (other.submit(threading.get_ident).result(),) * 2


def test_who_comes_second_is_not_kept_waiting_and_the_first_keeps_its_call():
    """The first waits for what the second does: were the second kept waiting, neither would end."""
    begun, events = threading.Event(), []

    async def wait():
        events.append(asyncio.Event())
        before = threading.get_ident()
        begun.set()
        await events[0].wait()
        return before, threading.get_ident()

    async def release():
        events[0].set()
        return threading.get_ident()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, wait())
        assert begun.wait(10)
        second = pool.submit(run, release()).result(10)
        before, after = first.result(10)
    # What is short may be done on the first one's thread, in the moment before the bridge's takes the loop.
    assert {after, second} <= {before, get_bridge()._thread.ident}
    assert before != get_bridge()._thread.ident


def test_calls_beside_an_open_stream_are_served_by_the_bridges_thread():
    with backbay.SyncBackend(connect_fake("one two " * 200)) as backend, backend.stream("hi") as stream:
        next(stream)
        assert threading.get_ident() not in run(where(0.01))
        assert backend.complete("hi").text == stream.collect().text
    assert run(where()) == (threading.get_ident(),) * 2


def test_what_a_call_leaves_behind_goes_on_without_another_call():
    done = threading.Event()

    async def leave():
        async def later():
            await asyncio.sleep(0.05)
            done.set()

        return asyncio.get_running_loop().create_task(later())

    task = run(leave())
    assert done.wait(1.0)
    assert task.done()


@pytest.fixture
def no_grace(monkeypatch):
    """Let the bridge's thread take the loop only where it is told to."""
    run(where())
    monkeypatch.setattr(bridge, "GRACE", 60.0)
    time.sleep(3 * GRACE)
    yield
    get_bridge()._due.set()


@pytest.mark.usefixtures("no_grace")
def test_what_a_failed_call_leaves_behind_does_not_wait_for_the_time_of_grace(connect_sync):
    with ScriptedServer(Reply(steps=[Pause(5)])) as server, connect_sync(server) as backend:
        with pytest.raises(backbay.LimitExceededError):
            backend.complete("hi", limits={"total": 0.1})
        assert server.wait_for(lambda server: server.hangups, 3.0)


@pytest.mark.parametrize("alone", [True, False])
def test_what_ends_a_program_comes_to_who_called_and_the_loop_goes_on(alone):
    async def leave():
        raise SystemExit(3)

    before = get_bridge()
    with contextlib.ExitStack() as stack:
        if not alone:
            backend = stack.enter_context(backbay.SyncBackend(connect_fake("one two " * 200)))
            next(stack.enter_context(backend.stream("hi")))
        with pytest.raises(SystemExit):
            run(leave())
        assert run(where())
    assert get_bridge() is before


@pytest.mark.parametrize("alone", [True, False])
def test_a_call_has_its_callers_context(alone):
    async def word():
        found = WORD.get()
        WORD.set("changed")
        return found

    with contextlib.ExitStack() as stack:
        if not alone:
            backend = stack.enter_context(backbay.SyncBackend(connect_fake("one two " * 200)))
            next(stack.enter_context(backend.stream("hi")))
        token = WORD.set("mine")
        try:
            assert run(word()) == "mine"
            assert WORD.get() == "mine"
        finally:
            WORD.reset(token)


def test_a_blocking_call_in_the_middle_of_one_is_refused_and_in_a_thread_it_is_served():
    async def nested():
        with pytest.raises(backbay.LoopError):
            run(where())
        return await asyncio.to_thread(run, where(0.01))

    assert run(nested())[1] != threading.get_ident()


def test_another_thread_may_close_the_backend_of_a_call_that_waits(connect_sync):
    with ScriptedServer(Reply(steps=[Pause(5)])) as server, connect_sync(server) as backend:
        timer = threading.Timer(0.2, backend.close)
        timer.start()
        start = time.monotonic()
        with pytest.raises(backbay.BackbayError):
            backend.complete("hi")
        assert time.monotonic() - start < 4.0
        timer.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_another_thread_drives_the_loop_leaves_both_whole(run_program, chat):
    source = """
        import os, sys, threading, time, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
        import backbay
        backend = backbay.connect_sync("openai:m", base_url=sys.argv[1], api_key="sk-forked")
        found = []
        thread = threading.Thread(target=lambda: found.append(backend.complete("slow").text))
        thread.start()
        time.sleep(0.2)
        child = os.fork()
        if child == 0:
            assert [backend.complete("child").text for _ in range(2)] == ["Hello."] * 2
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
        backend.close()
        print(found)
    """
    whole = chat.whole()

    def script(request):
        slow = request.json["messages"][0]["content"] == "slow"
        return Reply(steps=[Pause(0.8), *whole.steps], headers=whole.headers) if slow else whole

    with ScriptedServer(script) as server:
        assert run_program(source, server.url) == "['Hello.']\n"


def test_32_threads_get_each_its_own_answers_whoever_drives(chat, connect_sync):
    """Alone, in crowds, beside streams, with some calls that fail: nothing waits for ever, nothing is left."""

    def script(request):
        return chat.answer("to " + request.json["messages"][0]["content"])(request)

    def caller(number):
        chance, made = random.Random(number), 0
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            words = f"{number} {made}"
            kind = chance.random()
            if kind < 0.1:
                with backend.stream(words) as stream:
                    found = "".join(stream.texts())
            elif kind < 0.15:
                with pytest.raises(backbay.BackbayError):
                    backend.complete(words, limits={"total": 1e-6})
                continue
            else:
                found = backend.complete(words).text
            assert found == f"to {words}"
            made += 1
            if chance.random() < 0.2:
                time.sleep(chance.random() * 0.1)
        return made

    with ScriptedServer(script) as server, connect_sync(server) as backend, ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(caller, range(32), timeout=60)) > 32
        end = time.monotonic() + 5
        while get_bridge()._guests and time.monotonic() < end:
            time.sleep(0.01)
        assert not get_bridge()._guests
