"""Faults 121 to 136: what callers do, on loops, in threads and in processes."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import backbay
from backbay import BackbayError, ClosedError, LoopError, Text
from backbay.backend import Backend
from backbay.retry import RetryPolicy
from backbay.sync import SyncBackend
from backbay_conformance.laws.leaks import assert_no_tasks

from ..asking import HOWS, KEY, STREAM, ask, connect, raised
from ..faults import Bench, fault
from ..plan import Answer, Door, Repeat, Sleep
from ..rig import OpenDoor
from ..words import (
    ALL,
    HELLO,
    LAST,
    WHOLE,
    begun,
    chunk,
    delta,
    failed,
    message,
    sized,
    streamed,
)
from ..words import (
    STREAM as WHOLE_STREAM,
)
from .connecting import BIG, sweep

PHASES = ("connect", "write", "head", "body", "back-off", "close")
ENDLESS = Answer([begun(HELLO), "hold"])


def _door(phase: str) -> Door:
    doors = {
        "connect": Door(blackhole=True),
        "tls": Door(greeting=["hold"]),
        "write": Door(deaf=True),
        "head": Door(answers=[Answer(["hold"])]),
        "back-off": Door(answers=[Answer([sized(failed(), status="503 Fault")])]),
    }
    return doors.get(phase, Door(answers=[ENDLESS]))


@fault(121)
def cancelled_in_tls(bench: Bench, how: str) -> None:
    try:
        _cancelled(bench, "tls")
    finally:
        sweep()


@fault(121, hows=PHASES)
def cancelled(bench: Bench, how: str) -> None:
    """The caller gets its own ``CancelledError``, the server sees the end, and nothing is left."""
    _cancelled(bench, how)


def _cancelled(bench: Bench, how: str) -> None:
    with bench.rig.opened(_door(how)) as door:
        asyncio.run(_cancel(door, how))
        if how != "write":  # A server that reads nothing sees no end; the guard around the test counts descriptors.
            assert door.all_left(1.0), "the connection is open a second later"
        attempts = door.attempts
        time.sleep(0.05)
        assert door.attempts == attempts <= 1, "an attempt was made after the cancellation"


async def _cancel(door: OpenDoor, phase: str) -> None:
    before = asyncio.all_tasks()
    url = door.url.replace("http:", "https:") if phase == "tls" else door.url
    backend = connect(url, retries=RetryPolicy(retries=3, first_pause=5, budget=None))
    begun_body = asyncio.Event()

    async def call() -> None:
        async with backend.stream(BIG if phase == "write" else "hi") as stream:
            async for _ in stream:
                begun_body.set()
                if phase == "close":
                    break

    task = asyncio.create_task(call())
    if phase in {"body", "close"}:
        await begun_body.wait()
        await asyncio.sleep(0 if phase == "close" else 0.02)
    elif phase in {"head", "back-off"}:
        while not door.attempts:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    else:
        await asyncio.sleep(0.15)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)
    assert done, "the task goes on although it was cancelled"
    assert task.cancelled() or phase == "close", repr(task.exception())
    await assert_no_tasks(before, "the call that was cancelled")
    await backend.aclose()


@fault(121)
def cancellations_by_the_hundred_leave_the_pool_whole(bench: Bench, how: str) -> None:
    """After a storm of calls that were cancelled at any moment, ten calls of ten are answered."""
    with bench.rig.opened(Door(answers=[Answer([Sleep(0.005), WHOLE])])) as door:

        async def main() -> None:
            async with connect(door.url, retries=0) as backend:
                for number in range(300):
                    task = asyncio.create_task(backend.complete("hi"))
                    await asyncio.sleep(number % 13 / 1000)
                    task.cancel()
                    await asyncio.wait([task])
                answers = await asyncio.gather(*(backend.complete("hi") for _ in range(10)))
                assert [answer.text for answer in answers] == ["Hello world"] * 10

        asyncio.run(main())
        assert door.all_left()


@fault(122, hows=STREAM)
def left_by_break(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:
        if how == "stream":
            asyncio.run(_break(door))
        else:
            with SyncBackend(connect(door.url)) as backend:
                with backend.stream("hi") as stream:
                    for _ in stream:
                        break
                assert door.all_left(1.0)


async def _break(door: OpenDoor) -> None:
    async with connect(door.url) as backend:
        async with backend.stream("hi") as stream:
            async for _ in stream:
                break
        assert await asyncio.to_thread(door.all_left, 1.0)


@fault(122, hows=STREAM)
def forgotten(bench: Bench, how: str) -> None:
    """A stream that nobody holds any more keeps no connection."""
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:
        if how == "stream":
            asyncio.run(_forget(door))
        else:
            with SyncBackend(connect(door.url)) as backend:
                stream = backend.stream("hi")
                next(stream)
                del stream
                gc.collect()
                assert door.all_left(2.0)


async def _forget(door: OpenDoor) -> None:
    async with connect(door.url) as backend:
        stream = backend.stream("hi")
        await anext(stream)
        del stream
        gc.collect()
        assert await asyncio.to_thread(door.all_left, 2.0)


@fault(123)
def a_caller_that_stops_reading(bench: Bench, how: str) -> None:
    """The vendor waits too: what it sends is not taken in ahead. And the limit of idleness waits as well."""
    with bench.rig.opened(Door(answers=[Answer([begun(HELLO), Repeat(chunk(delta("x" * 2**16)), 1000)])])) as door:

        async def main() -> None:
            async with connect(door.url, limits={"idle": 0.3}) as backend, backend.stream("hi") as stream:
                await anext(stream)
                await asyncio.sleep(0.7)
                assert not door.seen("answered"), "64 MiB were taken in although nobody read"
                await anext(stream)

        asyncio.run(main())


@fault(124, hows=STREAM)
def the_caller_raises(bench: Bench, how: str) -> None:
    class OfTheCaller(Exception):  # noqa: N818 (an exception like any)
        pass

    error = OfTheCaller()
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:

        async def main() -> None:
            async with connect(door.url) as backend:
                try:
                    async with backend.stream("hi") as stream:
                        async for _ in stream:
                            raise error
                finally:
                    assert await asyncio.to_thread(door.all_left, 1.0)

        def blocking() -> None:
            with SyncBackend(connect(door.url)) as backend, backend.stream("hi") as stream:
                for _ in stream:
                    raise error

        caught = raised(OfTheCaller, lambda: asyncio.run(main()) if how == "stream" else blocking())
        assert caught is error
        assert caught.__cause__ is None
        assert door.all_left(1.0)


@fault(125)
def closed_from_another_task(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:

        async def main() -> None:
            before = asyncio.all_tasks()
            async with connect(door.url) as backend:
                stream = backend.stream("hi")
                while not isinstance(await anext(stream), Text):
                    continue
                reader = asyncio.create_task(anext(stream))
                await asyncio.sleep(0.05)
                await asyncio.create_task(stream.aclose())
                assert isinstance((await asyncio.gather(reader, return_exceptions=True))[0], ClosedError)
                await assert_no_tasks(before, "the stream")

        asyncio.run(main())
        assert door.all_left(1.0)


@fault(126, hows=("closed at the end", "never closed"))
def five_loops_in_a_row(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        backend = connect(door.url, retries=0)
        for _ in range(5):
            assert asyncio.run(backend.complete("hi")).text == "Hello world"
            assert door.all_left(1.0), "a loop that has ended still has a connection"
        if how == "closed at the end":
            asyncio.run(backend.aclose())


@fault(126)
def loops_at_once_in_threads(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([Sleep(0.02), WHOLE])])) as door:
        backend = connect(door.url, retries=0)

        async def several() -> list[str]:
            return [answer.text for answer in await asyncio.gather(*(backend.complete("hi") for _ in range(5)))]

        with ThreadPoolExecutor(6) as threads:
            found = [future.result() for future in [threads.submit(lambda: asyncio.run(several())) for _ in range(12)]]
        assert found == [["Hello world"] * 5] * 12
        assert door.all_left()


@fault(127)
def a_blocking_call_on_a_running_loop(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        backend = SyncBackend(connect(door.url))

        async def main() -> None:
            assert "to_thread" in str(raised(LoopError, lambda: backend.complete("hi")))
            assert (await asyncio.to_thread(backend.complete, "hi")).text == "Hello world"

        asyncio.run(main())
        backend.close()


@fault(128)
def many_threads_and_one_that_closes(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        backend = SyncBackend(connect(door.url, retries=0))
        with ThreadPoolExecutor(16) as threads:
            texts = list(threads.map(lambda _: backend.complete("hi").text, range(160)))
        assert texts == ["Hello world"] * 160
        closed = threading.Event()
        odd: list[BaseException] = []

        def work() -> None:
            while True:
                try:
                    backend.complete("hi")
                except ClosedError:
                    return
                except BackbayError as error:
                    if not closed.is_set():
                        odd.append(error)
                except BaseException as error:
                    odd.append(error)
                    return

        workers = [threading.Thread(target=work) for _ in range(16)]
        for worker in workers:
            worker.start()
        time.sleep(0.1)
        closed.set()
        backend.close()
        for worker in workers:
            worker.join(10)
        assert not any(worker.is_alive() for worker in workers), "a thread is stuck"
        assert not odd, odd
        assert door.all_left()


@fault(129)
def two_threads_read_one_stream(bench: Bench, how: str) -> None:
    """Each event goes to one of them, or one is refused; nothing is lost, doubled or mixed, and nobody is stuck."""
    texts = [f"{number} " for number in range(300)]
    answer = Answer([begun(*map(delta, texts)), Sleep(0.3), b"".join(map(chunk, ALL[2:])), Sleep(0.15), LAST])
    with bench.rig.opened(Door(answers=[answer])) as door:
        with SyncBackend(connect(door.url)) as backend, backend.stream("hi") as stream:
            got: list[backbay.Event] = [next(stream)]

            def read() -> None:
                try:
                    got.extend(stream)
                except BackbayError:
                    return

            readers = [threading.Thread(target=read) for _ in range(2)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join(2)
            stuck = [reader for reader in readers if reader.is_alive()]
            changed = stream._ahead._changed  # type: ignore[union-attr]
            with changed:
                changed.notify_all()
        found = [event.delta for event in got if isinstance(event, Text)]
        assert sorted(found) == sorted(texts)
        assert not stuck, "a thread waits for ever"


PROGRAM_END = 30.0
"""Seconds after which a program that has not ended is stuck."""


def program(source: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, where every warning is an error."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(source), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PROGRAM_END,
        check=False,
        env={**os.environ, "FAULTS_KEY": KEY.reveal()},
    )


def quiet(done: subprocess.CompletedProcess[str], code: int = 0) -> None:
    """Assert that a program ended as it should, and complained of nothing."""
    assert done.returncode == code, done.stderr
    for word in ("Warning", "Exception ignored", "Traceback", "never awaited", "was destroyed"):
        assert word not in done.stderr, done.stderr
    assert not KEY.seen_in(done.stderr + done.stdout)


FORK = """
    import asyncio, json, os, sys
    import backbay
    key = os.environ["FAULTS_KEY"]
    url, count = sys.argv[1], 60
    backend = backbay.connect("openai:m-1", api_key=key, base_url=url, retries=0)
    blocking = backbay.connect_sync("openai:m-1", api_key=key, base_url=url, retries=0)
    async def ask(words):
        return (await backend.complete(words)).text
    assert blocking.complete("before").text == "before"
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask("before"))
    child = os.fork()
    wrong = 0
    me = "child" if child == 0 else "parent"
    if child == 0:
        loop = asyncio.new_event_loop()
    for number in range(count):
        words = f"{me} {number}"
        wrong += blocking.complete(words).text != words
        wrong += loop.run_until_complete(ask(words)) != words
    if child == 0:
        sys.stdout.flush()
        os._exit(min(wrong, 99))
    _, status = os.waitpid(child, 0)
    print(json.dumps({"wrong": wrong, "child": os.waitstatus_to_exitcode(status)}))
    loop.run_until_complete(backend.aclose())
    loop.close()
    blocking.close()
