"""What ``backbay batch run --vendor-batch`` and ``backbay batch cancel`` do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.terminal import say

from .command_line import watched
from .progress import View
from .summary import Control, Summary
from .vendor import run as run_batch
from .vendor_setup import VendorBatch
from .vendor_setup import cancel as cancel_batches


def run(batch: VendorBatch, *, quiet: bool, in_json: bool) -> int:
    """Run a batch; return the exit code."""

    def interrupted(shown: View, control: Control) -> None:
        if not control.stopping:
            shown.tell("Leaving the vendor's batches as they are.")
            control.stop()

    def work(shown: View, control: Control) -> Coroutine[Any, Any, Summary]:
        return run_batch(batch, progress=shown.show, control=control, tell=shown.tell)

    return watched(work, interrupted, quiet=quiet, in_json=in_json)


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
