"""The calls of this package that leave a file's lines to the vendor's own batches."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backbay import Backend

from .budget import Price
from .errors import BatchSetupError
from .opening import open_aside
from .rows import Totals
from .run import Report
from .setup import Files
from .summary import Control, Progress, Summary, summary_of
from .vendor_chunks import Chunk, Chunks
from .vendor_run import Sleep, VendorRun
from .vendor_setup import VendorBatch
from .vendor_store import Store

GOES_ON = "The vendor goes on with it. The same command fetches the results; `backbay batch cancel` ends it."


async def run_vendor_batch(
    input: str | os.PathLike[str],  # noqa: A002 (as in run_batch)
    output: str | os.PathLike[str],
    *,
    backend: str | Backend,
    price: Price | None = None,
    unordered: bool = False,
    restart: bool = False,
    progress: Report | None = None,
    control: Control | None = None,
    **arguments: object,
) -> Summary:
    """Leave every line of a file to the vendor's own batches, wait for them, and write the results to another.

    The same call again goes on where it was ended, by whatever: no line is handed over twice. A ``control`` that stops
    the run leaves the vendor's batches as they are.

    Args:
        input: As in ``run_batch``; chat completions only.
        output: As in ``run_batch``.
        backend: As in ``run_batch``: one that declares ``batches``.
        price: What tokens of batches cost; ``None`` if that is not known.
        unordered: As in ``run_batch``.
        restart: Forget what was done before, the vendor's batches too, which go on and are billed.
        progress: Told how it stands, as often as the vendor is asked.
        control: Stops the run from outside.
        arguments: As in ``run_batch``.

    Raises:
        BatchSetupError: Nothing was sent: the files, the journal or the backend are wrong.
        BatchEngineError: It is not known whether the vendor has made a batch; the next run finds out.
        BackbayError: The vendor refused, or the storage failed; what was kept stays.
    """
    if isinstance(backend, Backend) and arguments:
        raise BatchSetupError(f"{', '.join(sorted(arguments))} goes with the name of a backend, and this is one.")
    files = Files(input=Path(input), output=Path(output), ordered=not unordered, restart=restart)
    batch = VendorBatch(files=files, backend=backend, arguments=arguments, price=price)
    return await run(batch, progress=progress, control=control)


def run_vendor_batch_sync(
    input: str | os.PathLike[str],  # noqa: A002 (as above)
    output: str | os.PathLike[str],
    *,
    backend: str | Backend,
    price: Price | None = None,
    unordered: bool = False,
    restart: bool = False,
    progress: Report | None = None,
    **arguments: object,
) -> Summary:
    """As ``run_vendor_batch``, and blocks. An interrupt (Ctrl-C) cancels it, and the vendor goes on.

    Raises:
        LoopError: This is the thread of a running event loop.
        BackbayError: As ``run_vendor_batch`` raises.
    """
    from backbay.bridge import run as wait

    return wait(
        run_vendor_batch(
            input,
            output,
            backend=backend,
            price=price,
            unordered=unordered,
            restart=restart,
            progress=progress,
            control=None,
            **arguments,
        )
    )


async def run(
    batch: VendorBatch,
    *,
    progress: Report | None = None,
    control: Control | None = None,
    tell: Callable[[str], None] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Summary:
    """Run a batch; errors as in ``run_vendor_batch``. ``tell`` gets sentences for people, ``sleep`` waits."""
    control = control or Control()
    began = time.monotonic()
    show = progress or _nobody
    async with batch.connected() as backend:
        opened = await open_aside(batch.files, batch.settings, show=progress, control=control)
        if opened is None:
            why = "It was interrupted while the input was read for the first time; nothing was sent."
            return summary_of(batch.files, Totals(), began, stopped="interrupted", reason=why)
        store = Store(opened, batch.price)
        try:
            chunks = Chunks(opened.journal)
            running = VendorRun(backend, store, chunks, control=control, tell=tell or _nothing, show=show, sleep=sleep)
            try:
                await running.run()
            finally:
                store.finish()
            return _summary(batch, store, chunks, began)
        finally:
            store.close()


def _summary(batch: VendorBatch, store: Store, chunks: Chunks, began: float) -> Summary:
    found = store.totals()
    return summary_of(
        batch.files,
        found,
        began,
        asked=store.kept,
        cost=None if batch.price is None else found.cost,
        stopped="interrupted" if found.waiting else None,
        reason=_why(chunks.open) if found.waiting else None,
    )


def _why(left: Sequence[Chunk]) -> str:
    ids = ", ".join(chunk.id for chunk in left[:5] if chunk.id is not None)
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    return f"It was interrupted; open at the vendor: {ids or 'nothing'}{more}. {GOES_ON}"


def _nobody(progress: Progress) -> None:
    del progress


def _nothing(said: str) -> None:
    del said
