"""G7: one client in two processes, on many loops, in many threads.

The server repeats what it is asked, so that each caller knows its own answer. A process that has a client with
connections open is forked, and both halves make 400 calls at the same time, in four threads each. One client is used by
five loops in a row, of asyncio's and, if it is installed, of uvloop's. 32 threads make 200 calls each with one client.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..clients import Client, Settings, SyncCaller
from ..figures import Effort, Figure, all_of, none_of, note
from ..servers import echo

CALLS, FORK_THREADS = 400, 4
LOOPS = 5
THREADS, CALLS_EACH = 32, 200


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    with echo(client.dialects[0]) as url:
        return [
            *_fork(client, url, effort.count(CALLS, 40)),
            _loops(client, url, "asyncio", asyncio.new_event_loop),
            *_uvloop(client, url),
            *_threads(client, url, effort),
        ]


def _fork(client: Client, url: str, count: int) -> list[Figure]:
    caller = client.open_sync(url, client.dialects[0], Settings(retries=0))
    with ThreadPoolExecutor(FORK_THREADS) as threads:  # so that there are as many connections
        list(threads.map(lambda number: caller.complete(f"before {number}"), range(FORK_THREADS * 3)))
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    found = _calls(caller, "parent" if child else "child", count, FORK_THREADS)
    if not child:
        os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = json.loads(pipe.read() or b"[0, 400]")
    os.waitpid(child, 0)
    caller.close()
    wrong, errors = (a + b for a, b in zip(found, told, strict=True))
    return [
        none_of("wrong answers across a fork", wrong, 2 * count),
        none_of("errors across a fork", errors, 2 * count, parent=found, child=told),
    ]


def _calls(caller: SyncCaller, name: str, count: int, threads: int) -> list[int]:
    """Make calls; return how many answers were somebody else's, and how many calls failed."""
    found = [0, 0]
    lock = threading.Lock()
    turns = iter(range(count))

    def work() -> None:
        for number in iter(lambda: next(turns, None), None):
            try:
                words = f"{name} {number}"
                at, add = 0, caller.complete(words) != words
            except Exception:
                at, add = 1, True
            with lock:
                found[at] += add

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def _loops(client: Client, url: str, name: str, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Figure:
    caller = client.open(url, client.dialects[0], Settings(retries=0))

    async def ask(number: int) -> str:
        words = [f"{number} {each}" for each in range(3)]
        return "answered" if await asyncio.gather(*map(caller.complete, words)) == words else "wrong"

    ends = []
    for number in range(LOOPS):
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                ends.append(runner.run(ask(number)))
        except Exception as error:
            ends.append(f"{type(error).__name__}: {error}")
    return all_of(f"loops of {name} in a row that one client serves", ends.count("answered"), LOOPS, ends=ends)


def _uvloop(client: Client, url: str) -> list[Figure]:
    try:
        import uvloop
    except ImportError:
        return [note("loops of uvloop in a row that one client serves", "not measured: uvloop is not installed")]
    return [_loops(client, url, "uvloop", uvloop.new_event_loop)]


def _threads(client: Client, url: str, effort: Effort) -> list[Figure]:
    caller = client.open_sync(url, client.dialects[0], Settings(retries=0))
    each = effort.count(CALLS_EACH, 5)
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda number: _calls(caller, f"thread {number}", each, 1), range(THREADS)))
    caller.close()
    return [
        none_of("errors and wrong answers, 32 threads of 200 calls", sum(map(sum, found)), THREADS * each),
        note("a build of Python without the global lock", "not measured: there is none here"),
    ]
