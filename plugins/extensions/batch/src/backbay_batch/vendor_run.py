"""A run that leaves its lines to the vendor: batches made, looked after until they end, and their results kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress

from backbay import (
    BackbayError,
    Backend,
    Batch,
    BatchResult,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    TruncatedError,
)
from backbay.batches import may_have_been_made

from .engine import Failure
from .errors import BatchEngineError
from .summary import Control, Progress
from .vendor_chunks import Chunk, Chunks, Stage, new_tag, numbers_of
from .vendor_lines import Bundle, Bundler
from .vendor_lost import find_lost
from .vendor_store import Store

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 5.0, 60.0, 1.5
"""Seconds between two looks at the vendor's: at first, at most; and by what they grow while nothing ends."""

_SOME = 256
_TRIES = 5
# How often results are read from the beginning whose reading breaks off.

Sleep = Callable[[float], Awaitable[None]]


class NotOurs(Exception):  # noqa: N818 (it is no error of anybody's)
    """A batch that was taken for a chunk's has other requests in it."""


class VendorRun:
    """One run.

    Args:
        backend: Whose batches.
        store: The batch's files.
        chunks: The vendor's batches that the journal knows of.
        control: Says when to stop.
        tell: Told what a person should know, a sentence each.
        show: Told how it stands.
        sleep: Waits; ``asyncio.sleep`` but in tests.
    """

    def __init__(
        self,
        backend: Backend,
        store: Store,
        chunks: Chunks,
        *,
        control: Control,
        tell: Callable[[str], None],
        show: Callable[[Progress], None],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._backend = backend
        self._store = store
        self._chunks = chunks
        self._control = control
        self._tell = tell
        self._show = show
        self._sleep = sleep
        self._tag = new_tag()
        self._seen: dict[str, Batch] = {}
        self._broken: dict[int, int] = {}
        self._stop = asyncio.Event()
        self._began = time.monotonic()
        control.listen(self._stop.set)

    async def run(self) -> None:
        """Run until every line has a result, or until told to stop.

        Raises:
            BackbayError: The vendor refused, or the storage failed; what was kept stays.
        """
        await find_lost(self._backend, self._chunks, self._tell)
        if self._chunks.open:
            self._report()
            await self._look()
        held = await self._hand_over()
        pause = FIRST_PAUSE
        while (self._chunks.open or held) and not self._control.stopping:
            self._report()
            await self._wait(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
            if self._control.stopping:
                break
            if await self._look():
                pause = FIRST_PAUSE
            if held or any(chunk.stage is Stage.SENT for chunk in self._chunks.open):
                await find_lost(self._backend, self._chunks, self._tell)
                held = await self._hand_over()
        self._report()

    async def _hand_over(self) -> bool:
        """Send what waits; return whether the vendor takes no more for now."""
        bundler = Bundler(self._backend, self._tag)
        for place, line in self._store.waiting():
            if self._control.stopping:
                return False
            if self._chunks.holds(place.number):
                continue
            found = bundler.add(place, line)
            if isinstance(found, Failure):
                self._store.keep([self._store.failed(place.number, place.custom_id, found)])
            elif found is not None and not await self._send(found):
                return True
        for bundle in bundler.rest():
            if self._control.stopping:
                return False
            if not await self._send(bundle):
                return True
        return False

    async def _send(self, bundle: Bundle) -> bool:
        """Have a batch made; return whether the vendor took it."""
        chunk = self._chunks.add(self._tag, bundle.numbers)
        # On the disk before the vendor hears of it: what the journal has forgotten would be paid for again.
        await asyncio.to_thread(self._store.sync)
        try:
            made = await asyncio.shield(self._create(chunk, bundle))
        except BackbayError as error:
            if may_have_been_made(error):
                raise BatchEngineError(
                    f"{error.message} It is not known whether the vendor has made a batch of {chunk.count:,} lines.",
                    hint="Run the same command again in a minute: it looks for that batch before it makes another.",
                ) from error
            self._chunks.done(chunk)
            for_now = isinstance(error, RateLimitError | OverloadedError) and error.retryable
            if for_now and self._chunks.open:
                self._tell(f"The vendor takes no more for now: {error.message}")
                return False
            raise
        self._tell(f"The vendor has {len(bundle.requests):,} lines as its batch {made.id}.")
        return True

    async def _create(self, chunk: Chunk, bundle: Bundle) -> Batch:
        made = await self._backend.create_batch(bundle.requests, label=chunk.label)
        self._chunks.made(chunk, made.id)
        self._seen[made.id] = made
        return made

    async def _look(self) -> bool:
        """Ask how each batch stands, and keep what has ended; return whether one has."""
        ended = False
        for chunk in self._chunks.open:
            if chunk.stage is not Stage.MADE or self._control.stopping:
                continue
            assert chunk.id is not None
            try:
                batch = await self._backend.get_batch(chunk.id)
            except NotFoundError as error:
                self._give_up(chunk, "batch_gone", f"The vendor knows its batch {chunk.id} no more: {error.message}")
                ended = True
                continue
            except BackbayError as error:
                if not error.retryable:
                    raise
                continue  # The next look may work.
            self._seen[chunk.id] = batch
            if batch.ended:
                ended = await self._collect(chunk, batch) or ended
        return ended

    async def _collect(self, chunk: Chunk, batch: Batch) -> bool:
        """Keep the results of a batch that has ended; return whether the chunk is done with."""
        try:
            await self._read(chunk, batch)
        except NotOurs:
            self._chunks.not_ours(chunk)
            return False
        except BackbayError as error:
            tries = self._broken[chunk.number] = self._broken.get(chunk.number, 0) + 1
            if error.retryable and tries < _TRIES:
                return False
            if not isinstance(error, TruncatedError):
                raise
        said = batch.error or f"The vendor's batch {batch.id} is {batch.raw_status}, and has no result of this line."
        self._give_up(chunk, f"batch_{batch.status}" if batch.status != "completed" else "no_result", said)
        return True

    async def _read(self, chunk: Chunk, batch: Batch) -> None:
        some: list[tuple[int, BatchResult]] = []
        ours = False
        async with aclosing(self._backend.batch_results(batch)) as results:
            try:
                async for result in results:
                    number = chunk.number_of(result.custom_id)
                    if number is None and not ours:
                        raise NotOurs
                    ours = True
                    if number is not None:
                        some.append((number, result))
                    if len(some) >= _SOME:
                        self._keep(some, batch)
                        some = []
                        await asyncio.sleep(0)  # A vendor that is fast must not keep others waiting.
            finally:
                # What came before the reading broke off, too.
                self._keep(some, batch)

    def _keep(self, some: Sequence[tuple[int, BatchResult]], batch: Batch) -> None:
        # What a reading that broke off has kept already is not kept twice.
        ids = self._store.unanswered([number for number, _ in some])
        model = batch.model or self._backend.model
        self._store.keep(
            [self._store.answered(number, ids[number], result, model) for number, result in some if number in ids]
        )

    def _give_up(self, chunk: Chunk, code: str, said: str) -> None:
        """Note the lines of a chunk that have no result; the next run asks for them again."""
        failure = Failure(code=code, message=said, type="BatchEngineError", retryable=True)
        for numbers in numbers_of(chunk):
            ids = self._store.unanswered(numbers)
            self._store.keep([self._store.failed(number, ids[number], failure) for number in sorted(ids)])
        self._chunks.done(chunk)

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than until the run is to stop."""
        tasks = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._stop.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _report(self) -> None:
        totals, waiting = self._store.totals(), self._chunks.open
        # What the vendor has answered, and nobody has fetched, is answered.
        there = sum(self._done(chunk) for chunk in waiting)
        seconds = time.monotonic() - self._began
        self._show(
            Progress(
                lines=totals.lines,
                answered=totals.answered + there,
                failed=totals.failed + totals.bad,
                under_way=sum(chunk.count for chunk in waiting) - there,
                tokens=totals.input + totals.output,
                cost=totals.cost or None,
                seconds=seconds,
                rate=self._store.kept / seconds if seconds > 0 else 0.0,
            )
        )

    def _done(self, chunk: Chunk) -> int:
        batch = self._seen.get(chunk.id or "")
        return min((batch.completed or 0) + (batch.failed or 0), chunk.count) if batch is not None else 0
