"""G6: the pool stays whole, and gives nobody another's answer.

Five seconds of calls that are cancelled at any moment, then ten at once that must be answered; where a client's pool
has a bound it is ten connections. A server that closes each connection 0 to 5 ms after its answer: 1,000 calls, with
the retries that the client has by default, and without any. A server that sends an answer more than it was asked for:
right behind the first in 500 calls, eight at a time, and 1 ms later in 500, one at a time, each after it was sent.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from fault_rig.plan import Sleep, Step

from ..clients import Client, Settings
from ..dialects import HELLO, whole
from ..figures import Effort, Figure, all_of, none_of, note
from ..servers import OpenDoor, Rig, answering

CHURN = 5.0
POOL = 10
CALLS = 1_000
CALLERS = 8
PAUSE = 0.005
"""Seconds between calls where something is sent late: before the next call, since after that nobody can tell."""
DOOR = 25
"""Calls behind one door, whose log is looked at after each."""
BOUND = 10.0
"""Seconds for the calls after the churn; those of a pool that is lost wait for ever."""


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    return asyncio.run(_measure(client, effort))


async def _measure(client: Client, effort: Effort) -> list[Figure]:
    with Rig() as rig:
        return [
            await _churn(client, rig, effort),
            await _stale(client, rig, effort, None),
            await _stale(client, rig, effort, 0),
            await _extra(client, rig, effort),
        ]


async def _churn(client: Client, rig: Rig, effort: Effort) -> Figure:
    rng = random.Random(6)
    dialect = client.dialects[0]
    with rig.opened(answering([Sleep(0.005), whole(dialect)])) as door:
        caller = client.open(door.url, dialect, Settings(retries=0, pool=POOL))
        ends = time.monotonic() + CHURN * effort.scale
        cancelled = 0

        async def churn() -> None:
            nonlocal cancelled
            while time.monotonic() < ends:
                task = asyncio.create_task(caller.complete("hi"))
                await asyncio.sleep(rng.uniform(0, 0.012))
                task.cancel()
                await asyncio.wait([task])
                cancelled += task.cancelled()

        async def ask() -> bool:
            try:
                async with asyncio.timeout(BOUND):
                    return await caller.complete("hi") == HELLO
            except Exception:
                return False

        await asyncio.gather(*(churn() for _ in range(POOL * 3)))
        answered = sum(await asyncio.gather(*(ask() for _ in range(POOL))))
        await caller.close()
    return all_of("calls answered after 5 s of cancellations", answered, POOL, cancelled=cancelled)


async def _stale(client: Client, rig: Rig, effort: Effort, retries: int | None) -> Figure:
    dialect, count = client.dialects[0], effort.count(CALLS, 50)
    answers: list[list[Step]] = [[whole(dialect), Sleep(number % 11 / 2000), "close"] for number in range(2 * count)]
    with rig.opened(answering(*answers)) as door:
        caller = client.open(door.url, dialect, Settings(retries=retries))
        wrong, classes = await _ask(caller.complete, count)
        await caller.close()
    if retries is None:
        return none_of(
            "errors where the server closes kept connections", len(classes), count, kinds=sorted(set(classes))
        )
    return note("the same without retries", f"{len(classes)} of {count:,}", kinds=sorted(set(classes)), wrong=wrong)


async def _extra(client: Client, rig: Rig, effort: Effort) -> Figure:
    dialect, count = client.dialects[0], effort.count(CALLS // 2, 25)
    right, other = whole(dialect), whole(dialect, "somebody else's")
    with rig.opened(answering([right + other])) as door:
        caller = client.open(door.url, dialect)
        behind, errors = await _ask(caller.complete, count)
        await caller.close()
    later = 0
    for _ in range(count // DOOR):
        with rig.opened(answering([right, Sleep(0.001), other])) as door:
            later += await _one_by_one(client, door)
    kinds = {"right behind": behind, "later": later, "errors": len(errors)}
    tried = count + count // DOOR * DOOR
    return none_of("wrong answers where the server sends one too many", behind + later, tried, kinds=kinds)


async def _one_by_one(client: Client, door: OpenDoor) -> int:
    """Make calls, each when the server has sent all that it sends after the one before; return the wrong answers."""
    caller = client.open(door.url, client.dialects[0])
    wrong = 0
    for number in range(1, DOOR + 1):
        wrong += await caller.complete("hi") != HELLO
        while len(door.seen("answered")) < number:  # noqa: ASYNC110 (another process has to say it)
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(PAUSE)
    await caller.close()
    return wrong


async def _ask(complete: Callable[[str], Awaitable[str]], count: int) -> tuple[int, Sequence[str]]:
    """Make calls, eight at a time; return how many answers were wrong, and the classes of the errors."""
    wrong, classes = 0, []
    turns = iter(range(count))

    async def caller() -> None:
        nonlocal wrong
        for _ in turns:
            try:
                wrong += await complete("hi") != HELLO
            except Exception as error:
                classes.append(type(error).__name__)
            await asyncio.sleep(0)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return wrong, classes
