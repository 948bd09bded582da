"""What a process that uses the engine looks like from outside."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap
import time

import pytest


def run(script, *, timeout=30):
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return done.returncode, done.stdout, done.stderr, time.perf_counter() - start


STORY = """
import asyncio, sys, backbay
async def main():
    backend = backbay.connect("local:tiny")
    stream = backend.stream("Tell me a story.", extra={"ignore_eos": True})
    async for event in stream:
        if type(event).__name__ == "Text":
            break
    END
"""


@pytest.mark.parametrize("end", ["return", "sys.exit(3)", "raise KeyError('x')"])
def test_a_process_that_leaves_a_stream_unfinished_ends_at_once(end):
    script = STORY.replace("END", end) + "asyncio.run(main())"
    code, out, errors, _ = run(script)
    assert code == {"return": 0, "sys.exit(3)": 3}.get(end, 1)
    assert out == ""
    assert ("KeyError" in errors) == (code == 1)
    assert "FATAL" not in errors
    assert "terminate" not in errors


def test_a_process_that_forgets_its_loop_and_many_streams_ends_at_once():
    script = """
    import asyncio, backbay
    backend = backbay.connect("local:tiny")
    loop = asyncio.new_event_loop()
    streams = [backend.stream("Tell me a story.", extra={"ignore_eos": True}) for _ in range(8)]
    async def begin():
        for stream in streams[:4]:
            await anext(stream)
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams[4:]]
        await asyncio.sleep(0.01)
        return waiting
    waiting = loop.run_until_complete(begin())
    """
    code, out, errors, seconds = run(script)
    assert (code, out) == (0, "")
    assert "FATAL" not in errors
    assert "terminate" not in errors
    assert seconds < 10


def test_a_synchronous_stream_left_unfinished_does_not_hold_the_process():
    script = """
    import backbay
    backend = backbay.connect_sync("local:tiny")
    for event in backend.stream("Tell me a story.", extra={"ignore_eos": True}):
        break
    """
    code, out, errors, seconds = run(script)
    assert (code, out, errors) == (0, "", "")
    assert seconds < 10


def test_the_engine_writes_nothing_to_the_terminal():
    script = """
    import asyncio, backbay
    async def main():
        async with backbay.connect("local:tiny") as backend:
            await backend.complete("Say pong")
            await backend.embed("hello")
            try:
                await backend.complete("word " * 3000)
            except backbay.ContextLengthError:
                print("too long")
    asyncio.run(main())
    """
    assert run(script)[:3] == (0, "too long\n", "")


def test_an_interrupt_ends_the_process_at_once():
    script = STORY.replace("break", "import os, signal; os.kill(os.getpid(), signal.SIGINT)").replace("END", "return")
    code, _, errors, _ = run(script + "asyncio.run(main())")
    assert code != 0
    assert "KeyboardInterrupt" in errors
    assert "FATAL" not in errors


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only with glibc can a forked child end by itself")
@pytest.mark.parametrize(
    ("child", "expected"),
    [
        # The parent's backend, whose engine the child must not touch.
        ("print(backend.complete('Say pong').text, flush=True); sys.exit(7)", 7),
        ("print(backend.complete('Say pong').text, flush=True); backend.close(); sys.exit(7)", 7),
        ("print('pong', flush=True); sys.exit(7)", 7),
        ("print('pong', flush=True); backend.close(); os._exit(7)", 7),
    ],
)
def test_a_forked_child_has_an_engine_of_its_own_and_ends_by_itself(child, expected):
    script = f"""
    import os, sys, time, backbay
    backend = backbay.connect_sync("local:tiny")
    backend.complete("Say pong")
    pid = os.fork()
    if pid == 0:
        {child}
    for _ in range(800):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(pid, 9)
        sys.exit("the child hangs")
    print(os.waitstatus_to_exitcode(status), backend.complete("Say pong").text)
    backend.close()
    """
    code, out, errors, _ = run(script)
    assert (code, errors) == (0, "")
    assert out == f"pong\n{expected} pong\n"


def test_engines_that_are_closed_before_their_first_request_are_done_with():
    script = """
    import asyncio, backbay
    async def main():
        for _ in range(25):
            async with backbay.connect("local:tiny") as backend:
                await backend.health()
        print("done")
    asyncio.run(main())
    """
    assert run(script)[:3] == (0, "done\n", "")


def test_the_port_of_the_engine_is_locked():
    script = """
    import asyncio, urllib.error, urllib.request, backbay
    from backbay_local.pool import POOL
    async def main():
        async with backbay.connect("local:tiny") as backend:
            await backend.health()
            server = next(iter(POOL._shares.values())).loaded._server
            address = server.listening_address
            assert address.startswith("http://127.0.0.1:"), address
            for path in ("/v1/models", "/props", "/slots", "/metrics"):
                try:
                    await asyncio.to_thread(urllib.request.urlopen, address + path, timeout=5)
                except urllib.error.HTTPError as refused:
                    print(refused.code)
    asyncio.run(main())
    """
    assert run(script)[:3] == (0, "401\n" * 4, "")
