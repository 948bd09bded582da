"""How a run is shown: a bar where a person looks, a line now and then where nobody does, or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from backbay_cli.terminal import has_style, say

from .summary import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_LINE_EVERY = 10.0
# Seconds.


class View:
    """Shows nothing; the others show something."""

    def show(self, progress: Progress) -> None:
        """Show how the run stands."""

    def tell(self, text: str) -> None:
        """Say something once."""


class Lines(View):
    """A line on standard error now and then, and one at the end."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()
        self._last: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Say it, if that was long ago."""
        self._last = progress
        if time.monotonic() - self._said_at >= _LINE_EVERY:
            self._said_at = time.monotonic()
            say(in_words(progress))

    def tell(self, text: str) -> None:
        """Say it."""
        say(text)

    def finish(self) -> None:
        """Say how it stood at the end."""
        if self._last is not None and not self._last.reading:
            say(in_words(self._last))


class Bar(View):
    """A bar on a terminal.

    Args:
        bars: rich's.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, facts="")

    def show(self, progress: Progress) -> None:
        """Move the bar."""
        total = None if progress.reading else progress.lines
        done = progress.answered + progress.failed
        self._bars.update(self._task, total=total, completed=done, facts=facts(progress))

    def tell(self, text: str) -> None:
        """Say it above the bar."""
        self._bars.console.print(text, markup=False, highlight=False)


def facts(progress: Progress) -> str:
    """Return what stands beside the bar."""
    if progress.reading:
        return f"reading the input: {progress.lines:,} lines"
    done = progress.answered + progress.failed
    parts = [f"{done:,}/{progress.lines:,}"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    parts.append(f"{progress.rate:,.1f}/s" if progress.rate < 100 else f"{progress.rate:,.0f}/s")
    parts.append(f"{short(progress.tokens)} tokens")
    if progress.cost is not None:
        parts.append(f"${progress.cost:,.4f}" if progress.cost < 1 else f"${progress.cost:,.2f}")
    if done < progress.lines or progress.under_way:
        parts.append(_waiting(progress))
    if progress.left is not None and progress.left > 0:
        parts.append(f"{clock(progress.left)} left")
    return " · ".join(parts)


def _waiting(progress: Progress) -> str:
    """Return what is waited for. Without a window there are no calls: the vendor works through batches of its own."""
    if progress.paused:
        return f"paused {progress.paused:.0f} s"
    if not progress.window:
        return f"{progress.under_way:,} at the vendor"
    return f"{progress.under_way}/{progress.window} calls"


def in_words(progress: Progress) -> str:
    """Return a line for a log."""
    return facts(progress).replace(" · ", ", ")


def short(number: int) -> str:
    """Return a number in a few characters: 950, 12.3k, 4.6M."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)


def clock(seconds: float) -> str:
    """Return a time as ``m:ss`` or ``h:mm:ss``; days before it, if there are any."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    said = f"{hours}:{minutes:02}:{left:02}" if hours or days else f"{minutes}:{left:02}"
    return f"{days} d {said}" if days else said


def count(number: int, thing: str) -> str:
    """Return ``number`` things: ``1 line``, ``2 lines``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


@contextmanager
def view(stream: TextIO, *, quiet: bool) -> Iterator[View]:
    """Give what shows a run on a stream."""
    if quiet:
        yield View()
        return
    if not has_style(stream):
        lines = Lines()
        yield lines
        lines.finish()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(bar_width=None), TaskProgressColumn(), TextColumn("{task.fields[facts]}", markup=False))
    console = Console(file=stream, stderr=True)
    with Bars(*columns, console=console, transient=True, expand=True, refresh_per_second=5) as bars:
        yield Bar(bars)
