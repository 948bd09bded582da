"""G10: a thousand streams at once, and what faults in some do to the others.

Each stream has eleven events in a second. Then a thousand of which 5 % each have one of twelve faults, by chance, on
the same server: 400 are healthy, and as many must come whole. There are no retries, so that each request is one answer.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence

from fault_rig import words
from fault_rig.plan import Answer, Repeat, Sleep, Step

from ..clients import Client, Settings
from ..clients.face import read
from ..dialects import Dialect, begun
from ..figures import Effort, Figure, all_of, at_most, note
from ..meters import MIB, forget_peak, lag, peak_rss, quantile
from ..servers import Door, Rig

STREAMS = 1_000
PIECES, PAUSE = 10, 0.1
TEXT = "Hello" + " world" * PIECES


def healthy(dialect: Dialect) -> list[Step]:
    """Return a stream of eleven events in a second."""
    piece = words.chunk(dialect.text(" world"))
    return [begun(dialect, "Hello"), Repeat(piece, PIECES, PAUSE), words.chunk(dialect.closing()) + words.LAST]


def faults(dialect: Dialect) -> dict[str, list[Step]]:
    """Return twelve faults."""
    hello = begun(dialect, "Hello")
    busy = words.sized(words.failed(), status="503 Busy")
    limited = words.sized(words.failed(), "retry-after: 1", status="429 Too Many Requests")
    return {
        "closed before the head": ["close"],
        "reset before the head": ["reset"],
        "reset after the head": [begun(dialect)[:60], Sleep(0.05), "reset"],
        "cut": [hello + words.LAST],
        "closed within a chunk": [hello + b"400\r\ndata: {", "close"],
        "reset in mid-stream": [hello, Sleep(0.2), "reset"],
        "503": [busy],
        "429": [limited],
        "a page": [words.sized(b"<html>" + b"x" * 5000, kind="text/html")],
        "an error in mid-stream": [hello + words.chunk(dialect.failure()) + words.LAST],
        "no HTTP": [b"\x16\x03\x01 garbage\r\n\r\n", "close"],
        "a stall": [hello, Sleep(30.0), "close"],
    }


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    dialect = client.dialects[0]
    count = effort.count(STREAMS, 40)
    with Rig() as rig:
        plain = _run(client, rig, [Answer(healthy(dialect))], count, 30.0)
        bad = [Answer(steps) for steps in faults(dialect).values()]
        each = max(1, count // 20)
        well = count - len(bad) * each
        answers = [*bad * each, *[Answer(healthy(dialect))] * well]
        random.Random(10).shuffle(answers)
        mixed = _run(client, rig, answers, count, 6.0)
    return [
        all_of("streams at once that came whole", plain.ends["whole"], count, ends=dict(plain.ends)),
        at_most("time for all of them", 5.0, round(plain.seconds, 2), "s"),
        at_most("lateness of the loop meanwhile, p99", 100.0, round(1000 * plain.lag, 1), "ms", worst=plain.worst),
        at_most("memory of the process", 150.0, round(plain.peak), "MiB"),
        all_of("healthy streams among faulty ones that came whole", mixed.ends["whole"], well, ends=dict(mixed.ends)),
        note("lateness of the loop among faulty ones, p99", f"{1000 * mixed.lag:.0f} ms", worst=mixed.worst),
    ]


class _Seen:
    """What came of some streams."""

    def __init__(self, ends: Counter[str], seconds: float, late: Sequence[float]) -> None:
        self.ends = ends
        self.seconds = seconds
        self.lag = quantile(late, 0.99)
        self.worst = f"{1000 * max(late, default=0.0):.0f} ms"
        self.peak = peak_rss() / MIB


def _run(client: Client, rig: Rig, answers: Sequence[Answer], count: int, seconds: float) -> _Seen:
    with rig.opened(Door(answers=answers)) as door:
        forget_peak()
        return asyncio.run(_streams(client, door.url, count, Settings(retries=0, seconds=seconds)))


async def _streams(client: Client, url: str, count: int, settings: Settings) -> _Seen:
    caller = client.open(url, client.dialects[0], settings)

    async def one() -> str:
        try:
            text = await read(caller, "hi")
        except Exception as error:
            return type(error).__name__
        return "whole" if text == TEXT else "an answer that is not whole"

    async with lag() as late:
        await asyncio.sleep(0.05)
        began = time.monotonic()
        ends = await asyncio.gather(*(one() for _ in range(count)))
        taken = time.monotonic() - began
    await caller.close()
    return _Seen(Counter(ends), taken, late.seen)