"""


@fault(130)
def forked_with_connections_open(bench: Bench, how: str) -> None:
    """Parent and child ask at the same time; each answer repeats its question, and none comes to the other."""
    from backbay.testing import Received, Reply, ScriptedServer

    def echo(request: Received) -> Reply:
        words = request.json["messages"][-1]["content"]
        return Reply.json(message(words))

    with ScriptedServer(echo) as server:
        done = program(FORK, server.url)
    quiet(done)
    assert done.stdout.strip() == '{"wrong": 0, "child": 0}'


END_BLOCKING = """
    import os, sys
    import backbay
    backend = backbay.connect_sync("openai:m-1", api_key=os.environ["FAULTS_KEY"], base_url=sys.argv[1])
    streams = [backend.stream("hi") for _ in range(20)]
    for stream in streams:
        next(stream)
"""

END_OF_LOOP = """
    import asyncio, os, sys
    import backbay
    backend = backbay.connect("openai:m-1", api_key=os.environ["FAULTS_KEY"], base_url=sys.argv[1])
    async def main(count):
        global streams
        streams = [backend.stream("hi") for _ in range(count)]
        for stream in streams:
            await anext(stream)
        if sys.argv[2] == "exit":
            sys.exit(0)
    for count in range(1, 7):
        try:
            asyncio.run(main(count))
        except SystemExit:
            continue
