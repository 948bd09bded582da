"""Watches upstreams: asks those that fail again, with growing pauses, and the quiet ones now and then."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable

from .logs import Log
from .snapshot import Snapshot
from .upstreams import Upstream

FIRST_PAUSE = 1.0
"""Seconds before an upstream that failed is asked again; doubled each time, up to ``health_interval``."""

FIRST_CHECK = (0.1, 1.0)
"""Seconds between which the first check of an upstream falls, after the start."""

_TICK = 0.5


class HealthChecks:
    """The health checks of one worker.

    Args:
        snapshot: Gives the configuration in force.
        log: Where changes are told.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], log: Log) -> None:
        self._snapshot = snapshot
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._checks: dict[Upstream, asyncio.Task[None]] = {}
        # When each is asked next, and the pause after that, by upstream.
        self._next: dict[Upstream, tuple[float, float]] = {}

    def start(self) -> None:
        """Begin; on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End."""
        tasks = [*([self._task] if self._task is not None else []), *self._checks.values()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            snapshot = self._snapshot()
            now = time.monotonic()
            current = set(snapshot.upstreams.values())
            self._next = {upstream: when for upstream, when in self._next.items() if upstream in current}
            for upstream in current:
                if upstream not in self._checks and self._is_due(
                    upstream, snapshot.config.routing.health_interval, now
                ):
                    self._checks[upstream] = asyncio.get_running_loop().create_task(self._check(upstream))
            await asyncio.sleep(_TICK)

    def _is_due(self, upstream: Upstream, interval: float, now: float) -> bool:
        if upstream not in self._next:
            # Not all at once at the start, and not before the first requests.
            self._next[upstream] = (now + random.uniform(*FIRST_CHECK), FIRST_PAUSE)  # noqa: S311 (no secret)
            return False
        due, _ = self._next[upstream]
        failing = upstream.reachable is False or upstream.breaker.state != "closed"
        if failing and due > now + interval / 2:
            self._next[upstream] = (now + FIRST_PAUSE, FIRST_PAUSE)
            return False
        if not failing and upstream.last_used and now - upstream.last_used < interval:
            return False
        return now >= due

    async def _check(self, upstream: Upstream) -> None:
        before = upstream.reachable
        try:
            well = await upstream.check()
        except Exception as failure:  # noqa: BLE001 (a check that cannot be made says that it is not well)
            self._log.say("warning", "health_check", upstream=upstream.name, error=type(failure).__name__)
            well = False
        finally:
            self._checks.pop(upstream, None)
        interval = self._snapshot().config.routing.health_interval
        pause = self._next.get(upstream, (0.0, FIRST_PAUSE))[1]
        wait = interval if well else pause
        self._next[upstream] = (time.monotonic() + wait, FIRST_PAUSE if well else min(pause * 2, interval))
        if before is not None and before != well:
            self._log.say("info" if well else "warning", "upstream", upstream=upstream.name, reachable=well)
