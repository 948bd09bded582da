"""The engine: actors on Ray that each hold a backend, and items given to them as soon as they may be asked for.

Ray's actors, and not a dataset of Ray Data: which item may be asked for when depends on how the ones before it came out
(a limit that the vendor named, a budget), and a dataset hears nothing of that. The files, the journal, the pace and the
budget stay with the driver, so they hold over all workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from backbay import BackbayError
from backbay_batch import BatchEngineError, BatchSetupError
from backbay_batch.engine import Call, Failure, Item, Outcome, Target
from backbay_batch.pump import pump

from .cluster import cluster, workers
from .lanes import Lane, LostError, first_line
from .workers import Worker

if TYPE_CHECKING:
    from types import ModuleType

READY_LIMIT = 120.0
"""Seconds for the actors to be there, on machines that may have to be started first."""

LOST = 5
"""How often one item is given to another worker, when workers die with it, before it counts as failed."""

_CALLS = 64
# Calls of one actor at a time, which are no items: one waits for outcomes, one brings items, others drop some.


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
                # What is raised here is the cluster's end, which no other call outlives.
                async with aclosing(pump(items, pool.ask, target.concurrency, ends_at_once=True)) as found:
                    async for outcome in found:
                        yield outcome
            finally:
                await pool.close()


class _Pool:
    """The actors. One that dies is made again by Ray; what it had is given to whichever is next."""

    def __init__(self, ray: ModuleType, target: Target) -> None:
        self._ray = ray
        address: str = ray.get_runtime_context().gcs_address
        made = ray.remote(Worker).options(max_restarts=-1, max_concurrency=_CALLS)
        count = workers(ray, target.concurrency)
        self._lanes = [Lane(ray, made.remote(target), address) for _ in range(count)]
        self._next = 0

    async def wait(self) -> None:
        """Return once every actor has its backend."""
        try:
            async with asyncio.timeout(READY_LIMIT):
                await asyncio.gather(*(lane.start() for lane in self._lanes))
        except TimeoutError:
            raise BatchEngineError(
                f"The cluster had no room for {len(self._lanes)} workers within {READY_LIMIT:g} s.",
                hint="BACKBAY_RAY_WORKERS=1 asks for fewer.",
            ) from None
        except self._ray.exceptions.RayError as failure:
            cause = getattr(failure, "cause", None) or failure.__cause__
            told = cause if isinstance(cause, BackbayError) else failure
            raise BatchEngineError(
                f"A worker cannot connect to the backend: {first_line(told)}",
                hint="Each machine needs the plugin, and the key in its own environment.",
            ) from failure

    async def ask(self, item: Item) -> Outcome:
        """Ask for an item, of another worker where one dies."""
        if item.call is not None and (reason := self._stays(item.call)) is not None:
            said = f"The call cannot travel to a worker: {reason}"
            return Outcome(
                number=item.number, failure=Failure(code="cannot_travel", message=said, type="PicklingError")
            )
        for _ in range(LOST):
            self._next = (self._next + 1) % len(self._lanes)
            with suppress(LostError):
                return await self._lanes[self._next].ask(item)
        said = f"{LOST} workers died while they asked for it."
        return Outcome(
            number=item.number, failure=Failure(code="worker_lost", message=said, type="WorkerLost", retryable=True)
        )

    def _stays(self, call: Call) -> str | None:
        """Return why a call cannot be pickled; ``None`` if it can. Lines always can."""
        try:
            self._ray.cloudpickle.dumps(call)
        except Exception as failure:  # noqa: BLE001 (whatever an option holds may raise anything)
            return first_line(failure)
        return None

    async def close(self) -> None:
        """End the actors; those that still work are ended too."""
        gone = any(lane.gone for lane in self._lanes)
        for lane in self._lanes:
            lane.gone = gone
            await lane.close()
