"""Opens a batch in a thread, so that nothing else waits; and closes it where nobody waits for it any more."""

from __future__ import annotations

import asyncio

from .run import Report
from .setup import Files, Opened, open_batch
from .summary import Control, Progress


async def open_aside(files: Files, settings: str, *, show: Report | None, control: Control) -> Opened | None:
    """Open the files in a thread; ``None`` if the run was told to stop while the input was read.

    One that is cancelled meanwhile ends soon, and leaves nothing open.

    Args:
        files: The files.
        settings: What ``settings_of`` returned.
        show: Told how many lines were read so far; ``None`` if nobody is.
        control: Says whether to stop.

    Raises:
        BackbayError: As ``open_batch`` raises.
    """
    loop = asyncio.get_running_loop()
    cancelled: list[bool] = []

    def seen(count: int) -> None:
        if show is not None:
            loop.call_soon_threadsafe(show, Progress(lines=count, reading=True))

    def stopped() -> bool:
        return control.stopping or bool(cancelled)

    task = asyncio.ensure_future(asyncio.to_thread(open_batch, files, settings, seen=seen, stopped=stopped))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        cancelled.append(True)
        task.add_done_callback(_close)
        await asyncio.wait([task])
        raise


def _close(task: asyncio.Future[Opened | None]) -> None:
    if task.exception() is None and (opened := task.result()) is not None:
        opened.close()