"""


@fault(131)
def the_program_ends_with_streams_open(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:
        quiet(program(END_BLOCKING, door.url))
        assert door.all_left()


@fault(
    131,
    hows=("by itself", "exit"),
)
def the_loop_ends_with_streams_open(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:
        done = program(END_OF_LOOP, door.url, how)
        assert door.all_left()
        quiet(done)


INTERRUPTED = """
    import asyncio, os, sys
    import backbay
    key = os.environ["FAULTS_KEY"]
    how, url = sys.argv[1:]
    print("ready", flush=True)
    if how == "blocking":
        backend = backbay.connect_sync("openai:m-1", api_key=key, base_url=url)
        with backend, backend.stream("hi") as stream:
            for _ in stream:
                print("event", flush=True)
    else:
        async def main():
            backend = backbay.connect("openai:m-1", api_key=key, base_url=url)
            async with backend, backend.stream("hi") as stream:
                async for _ in stream:
                    print("event", flush=True)
        asyncio.run(main())
"""


@fault(132, hows=("blocking SIGINT", "loop SIGINT", "blocking SIGTERM", "loop SIGTERM"))
def interrupted_in_mid_stream(bench: Bench, how: str) -> None:
    face, name = how.split()
    with bench.rig.opened(Door(answers=[ENDLESS])) as door:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(INTERRUPTED), face, door.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "FAULTS_KEY": KEY.reveal()},
        )
        try:
            assert process.stdout is not None
            assert [process.stdout.readline().strip() for _ in range(2)] == ["ready", "event"]
            process.send_signal(getattr(signal, name))
            _, errors = process.communicate(timeout=PROGRAM_END)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -getattr(signal, name), errors
        assert door.all_left()
        assert "was destroyed" not in errors
        assert "never awaited" not in errors
        if name == "SIGINT":
            assert errors.rstrip().endswith("KeyboardInterrupt")


MANY = """
    import asyncio, json, os, resource, sys
    import backbay
    key = os.environ["FAULTS_KEY"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    async def one(backend):
        try:
            return (await backend.stream("hi").collect()).text
        except backbay.BackbayError as error:
            return type(error).__name__
    async def main():
        async with backbay.connect("openai:m-1", api_key=key, base_url=sys.argv[1], retries=0) as backend:
            found = await asyncio.gather(*(one(backend) for _ in range(200)))
            again = await one(backend)
        return {"kinds": sorted(set(found)), "again": again}
    print(json.dumps(asyncio.run(main())))
"""


@fault(133)
def more_streams_than_descriptors(bench: Bench, how: str) -> None:
    """Each is answered, or fails as a connection that could not be made; and afterwards calls work again."""
    with bench.rig.opened(Door(answers=[Answer([Sleep(0.3), WHOLE_STREAM])])) as door:
        done = program(MANY, door.url)
        quiet(done)
        assert done.stdout.strip() in (
            '{"kinds": ["ConnectError", "Hello world"], "again": "Hello world"}',
            '{"kinds": ["Hello world"], "again": "Hello world"}',
        )


@fault(134)
def pickled_and_copied(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([streamed(HELLO)])])) as door:
        outcome = ask(door.url, "stream")
        assert isinstance(outcome.error, BackbayError)
        kept = pickle.loads(pickle.dumps(outcome.error))
        assert type(kept) is type(outcome.error)
        assert kept.partial == outcome.error.partial
        assert (str(kept), kept.attempts) == (str(outcome.error), outcome.error.attempts)
        for event in outcome.events:
            assert pickle.loads(pickle.dumps(event)) == event


@fault(134)
def a_backend_that_is_pickled_or_copied(bench: Bench, how: str) -> None:
    backend = connect("http://127.0.0.1:9/v1")
    uses: tuple[Callable[[Backend], object], ...] = (pickle.dumps, copy.deepcopy)
    for use in uses:
        error = raised(TypeError, functools.partial(use, backend))
        assert "backend" in str(error).lower(), error


@fault(135)
def one_layer_makes_the_attempts(bench: Bench, how: str) -> None:
    """What the HTTP library and a codec might try again is tried by core alone: attempts are those of the policy."""
    with bench.rig.opened(Door(answers=[Answer(["close"])])) as door:
        error = ask(door.url, "complete", retries=RetryPolicy(retries=2, first_pause=0.01, budget=None)).error
        assert isinstance(error, BackbayError)
        assert (error.attempts, door.attempts) == (3, 3)


@fault(136, hows=HOWS)
def the_caller_changes_its_objects_meanwhile(bench: Bench, how: str) -> None:
    """What was asked is what stands on the wire, at every attempt."""
    messages = [{"role": "user", "content": "first"}]
    options: dict[str, Any] = {"stop": ["a"], "extra": {"acme": {"deep": [1]}}}
    before = copy.deepcopy((messages, options))
    busy = Answer([sized(failed(), status="503 Fault")])
    answer = Answer([WHOLE_STREAM if how in STREAM else WHOLE])
    with bench.rig.opened(Door(answers=[busy, answer])) as door:
        assert ask(door.url, how, messages, options).text == "Hello world"
        assert (messages, options) == before
        assert len({request.body for request in door.requests}) == 1

        async def main() -> None:
            async with connect(door.url) as backend:
                stream = backend.stream(messages, **options)
                messages[0]["content"] = "second"
                options["extra"]["acme"]["deep"].append(2)
                await stream.collect()

        asyncio.run(main())
        assert b"second" not in door.requests[-1].body
        assert b"first" in door.requests[-1].body
        assert b"2" not in door.requests[-1].body.partition(b"acme")[2][:30]
