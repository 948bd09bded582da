"""What a thunk costs over the plain stream, and whether many generations leave anything behind.

    python benchmarks/compose.py [--rounds N] [--generations N] [--json FILE]

First: CPU time a chunk, of one consumer who reads the texts of a stream from a loopback server (a process of its own),
from the events of ``backend.stream`` and from a thunk, in turn: a burst of 2000 chunks, and 300 chunks that come one by
one, a millisecond apart. The median of the rounds' ratios counts. Then: how much memory this process holds during N
generations over a backend that does no I/O, each after the one before in a conversation that is not kept: after ten
turns another begins (Linux only).

A thunk is meant to cost 15 % more at most, and memory to grow by 2 MiB at most after the first quarter; the exit code
is 1 if either is more.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import statistics
import sys
import time
from pathlib import Path

from stub import pieces, running

import backbay
from backbay.testing import connect_fake
from backbay_compose import CBlock, ChatContext, Composer, SimpleContext

MODELS = {"in a burst": "stream-2000", "one by one": "drip-300-1000"}
"""What the server gives, by the name of the model."""

MOST_RATIO, MOST_GROWTH = 1.15, 2 * 2**20
WARM_UP = 3


async def plain(backend: backbay.Backend) -> list[str]:
    async with backend.stream("Go.") as stream:
        return [event.delta async for event in stream if type(event) is backbay.Text]


async def thunk(composer: Composer) -> list[str]:
    made, _ = await composer.generate_from_context(CBlock("Go."), SimpleContext())
    return [text async for text in made]


async def streams(base_url: str, model: str, rounds: int) -> list[tuple[float, float]]:
    """Return what a chunk costs in each round: microseconds of CPU from the plain stream, and from a thunk."""
    count = int(model.split("-")[1])
    backend = backbay.connect(f"openai:{model}", base_url=base_url, api_key="k")
    composer = Composer(backend)
    found: list[tuple[float, float]] = []
    for number in range(-WARM_UP, rounds):
        costs: dict[bool, float] = {}
        # Whichever is first in one round is second in the next.
        for by_thunk in (False, True) if number % 2 else (True, False):
            gc.collect()
            start = time.process_time()
            texts = await (thunk(composer) if by_thunk else plain(backend))
            costs[by_thunk] = (time.process_time() - start) / count * 1e6
            assert texts == pieces(count), f"{len(texts)} texts of {count}"
        if number >= 0:
            found.append((costs[False], costs[True]))
    await backend.aclose()
    return found


async def memory(generations: int) -> list[int]:
    """Return how many bytes this process holds after each twentieth of the generations."""
    composer = Composer(connect_fake("Some words of an answer."))
    backend = composer.backend
    context, found = ChatContext(), []
    for number in range(generations):
        if number % 10 == 0:
            context = ChatContext()
            backend.requests.clear()  # type: ignore[attr-defined]
        made, context = await composer.generate_from_context(CBlock(f"Question {number}."), context)
        assert await made.avalue()
        if (number + 1) % (generations // 20) == 0:
            gc.collect()
            found.append(held())
    return found


def held() -> int:
    """Return how much memory this process holds, in bytes (Linux)."""
    [line] = [line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if "VmRSS" in line]
    return int(line.split()[1]) * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="pairs that are measured (default 15)")
    parser.add_argument("--generations", type=int, default=20_000, help="for the memory (default 20000)")
    parser.add_argument("--json", type=Path, help="write the figures into this file too")
    options = parser.parse_args()
    if options.rounds < 1 or options.generations < 20:
        parser.error("give numbers above 0, and 20 generations or more")
    ratios: dict[str, float] = {}
    costs: dict[str, list[tuple[float, float]]] = {}
    with running() as base_url:
        for name, model in MODELS.items():
            costs[name] = found = asyncio.run(streams(base_url, model, options.rounds))
            ratios[name] = statistics.median(by_thunk / alone for alone, by_thunk in found)
            alone, by_thunk = (statistics.median(each) for each in zip(*found, strict=True))
            print(
                f"{name:<12} {alone:7.2f} µs of CPU a chunk from the plain stream, {by_thunk:7.2f} from a thunk: "
                f"{ratios[name]:.3f} times as much (at most {MOST_RATIO}; median of {options.rounds})"
            )
    rss = asyncio.run(memory(options.generations))
    growth = rss[-1] - rss[len(rss) // 4 - 1]
    print(
        f"memory       {rss[-1] / 2**20:6.1f} MiB after {options.generations} generations, "
        f"{growth / 2**20:+.2f} MiB since the first quarter (at most {MOST_GROWTH / 2**20:+.0f})"
    )
    if options.json:
        facts = {"python": platform.python_version(), "machine": platform.machine(), "backbay": backbay.__version__}
        figures = {**facts, "costs": costs, "ratios": ratios, "rss": rss, "growth": growth}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(max(ratios.values()) > MOST_RATIO or growth > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
