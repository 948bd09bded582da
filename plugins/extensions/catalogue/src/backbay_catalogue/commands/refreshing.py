"""Several providers refreshed: their lists are asked for at once, and written one after another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from backbay import BackbayError
from backbay_cli import exits
from backbay_cli.errors import as_document, exit_code
from backbay_cli.safe_text import one_line
from backbay_cli.terminal import has_style

from ..catalogue import Catalogue
from ..facts import now
from ..listing import Refreshed

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one provider's refresh came out: one of the two.

    Attributes:
        name: The provider.
        refreshed: What was written.
        error: Why nothing was.
    """

    name: str
    refreshed: Refreshed | None = None
    error: BackbayError | None = None

    @property
    def exit_code(self) -> int:
        """The exit code for this one."""
        return exits.OK if self.error is None else exit_code(self.error)

    def words(self) -> str:
        """Return it in words."""
        if self.error is not None:
            return f"failed, nothing was changed: {self.error}"
        assert self.refreshed is not None
        if self.refreshed.superseded:
            return "a newer list was there already"
        return f"ok, {self.refreshed.left_out:,} could not be kept" if self.refreshed.left_out else "ok"

    def document(self) -> dict[str, object]:
        """Return it as JSON has it."""
        done = None if self.refreshed is None else asdict(self.refreshed)
        return {
            "provider": self.name,
            "refreshed": done,
            "error": None if self.error is None else as_document(self.error),
        }


def refresh_all(catalogue: Catalogue, names: Sequence[str], *, seconds: float, quiet: bool) -> list[Outcome]:
    """Refresh providers; return how each came out, in the order of ``names``.

    Args:
        catalogue: Where they are saved.
        names: The providers.
        seconds: How long each may take to list its models.
        quiet: Show no progress.
    """
    with _bars(quiet=quiet) as progress:
        return asyncio.run(_all(catalogue, names, seconds, progress))


async def _all(catalogue: Catalogue, names: Sequence[str], seconds: float, progress: Progress | None) -> list[Outcome]:
    gate, writing = asyncio.Semaphore(_AT_ONCE), asyncio.Lock()

    async def one(name: str) -> Outcome:
        async with gate:
            task = None if progress is None else progress.add_task(one_line(name), total=None)
            try:
                provider = await asyncio.to_thread(catalogue.provider, name)
                begun = now()
                found = await Catalogue.list_of(provider, limits={"total": seconds})
                async with writing:
                    show = _shower(progress, task, len(found))
                    done = await asyncio.to_thread(catalogue.write, name, found, begun=begun, progress=show)
            except BackbayError as error:
                return Outcome(name=name, error=error)
            finally:
                if progress is not None and task is not None:
                    progress.update(task, total=1, completed=1)
            return Outcome(name=name, refreshed=done)

    return list(await asyncio.gather(*map(one, names)))


def _shower(progress: Progress | None, task: TaskID | None, total: int) -> Callable[[int], None] | None:
    """Return what shows how many of ``total`` models were written."""
    if progress is None or task is None:
        return None
    return lambda count: progress.update(task, total=total, completed=count)


@contextmanager
def _bars(*, quiet: bool) -> Iterator[Progress | None]:
    """Show bars on standard error, where a person looks at it."""
    if quiet or not has_style(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        yield progress
