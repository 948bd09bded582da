"""The loop that engines share: a window of tasks, each of which takes an item, asks for it, and puts back what came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextvars import Context
from functools import partial
from typing import Protocol, runtime_checkable

from .engine import Item, Outcome

Ask = Callable[[Item], Awaitable[Outcome]]


@runtime_checkable
class Attended(Protocol):
    """Items whose givers are there while they are asked for: each may be taken back, and has a context of its own."""

    def context(self, item: Item) -> Context:
        """Return the context of whoever gave the item; it is asked for in that."""

    def attend(self, item: Item, task: asyncio.Task[Outcome]) -> None:
        """Take note of the task that asks for an item. To cancel it takes the item back."""


async def pump(
    items: AsyncIterator[Item], ask: Ask, concurrency: int, *, ends_at_once: bool = False
) -> AsyncGenerator[Outcome, None]:
    """Ask for each item, so many at a time, and yield each outcome as it comes. Close it to stop the work at once.

    Args:
        items: What to ask for.
        ask: Asks for one.
        concurrency: Items under way at once, at most.
        ends_at_once: Whether what one task raises ends the others. Give ``True`` where it says that they cannot come
            to an end either: a cluster is gone. Otherwise they finish what they have, which is paid for and wanted.

    Raises:
        BaseException: What ``items`` or ``ask`` raised, after all outcomes that came.
    """
    done: asyncio.Queue[Outcome | None] = asyncio.Queue()
    once = partial(_attended, items, ask) if isinstance(items, Attended) else ask

    async def work() -> None:
        async for item in items:
            if (outcome := await once(item)) is not None:
                done.put_nowait(outcome)

    async def end() -> None:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION if ends_at_once else asyncio.ALL_COMPLETED)
        done.put_nowait(None)

    tasks = [asyncio.create_task(work()) for _ in range(concurrency)]
    ending = asyncio.create_task(end())
    try:
        while (outcome := await done.get()) is not None:
            yield outcome
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in (*tasks, ending):
            task.cancel()
        await asyncio.gather(*tasks, ending, return_exceptions=True)


async def _attended(items: Attended, ask: Ask, item: Item) -> Outcome | None:
    """Ask for an item in a task of its own; return ``None`` if it was taken back."""

    async def one() -> Outcome:
        return await ask(item)

    task = asyncio.get_running_loop().create_task(one(), context=items.context(item))
    items.attend(item, task)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return None if task.cancelled() else task.result()
