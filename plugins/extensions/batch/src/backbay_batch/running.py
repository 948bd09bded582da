"""A batch from its command to its summary: files opened, a run, a report now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from backbay import BackbayError, Backend, Limits
from backbay.limits import NO_LIMITS

from .engine import Engine, Target, find_engine
from .errors import BatchStorageError
from .keeper import Keeper
from .opening import open_aside
from .prices import known_price
from .rows import Totals
from .rules import Rules
from .run import Report, Run
from .setup import Files, settings_of
from .summary import Control, Summary, summary_of

LIMITS = Limits(total=600.0)
"""Limits of each call where none are given: a call that nobody answers must not hold up a batch for ever."""

_REPORT_EVERY = 0.2
# Seconds.


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All that a run is told.

    Attributes:
        files: The files.
        backend: Whom to ask.
        arguments: Keyword arguments of ``connect``.
        key_variable: As in ``Target``.
        engine: The engine, or its name.
        rules: What bounds the run.
    """

    files: Files
    backend: str | Backend
    arguments: Mapping[str, object]
    key_variable: str | None = None
    engine: str | Engine = "local"
    rules: Rules = field(default_factory=Rules)

    @property
    def model(self) -> str | None:
        """The model that all lines are asked of; ``None`` if each names its own."""
        if isinstance(self.backend, Backend):
            return self.backend.model
        from backbay.selection import split

        return split(self.backend)[1]

    async def target(self) -> tuple[Target, Rules]:
        """Return whom to ask, and the rules, with a price where one is known.

        Raises:
            BackbayError: Nobody of that name is there, or the set-up cannot work.
        """
        arguments = dict(self.arguments)
        if arguments.get("limits") in (None, NO_LIMITS):
            arguments["limits"] = LIMITS
        found = Target(
            backend=self.backend,
            arguments=arguments,
            key_variable=self.key_variable,
            concurrency=self.rules.concurrency,
        )
        # Raises now, before there are any files, what would be wrong for each line.
        async with found.connected() as backend:
            price = self.rules.price or known_price(backend)
        return found, replace(self.rules, price=price)


async def run(batch: Batch, *, progress: Report | None = None, control: Control | None = None) -> Summary:
    """Run a batch; arguments and errors as in ``run_batch``."""
    control = control or Control()
    began = time.monotonic()
    engine = find_engine(batch.engine) if isinstance(batch.engine, str) else batch.engine
    target, rules = await batch.target()
    settings = settings_of(batch.backend, batch.arguments)
    opened = await open_aside(batch.files, settings, show=progress, control=control)
    if opened is None:
        why = "It was interrupted while the input was read for the first time; nothing was asked for."
        return summary_of(batch.files, Totals(), began, stopped="interrupted", reason=why)
    keeper = Keeper(opened.source, opened.journal, opened.output)
    try:
        before = keeper.totals()
        running = Run(opened, keeper, engine, target, rules=rules, before=before, model=batch.model, control=control)
        await _run_and_report(running, keeper, progress)
        after = keeper.totals()
    finally:
        await asyncio.shield(keeper.aclose())
    return summary_of(
        batch.files,
        after,
        began,
        asked=running.asked,
        cost=running.cost,
        stopped=running.stopped if after.waiting else None,
        reason=running.reason,
    )


async def _run_and_report(running: Run, keeper: Keeper, progress: Report | None) -> None:
    reporter = asyncio.create_task(_report(running, progress))
    try:
        await running.run()
    except BatchStorageError:
        # What can still be written is; why something cannot is known.
        with suppress(BackbayError):
            await keeper.finish()
        raise
    except BaseException:
        await asyncio.shield(keeper.finish())
        raise
    else:
        await keeper.finish()
    finally:
        reporter.cancel()
        with suppress(asyncio.CancelledError):
            await reporter
        if progress is not None:
            progress(running.progress())


async def _report(running: Run, progress: Report | None) -> None:
    while progress is not None:
        progress(running.progress())
        await asyncio.sleep(_REPORT_EVERY)
