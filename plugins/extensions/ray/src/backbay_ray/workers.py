"""What runs on the cluster: an actor that holds one backend, and asks for items."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from backbay_batch.asking import ask
from backbay_batch.engine import Item, Outcome, Target


class Worker:
    """Asks for items with a backend of its own, connected when it is made; Ray makes it an actor.

    Items come, and outcomes go, as many together as there are: a call of an actor costs as much as a short answer of a
    vendor, so one for each item would halve what a worker can do.

    Args:
        target: Whom to ask.

    Raises:
        BackbayError: The backend cannot be connected on this machine: a plugin or a key is missing there.
    """

    def __init__(self, target: Target) -> None:
        self._backend = target.open()
        self._name = uuid.uuid4().hex
        self._tasks: dict[int, asyncio.Task[Outcome]] = {}
        self._done: list[Outcome] = []
        self._found = asyncio.Event()

    async def ready(self) -> str:
        """Return this worker's name, which another one in its place has not: its backend is connected."""
        return self._name

    async def give(self, items: Sequence[Item]) -> str:
        """Begin to ask for some items; return as ``ready``. A failure is an outcome too."""
        for item in items:
            task = asyncio.create_task(ask(self._backend, item))
            self._tasks[item.number] = task
            task.add_done_callback(lambda task, number=item.number: self._ended(number, task))  # type: ignore[misc]
        return self._name

    async def outcomes(self) -> list[Outcome]:
        """Return all outcomes that nobody has had; waits for one. To be called by one at a time."""
        while not self._done:
            self._found.clear()
            await self._found.wait()
        found, self._done = self._done, []
        return found

    async def drop(self, number: int) -> None:
        """End what is done for an item, which nobody wants any more."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Let go of the backend's connections."""
        await self._backend.aclose()

    def _ended(self, number: int, task: asyncio.Task[Outcome]) -> None:
        if self._tasks.get(number) is task:
            del self._tasks[number]
        if not task.cancelled():
            self._done.append(task.result())
            self._found.set()
