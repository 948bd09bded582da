"""The engine: actors on Ray that each hold a backend, and items given to them as soon as they may be asked for.

Ray's actors, and not a dataset of Ray Data: which item may be asked for when depends on how the ones before it came out
(a limit that the vendor named, a budget), and a dataset hears nothing of that. The files, the journal, the pace and the
budget stay with the driver, so they hold over all workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from backbay import BackbayError
from backbay_batch import BatchEngineError, BatchSetupError
from backbay_batch.engine import Failure, Item, Outcome, Target
from backbay_batch.errors import CONTINUE

from .cluster import cluster, is_there, workers
from .workers import Worker

if TYPE_CHECKING:
    from types import ModuleType

READY_LIMIT = 120.0
"""Seconds for the actors to be there, on machines that may have to be started first."""

LOST = 5
"""How often one item is given to another worker, when workers die with it, before it counts as failed."""


class RayEngine:
    """Asks for items on a Ray cluster.

    The variable ``RAY_ADDRESS`` names the cluster; without it one is started on this machine for the run.
    ``BACKBAY_RAY_WORKERS`` says how many actors there are. Each machine needs the same distributions, and the backend's
    key in its own environment: no key travels.
    """

    async def run(self, items: AsyncIterator[Item], target: Target) -> AsyncIterator[Outcome]:
        """Ask for each item; as ``Engine.run``.

        Raises:
            BatchSetupError: The backend is an object, which cannot travel; give its name.
            BatchEngineError: The cluster is not there, cannot connect to the backend, or has gone.
        """
        if not isinstance(target.backend, str):
            raise BatchSetupError("On Ray each worker connects for itself: give the backend by its name.")
        with cluster() as ray:
            pool = _Pool(ray, target)
            try:
                await pool.wait()
                async for outcome in _asked(pool, items, target.concurrency):
                    yield outcome
            finally:
                await pool.close()


async def _asked(pool: _Pool, items: AsyncIterator[Item], concurrency: int) -> AsyncIterator[Outcome]:
    """Yield outcomes as they come; raise what made the pool fail as a whole."""
    done: asyncio.Queue[Outcome | None] = asyncio.Queue()

    async def work() -> None:
        async for item in items:
            done.put_nowait(await pool.ask(item))

    async def end() -> None:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
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


class _Pool:
    """The actors. One that dies is made again by Ray; what it had is given to whichever is next."""

    def __init__(self, ray: ModuleType, target: Target) -> None:
        self._ray = ray
        count = workers(ray, target.concurrency)
        # Calls of one actor run beside each other on its event loop, as many as it may have.
        each = -(-target.concurrency // count)
        made = ray.remote(Worker).options(max_restarts=-1, max_concurrency=each + 2)
        self._actors: list[Any] = [made.remote(target) for _ in range(count)]
        self._next = 0
        self._gone = False
        self._address: str = ray.get_runtime_context().gcs_address

    async def wait(self) -> None:
        """Return once every actor has its backend."""
        try:
            async with asyncio.timeout(READY_LIMIT):
                await asyncio.gather(*(_result(actor.ready.remote()) for actor in self._actors))
        except TimeoutError:
            raise BatchEngineError(
                f"The cluster had no room for {len(self._actors)} workers within {READY_LIMIT:g} s.",
                hint="BACKBAY_RAY_WORKERS=1 asks for fewer.",
            ) from None
        except self._ray.exceptions.RayError as failure:
            cause = getattr(failure, "cause", None) or failure.__cause__
            told = cause if isinstance(cause, BackbayError) else failure
            raise BatchEngineError(
                f"A worker cannot connect to the backend: {_first_line(told)}",
                hint="Each machine needs the plugin, and the key in its own environment.",
            ) from failure

    async def ask(self, item: Item) -> Outcome:
        """Ask for an item, of another worker where one dies."""
        for _ in range(LOST):
            self._next = (self._next + 1) % len(self._actors)
            try:
                found: Outcome = await _result(self._actors[self._next].ask.remote(item))
            except self._ray.exceptions.RayActorError as failure:
                if not await asyncio.to_thread(is_there, self._address):
                    self._gone = True
                    raise _vanished(failure) from failure
                continue
            except self._ray.exceptions.RayError as failure:
                self._gone = not await asyncio.to_thread(is_there, self._address)
                raise _vanished(failure) from failure
            return found
        said = f"{LOST} workers died while they asked for it."
        return Outcome(
            number=item.number, failure=Failure(code="worker_lost", message=said, type="WorkerLost", retryable=True)
        )

    async def close(self) -> None:
        """End the actors; those that still work are ended too."""
        actors, self._actors = self._actors, []
        for actor in () if self._gone else actors:  # Ray would wait for a cluster that is gone.
            self._ray.kill(actor)


def _vanished(failure: BaseException) -> BatchEngineError:
    return BatchEngineError(f"The Ray cluster is gone, or failed: {_first_line(failure)}", hint=CONTINUE)


async def _result(reference: Any) -> Any:  # noqa: ANN401 (whatever Ray gives)
    return await reference


def _first_line(failure: BaseException) -> str:
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return f"{type(failure).__name__}: {lines[-1] if lines else ''}"
