"""G5: streams that end in any way leave nothing behind, and calls do not make the process grow.

500 streams of asyncio, one after the other, ended in ten ways, and 500 blocking ones in six; the client stays open. A
second later descriptors, tasks, threads and the server's open connections are counted, and compared with those of
before, when one stream had been read. Then 5,000 calls in a process that has made 1,000, and its memory.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from fault_rig import words
from fault_rig.plan import Sleep, Step

from ..clients import AsyncCaller, Client, Settings, SyncCaller
from ..clients.face import read, read_sync
from ..dialects import Dialect, begun, streamed
from ..figures import Effort, Figure, at_most, none_of
from ..meters import MIB, descriptors, rss
from ..servers import Answer, Door, OpenDoor, Rig, echo

STREAMS, CALLS, BEFORE = 500, 5_000, 1_000
ALONE = Settings(retries=0)
SETTLED = 1.0
"""Seconds after which nothing may be left."""


class _OwnError(Exception):
    """The caller's."""


async def _whole(caller: AsyncCaller) -> None:
    await read(caller, "hi")


async def _stopped(caller: AsyncCaller) -> None:
    async with await caller.begin("hi") as stream:
        async for _ in stream:
            break


async def _raised(caller: AsyncCaller) -> None:
    try:
        async with await caller.begin("hi") as stream:
            async for _ in stream:
                raise _OwnError
    except _OwnError:
        return


async def _forgotten(caller: AsyncCaller) -> None:
    stream: Any = await caller.begin("hi")
    await anext(aiter(stream))
    del stream
    gc.collect()


async def _failed(caller: AsyncCaller) -> None:
    try:
        await read(caller, "hi")
    except Exception:
        return


def _cancelled(seconds: float) -> Callable[[AsyncCaller], Awaitable[None]]:
    async def end(caller: AsyncCaller) -> None:
        task = asyncio.create_task(read(caller, "hi"))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])

    return end


def _blocking_whole(caller: SyncCaller) -> None:
    read_sync(caller, "hi")


def _blocking_stopped(caller: SyncCaller) -> None:
    with caller.begin("hi") as stream:
        for _ in stream:
            break


def _blocking_raised(caller: SyncCaller) -> None:
    try:
        with caller.begin("hi") as stream:
            for _ in stream:
                raise _OwnError
    except _OwnError:
        return


def _blocking_forgotten(caller: SyncCaller) -> None:
    stream: Any = caller.begin("hi")
    next(iter(stream))
    del stream
    gc.collect()


def _blocking_failed(caller: SyncCaller) -> None:
    try:
        read_sync(caller, "hi")
    except Exception:
        return


# What the server does under each way of ending: "whole", "held" after two events, "cut" after them, or "late" by 15 ms.
AWAITED: Mapping[str, tuple[str, Callable[[AsyncCaller], Awaitable[None]]]] = {
    "read to its end": ("whole", _whole),
    "cancelled at once": ("held", _cancelled(0.0)),
    "cancelled while connecting": ("held", _cancelled(0.0005)),
    "cancelled before the head": ("late", _cancelled(0.005)),
    "cancelled in mid-stream": ("held", _cancelled(0.02)),
    "cancelled near its end": ("late", _cancelled(0.016)),
    "left by break": ("held", _stopped),
    "left by an exception": ("held", _raised),
    "forgotten": ("held", _forgotten),
    "cut by the server": ("cut", _failed),
}
BLOCKING: Mapping[str, tuple[str, Callable[[SyncCaller], None]]] = {
    "read to its end": ("whole", _blocking_whole),
    "read slowly": ("late", _blocking_whole),
    "left by break": ("held", _blocking_stopped),
    "left by an exception": ("held", _blocking_raised),
    "forgotten": ("held", _blocking_forgotten),
    "cut by the server": ("cut", _blocking_failed),
}


