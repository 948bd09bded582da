"""The engine that is built in: all calls in this process, on the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from backbay import Backend

from .asking import ask
from .engine import Item, Outcome, Target


class LocalEngine:
    """As many tasks as calls may be under way, each with one call at a time."""

    async def run(self, items: AsyncIterator[Item], target: Target) -> AsyncIterator[Outcome]:
        """Ask for each item; as ``Engine.run``."""
        done: asyncio.Queue[Outcome | None] = asyncio.Queue()
        async with target.connected() as backend:
            tasks = [asyncio.create_task(_work(backend, items, done)) for _ in range(target.concurrency)]
            ending = asyncio.create_task(_say_when_done(tasks, done))
            try:
                while (outcome := await done.get()) is not None:
                    yield outcome
                for task in tasks:
                    task.result()  # Raises what the items raised, if they did.
            finally:
                for task in (*tasks, ending):
                    task.cancel()
                await asyncio.gather(*tasks, ending, return_exceptions=True)


async def _work(backend: Backend, items: AsyncIterator[Item], done: asyncio.Queue[Outcome | None]) -> None:
    async for item in items:
        done.put_nowait(await ask(backend, item))


async def _say_when_done(tasks: list[asyncio.Task[None]], done: asyncio.Queue[Outcome | None]) -> None:
    await asyncio.wait(tasks)
    done.put_nowait(None)
