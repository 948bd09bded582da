"""The driver's side of one actor: what it was given, and what it has not yet given back."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from backbay_batch import BatchEngineError
from backbay_batch.engine import Item, Outcome
from backbay_batch.errors import CONTINUE

from .cluster import is_there


class LostError(Exception):
    """The worker died that had the item."""


@dataclass(slots=True, eq=False)
class Given:
    """An item that a worker has, or is about to get.

    Attributes:
        item: The item.
        future: Its outcome.
        worker: The name of the worker that has it; ``None`` until one has said so.
    """

    item: Item
    future: asyncio.Future[Outcome] = field(repr=False)
    worker: str | None = None


class Lane:
    """Brings items to one actor, and outcomes back. Ray puts another worker in the place of one that dies.

    What goes there waits for the answer to what went before, and what comes is asked for again at once. So the busier
    all are, the more goes together, and nothing waits for company.

    Args:
        ray: Ray.
        actor: The actor.
        address: Of the cluster's head.
    """

    def __init__(self, ray: ModuleType, actor: Any, address: str) -> None:  # noqa: ANN401 (Ray's handle)
        self._ray = ray
        self._actor = actor
        self._address = address
        self._given: dict[int, Given] = {}
        self._outgoing: list[Given] = []
        self._dead: set[str] = set()
        self._giving: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self.gone = False

    async def start(self) -> None:
        """Return once the worker has its backend. Raises what Ray raises."""
        name = await _result(self._actor.ready.remote())
        self._taking = asyncio.create_task(self._take_all(name))

    async def ask(self, item: Item) -> Outcome:
        """Return the outcome of an item.

        Raises:
            LostError: The worker died.
            BatchEngineError: The cluster is gone, or failed.
        """
        given = Given(item, asyncio.get_running_loop().create_future())
        self._given[item.number] = given
        self._outgoing.append(given)
        if self._giving is None:
            self._giving = asyncio.create_task(self._give_all())
        try:
            return await given.future
        except asyncio.CancelledError:
            if given in self._outgoing:
                self._outgoing.remove(given)
            elif not self.gone:
                self._actor.drop.remote(item.number)
            raise
        finally:
            if self._given.get(item.number) is given:
                del self._given[item.number]

    async def close(self) -> None:
        """End the actor, and what it does."""
        tasks = [task for task in (self._giving, self._taking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self.gone:  # Ray would wait for a cluster that is gone.
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(self._actor)

    async def _give_all(self) -> None:
        """Bring what is to go, until nothing is left."""
        while self._outgoing:
            await asyncio.sleep(0)  # Whatever else may go in this turn of the loop goes along.
            some, self._outgoing = self._outgoing, []
            try:
                name = await _result(self._actor.give.remote([given.item for given in some]))
            except self._ray.exceptions.RayError as failure:
                await self._failed(some, failure)
                continue
            for given in some:
                given.worker = name
            if name in self._dead:
                _lose(some)
        self._giving = None

    async def _take_all(self, name: str) -> None:
        """Take what comes, of one worker after the other."""
        while not self.gone:
            try:
                for outcome in await _result(self._actor.outcomes.remote()):
                    given = self._given.get(outcome.number)
                    if given is not None and not given.future.done():
                        given.future.set_result(outcome)
            except self._ray.exceptions.RayError as failure:
                self._dead.add(name)
                await self._failed([given for given in self._given.values() if given.worker == name], failure)
                name = await self._next_worker(name)

    async def _next_worker(self, name: str) -> str:
        """Return the name of the worker that is in the place of one that died."""
        while not self.gone:
            with contextlib.suppress(self._ray.exceptions.RayError):
                found: str = await _result(self._actor.ready.remote())
                return found
            await asyncio.sleep(0.1)
        return name

    async def _failed(self, some: list[Given], failure: Exception) -> None:
        """Have some items asked for elsewhere; if it is not the worker alone that died, tell all."""
        alone = isinstance(failure, self._ray.exceptions.RayActorError)
        there = await asyncio.to_thread(is_there, self._address)
        if there and alone:
            _lose(some)
            return
        self.gone = not there
        error = BatchEngineError(f"The Ray cluster is gone, or failed: {first_line(failure)}", hint=CONTINUE)
        error.__cause__ = failure
        for given in list(self._given.values()):
            if not given.future.done():
                given.future.set_exception(error)


def _lose(some: list[Given]) -> None:
    for given in some:
        if not given.future.done():
            given.future.set_exception(LostError())


async def _result(reference: Any) -> Any:  # noqa: ANN401 (whatever Ray gives)
    return await reference


def first_line(failure: BaseException) -> str:
    """Return what a failure says, shortly: Ray's own messages hold whole tracebacks."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return f"{type(failure).__name__}: {lines[-1] if lines else ''}"
