"""G9: answers without end are refused at a limit, with little memory, and time grows with their size, not its square.

Each in a process of its own: a line of 32 MiB that does not end, a body of 65 MiB, 200 MiB compressed by gzip, an event
of a million lines, a header of 300 KB. Memory is the most that the process held, above what it held after a small call;
Backbay's limits are 16 MiB for an event, 64 MiB for a body. Time is the processor's, at half the size and the whole
one, both below Backbay's limit so that they are read: the shortest of three (the SDKs: one).
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fault_rig import words
from fault_rig.plan import Repeat, Step

from ..clients import Client, NotAnAnswer, Settings, client
from ..clients.face import read
from ..dialects import Dialect, whole
from ..figures import Effort, Figure
from ..meters import MIB, Stopwatch, forget_peak, peak_rss, rss
from ..places import HERE
from ..servers import Rig, answering

BLOCK = 2**16
BOUND = 45.0
"""Seconds for one size; a client that needs longer is ended, and that is its figure."""


@dataclass(frozen=True, slots=True)
class Size:
    """Something large.

    Attributes:
        name: What it is.
        steps: Returns the server's part, for a number of bytes (of lines, of an event).
        large: The number that is too large.
        half: A number that, doubled, is below Backbay's limit; 0 where time is not measured.
        limit: Bytes of Backbay's limit.
        streams: Whether the call is streamed.
    """

    name: str
    steps: Callable[[Dialect, int], list[Step]]
    large: int
    half: int
    limit: int
    streams: bool


def _line(dialect: Dialect, size: int) -> list[Step]:
    block = words.chunk(b"x" * BLOCK)
    opening = words.begun(*filter(None, [dialect.opening()])) + words.chunk(b"data: {")
    return [opening, Repeat(block, size // BLOCK), words.LAST]


def _body(dialect: Dialect, size: int) -> list[Step]:
    body = dialect.body("@")
    before, _, after = body.partition(b"@")
    return [words.head(f"content-length: {len(body) - 1 + size}"), before, Repeat(b"x" * BLOCK, size // BLOCK), after]


def _gzip(dialect: Dialect, size: int) -> list[Step]:
    before, _, after = dialect.body("@").partition(b"@")
    # Beyond the limit a bomb; below it what compresses to half, as text does, since a bomb would not be read.
    text = b"x" * size if size > 64 * MIB else (os.urandom(BLOCK // 2).hex().encode() * (1 + size // BLOCK))[:size]
    packed = gzip.compress(before + text + after, compresslevel=1, mtime=0)
    return [words.sized(packed, "content-encoding: gzip")]


def _lines(dialect: Dialect, size: int) -> list[Step]:
    opening = words.begun(*filter(None, [dialect.opening()]))
    return [opening, Repeat(words.chunk(b"data: 0123456789abcdef\n" * 1000), size // 1000), words.LAST]


def _header(dialect: Dialect, size: int) -> list[Step]:
    return [words.sized(dialect.body("Hello"), f"x-large: {'x' * size}")]


SIZES = {
    "a line of 32 MiB": Size("a line of 32 MiB", _line, 32 * MIB, 6 * MIB, 16 * MIB, streams=True),
    "a body of 65 MiB": Size("a body of 65 MiB", _body, 65 * MIB, 16 * MIB, 64 * MIB, streams=False),
    # Twice 8 MiB: blocks above 32 MiB are mapped and faulted in anew each time by glibc, which is a step and no slope.
    "gzip of 200 MiB": Size("gzip of 200 MiB", _gzip, 200 * MIB, 8 * MIB, 64 * MIB, streams=False),
    "an event of a million lines": Size(
        "an event of a million lines", _lines, 1_000_000, 300_000, 16 * MIB, streams=True
    ),
    "a header of 300 KB": Size("a header of 300 KB", _header, 300_000, 0, 64 * 1024, streams=False),
}


def measure(client: Client, effort: Effort) -> list[Figure]:  # noqa: ARG001 (less than a size says nothing)
    """Return the figures."""
    found = []
    for name, size in SIZES.items():
        told = _alone(client.name, name)
        allowed = round(2 * size.limit / MIB + 16)
        if told is None:
            reached = f"not ended after {BOUND:g} s"
            found.append(
                Figure(f"{name}: memory above a small call's", f"an error, at most {allowed} MiB", reached, holds=False)
            )
            continue
        refused, peak = told["end"], round(told["peak"])
        found.append(
            Figure(
                f"{name}: memory above a small call's",
                f"an error, at most {allowed} MiB",
                f"{refused}, {peak} MiB, {told['cpu']:.2f} s",
                refused != "answer" and peak <= allowed,
                told,
            )
        )
        if size.half:
            ratio = told["whole"] / told["half"]
            within = f"{ratio:.2f} ({told['half'] * 1000:.0f} and {told['whole'] * 1000:.0f} ms)"
            found.append(Figure(f"{name}: time of twice the size", "at most 2.3 times", within, ratio <= 2.3))
    return found


def _alone(name: str, size: str) -> Mapping[str, Any] | None:
    """Measure one size in a process of its own; ``None`` if that does not end."""
    command = [sys.executable, "-c", PROGRAM, str(HERE.parent), str(HERE.parents[1] / "tests" / "faults"), name, size]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(f"{size} with {name} failed:\n{done.stderr}")
    told: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


PROGRAM = """
import json, sys
sys.path[0:1] = sys.argv[1:3]
from reliability.goals.g09_sizes import one
print(json.dumps(one(sys.argv[3], sys.argv[4])))
"""


def one(name: str, what: str) -> Mapping[str, Any]:
    """Measure one size in this process."""
    with Rig() as rig:
        return asyncio.run(_one(client(name), SIZES[what], rig))


async def _one(by: Client, size: Size, rig: Rig) -> Mapping[str, Any]:
    dialect = by.dialects[0]

    async def ask(steps: list[Step], *, streams: bool = size.streams) -> tuple[str, float, float]:
        # What the plan itself takes is not counted: it is there before the meters begin.
        with rig.opened(answering(list(steps))) as door:
            steps.clear()
            caller = by.open(door.url, dialect, Settings(retries=0, seconds=BOUND))
            gc.collect()
            forget_peak()
            before, clock = rss(), Stopwatch()
            try:
                await (read(caller, "hi") if streams else caller.complete("hi"))
                end = "answer"
            except NotAnAnswer:
                end = "answer"
            except Exception as error:
                end = type(error).__name__
            taken = clock.cpu
            peak = (peak_rss() - before) / MIB
            await caller.close()
            return end, taken, peak

    await ask([whole(dialect)], streams=False)
    await ask(size.steps(dialect, 4 * BLOCK if size.half else 1000))
    times = {}
    for part, amount in (("half", size.half), ("whole", 2 * size.half)) if size.half else ():
        times[part] = min(
            [(await ask(size.steps(dialect, amount)))[1] for _ in range(3 if by.name == "backbay" else 1)]
        )
    end, cpu, peak = await ask(size.steps(dialect, size.large))
    return {"end": end, "cpu": round(cpu, 3), "peak": round(peak, 1), **times}
