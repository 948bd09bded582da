"""The calls of this package: ``run_batch`` and ``run_batch_sync``."""

from __future__ import annotations

import os
from pathlib import Path

from backbay import Backend

from .engine import Engine
from .errors import BatchSetupError
from .rules import Rules
from .run import Report
from .running import Batch, run
from .setup import Files
from .summary import Control, Summary


async def run_batch(
    input: str | os.PathLike[str],  # noqa: A002 (what it is everywhere else)
    output: str | os.PathLike[str],
    *,
    backend: str | Backend,
    engine: str | Engine = "local",
    rules: Rules | None = None,
    unordered: bool = False,
    restart: bool = False,
    progress: Report | None = None,
    control: Control | None = None,
    **arguments: object,
) -> Summary:
    """Ask a backend for every line of a file, and write the results to another.

    The same call again goes on where it was ended, by whatever: what has a result is not asked for again, but for lines
    that failed in a way that may pass.

    Args:
        input: JSON lines in OpenAI's batch format, or Parquet.
        output: The results, as JSON lines, or as Parquet if the name ends so. The journal stands beside it.
        backend: ``"vendor:model"``, or ``"vendor"`` where each line names its model, or a backend, which stays open.
        engine: The name of an engine, or one.
        rules: What bounds the run; ``None`` for the defaults of ``Rules``.
        unordered: Write results as they come, and not in the input's order.
        restart: Forget what was done before.
        progress: Told five times a second how it stands.
        control: Stops the run from outside.
        arguments: Keyword arguments of ``connect``, where ``backend`` is a name.

    Raises:
        BatchSetupError: Nothing was sent: files, journal, engine or rules are wrong.
        BackbayError: ``connect`` refused; or the storage or the engine failed as a whole, and what was kept stays.
    """
    if isinstance(backend, Backend) and arguments:
        raise BatchSetupError(f"{', '.join(sorted(arguments))} goes with the name of a backend, and this is one.")
    files = Files(input=Path(input), output=Path(output), ordered=not unordered, restart=restart)
    batch = Batch(files=files, backend=backend, arguments=arguments, engine=engine, rules=rules or Rules())
    return await run(batch, progress=progress, control=control)


def run_batch_sync(
    input: str | os.PathLike[str],  # noqa: A002 (as above)
    output: str | os.PathLike[str],
    *,
    backend: str | Backend,
    engine: str | Engine = "local",
    rules: Rules | None = None,
    unordered: bool = False,
    restart: bool = False,
    progress: Report | None = None,
    **arguments: object,
) -> Summary:
    """As ``run_batch``, and blocks. ``progress`` is called on another thread. An interrupt (Ctrl-C) cancels it.

    Raises:
        LoopError: This is the thread of a running event loop.
        BackbayError: As ``run_batch`` raises.
    """
    from backbay.bridge import run as wait

    return wait(
        run_batch(
            input,
            output,
            backend=backend,
            engine=engine,
            rules=rules,
            unordered=unordered,
            restart=restart,
            progress=progress,
            control=None,
            **arguments,
        )
    )