def _steps(kind: str, dialect: Dialect) -> list[Step]:
    if kind == "held":
        return [begun(dialect, "Hello", " world"), Sleep(5.0), "close"]
    if kind == "cut":
        return [begun(dialect, "Hello") + words.LAST]
    return [*([Sleep(0.015)] if kind == "late" else []), streamed(dialect)]


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    awaited, blocking = (effort.count(STREAMS // len(ways), 2) for ways in (AWAITED, BLOCKING))
    with Rig() as rig:
        left = asyncio.run(_awaited(client, rig, awaited))
        found = [none_of(f"{what} left, async", more, streams=awaited * len(AWAITED)) for what, more in left.items()]
        left = _blocking(client, rig, blocking)
        found += [none_of(f"{what} left, sync", more, streams=blocking * len(BLOCKING)) for what, more in left.items()]
    return [*found, *asyncio.run(_growth(client, effort))]


@contextmanager
def _doors(client: Client, rig: Rig) -> Iterator[Mapping[str, OpenDoor]]:
    """Open a door for each thing that the server does."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(rig.opened(Door(answers=[Answer(_steps(kind, client.dialects[0]))])))
            for kind in ("whole", "held", "cut", "late")
        }


async def _awaited(client: Client, rig: Rig, rounds: int) -> Mapping[str, int]:
    with _doors(client, rig) as doors:
        callers = {kind: client.open(door.url, client.dialects[0], ALONE) for kind, door in doors.items()}

        async def turn() -> None:
            for kind, end in AWAITED.values():
                await end(callers[kind])

        async def count() -> Mapping[str, int]:
            # These leave one idle connection each, so that there are as many before and after.
            for kind in ("whole", "late", "cut"):
                await _failed(callers[kind])
            return {**_count(doors), "tasks": len(asyncio.all_tasks())}

        await turn()
        await asyncio.sleep(SETTLED)
        before = await count()
        for _ in range(rounds):
            await turn()
        deadline = time.monotonic() + SETTLED
        while True:
            more = _more(await count(), before)
            if not any(more.values()) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        for caller in callers.values():
            await caller.close()
    return more


def _blocking(client: Client, rig: Rig, rounds: int) -> Mapping[str, int]:
    with _doors(client, rig) as doors:
        callers = {kind: client.open_sync(door.url, client.dialects[0], ALONE) for kind, door in doors.items()}

        def turn() -> None:
            for kind, end in BLOCKING.values():
                end(callers[kind])

        def count() -> Mapping[str, int]:
            for kind in ("whole", "late", "cut"):
                _blocking_failed(callers[kind])
            return _count(doors)

        turn()
        time.sleep(SETTLED)
        before = count()
        for _ in range(rounds):
            turn()
        deadline = time.monotonic() + SETTLED
        while True:
            more = _more(count(), before)
            if not any(more.values()) or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        for caller in callers.values():
            caller.close()
    return more


def _count(doors: Mapping[str, OpenDoor]) -> Mapping[str, int]:
    gc.collect()
    open_now = sum(door.look()[1] for door in doors.values())
    return {"descriptors": descriptors(), "threads": threading.active_count(), "connections at the server": open_now}


def _more(after: Mapping[str, int], before: Mapping[str, int]) -> Mapping[str, int]:
    return {what: max(0, count - before[what]) for what, count in after.items()}


async def _growth(client: Client, effort: Effort) -> list[Figure]:
    """Make calls, streamed and not, and look at the memory of this process."""
    with echo(client.dialects[0]) as url:
        caller = client.open(url, client.dialects[0])

        async def calls(count: int) -> None:
            for number in range(count):
                words = f"call {number}"
                said = await (read(caller, words) if number % 2 else caller.complete(words))
                assert said == words, said

        await calls(effort.count(BEFORE, 100))
        gc.collect()
        before = rss()
        count = effort.count(CALLS, 200)
        await calls(count)
        gc.collect()
        grown = (rss() - before) / MIB
        await caller.close()
    return [at_most("growth of memory over 5,000 calls", 8.0, round(grown, 2), "MiB", calls=count)]
