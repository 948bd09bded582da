"""The engine that is built in: all calls in this process, on the running loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

from .asking import ask
from .engine import Item, Outcome, Target
from .pump import pump


class LocalEngine:
    """As many tasks as calls may be under way, each with one call at a time."""

    async def run(self, items: AsyncIterator[Item], target: Target) -> AsyncIterator[Outcome]:
        """Ask for each item; as ``Engine.run``."""
        async with (
            target.connected() as backend,
            aclosing(pump(items, partial(ask, backend), target.concurrency)) as found,
        ):
            async for outcome in found:
                yield outcome
