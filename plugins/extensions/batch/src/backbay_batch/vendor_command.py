"""What ``backbay batch run --vendor-batch`` and ``backbay batch cancel`` do."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import asdict

from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.terminal import say

from .command_line import exit_code, show_summary
from .progress import View, view
from .summary import Control, Summary
from .vendor import run as run_batch
from .vendor_setup import VendorBatch
from .vendor_setup import cancel as cancel_batches


def run(batch: VendorBatch, *, quiet: bool, in_json: bool) -> int:
    """Run a batch; return the exit code."""
    with view(sys.stderr, quiet=quiet) as shown:
        summary = asyncio.run(_run(batch, shown))
    if in_json:
        print_json({**asdict(summary), "ok": summary.ok, "exit_code": exit_code(summary)})
    elif not quiet:
        show_summary(summary)
    return exit_code(summary)


def cancel(batch: VendorBatch, *, in_json: bool) -> int:
    """Cancel what a run left to the vendor; return the exit code."""
    found = asyncio.run(cancel_batches(batch))
    if in_json:
        print_json([{"id": each.id, "status": str(each.status), "raw_status": each.raw_status} for each in found])
    elif not found:
        say("Nothing is open at the vendor.")
    else:
        for each in found:
            say(f"{each.id}: {each.raw_status}")
    return exits.OK


async def _run(batch: VendorBatch, shown: View) -> Summary:
    control, loop = Control(), asyncio.get_running_loop()

    def interrupted() -> None:
        if not control.stopping:
            shown.tell("Leaving the vendor's batches as they are.")
            control.stop()

    signals = [signal.SIGINT, signal.SIGTERM]
    # On Windows a loop has no signals, and Ctrl-C cancels at once; the vendor goes on there too.
    with suppress(NotImplementedError):
        for each in signals:
            loop.add_signal_handler(each, interrupted)
    try:
        return await run_batch(batch, progress=shown.show, control=control, tell=shown.tell)
    finally:
        with suppress(NotImplementedError):
            for each in signals:
                loop.remove_signal_handler(each)
