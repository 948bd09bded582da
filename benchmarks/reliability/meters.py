"""Meters: of a process's memory and descriptors, of a loop's lag, of an iterable's spread."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

MIB = 2**20


def rss() -> int:
    """Return the bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_rss() -> int:
    """Return the most bytes that were in memory since the process began, or since ``forget_peak``.

    Not ``ru_maxrss``, in which a process also has what its parent had.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) * 1024


def forget_peak() -> None:
    """Let ``peak_rss`` begin anew, at what is in memory now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def descriptors() -> int:
    """Return how many descriptors are open, without the one that counts them."""
    return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 (names are enough)


def quantile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that ``part`` of them do not pass; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0.0


class Lag:
    """How late a loop was, in seconds, each time that somebody wanted it within 10 ms."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            self.seen.append(max(0.0, loop.time() - due))


@asynccontextmanager
async def lag() -> AsyncIterator[Lag]:
    """Watch the running loop, for as long as this lasts."""
    meter = Lag()
    task = asyncio.create_task(meter._look())  # noqa: SLF001 (of this file)
    try:
        yield meter
    finally:
        task.cancel()


class Stopwatch:
    """Seconds of the clock, and of the processor, since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._wall

    @property
    def cpu(self) -> float:
        return time.process_time() - self._cpu
