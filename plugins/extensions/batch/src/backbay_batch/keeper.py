"""The disk while a batch runs: lines read ahead, results kept, the output continued.

Reads and commits are short (a few hundred microseconds; nothing waits for the disk itself) and happen on the loop's own
thread: to hand each to another thread would take longer, and a call counts as under way until its result is kept. What
does wait for the disk is done by a thread of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from backbay import BackbayError

from .engine import Item
from .journal import Journal
from .outputs import Output
from .rows import Place, Result, Totals
from .sources import Source

PAGE = 256
"""Lines that are read ahead, at most."""

_PAGE_BYTES = 8 * 1024 * 1024
_OUTPUT_EVERY, _SYNC_EVERY = 0.1, 2.0
# Seconds.


class Keeper:
    """Reads and keeps. To be used on one loop.

    Args:
        source: The input.
        journal: Its journal.
        output: Where results go.

    Attributes:
        complete: Always true: an input grows no more.
    """

    complete = True

    def __init__(self, source: Source, journal: Journal, output: Output) -> None:
        self._source = source
        self._journal = journal
        self._output = output
        self._unwritten: list[Result] = []
        self._written_at = self._synced_at = time.monotonic()
        self._syncing: asyncio.Task[None] | None = None
        self._failure: BackbayError | None = None

    def page(self, after: int) -> list[tuple[Place, Item]]:
        """Return the next lines to ask for, after one; an empty list at the end.

        Raises:
            ChangedBatchError: The input was changed.
        """
        places: list[Place] = []
        size = 0
        for place in self._journal.waiting(after, PAGE):
            size += place.length
            if places and size > _PAGE_BYTES:
                break
            places.append(place)
        lines = self._source.read(places)
        return [(place, Item(place.number, line)) for place, line in zip(places, lines, strict=True)]

    def commit(self, results: Sequence[Result]) -> None:
        """Note results in the journal, and go on with the output.

        Raises:
            BatchStorageError: One of the two cannot be written.
        """
        if self._failure is not None:
            raise self._failure
        self._journal.add_results(results)
        self._unwritten.extend(results)
        now = time.monotonic()
        if now - self._written_at >= _OUTPUT_EVERY:
            self._written_at = now
            self._write()
        if now - self._synced_at >= _SYNC_EVERY and self._syncing is None:
            self._synced_at = now
            self._syncing = asyncio.get_running_loop().create_task(self._sync())

    def totals(self) -> Totals:
        """Return the journal's counts."""
        return self._journal.totals()

    async def finish(self) -> None:
        """Write what is left. Errors as ``commit``."""
        await self._synced()
        await asyncio.to_thread(self._finish)

    async def aclose(self) -> None:
        """Close everything, whatever is left."""
        await self._synced()
        self._output.close()
        self._source.close()
        self._journal.close()

    async def _sync(self) -> None:
        """See to it that what was written survives the machine; a failure is the next commit's."""
        try:
            await asyncio.to_thread(self._output.sync)
            await asyncio.to_thread(self._journal.sync)
        except BackbayError as failure:
            self._failure = failure
        finally:
            self._syncing = None

    async def _synced(self) -> None:
        if self._syncing is not None:
            await asyncio.wait([self._syncing])

    def _write(self) -> None:
        written, self._unwritten = self._unwritten, []
        self._output.add(self._journal, written)

    def _finish(self) -> None:
        self._write()
        self._output.finish(self._journal)
        self._journal.checkpoint()
