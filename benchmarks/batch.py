"""A batch beside the bare client: lines a second, and memory, on a loopback server.

``python benchmarks/batch.py [--lines N] [--concurrency N] [--rounds N]``. Each round measures both, each in a process
of its own, one after the other: the bare client makes the same calls from as many tasks, and keeps nothing. The batch
is timed from its command to its end: reading and checking the input, the journal and the output are in it. Memory is
the peak of the process for a quarter of the lines, and for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stub import running

BODY = {
    "model": "fast",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Say hi, and nothing else, to whoever reads this."},
    ],
    "temperature": 0.2,
    "max_tokens": 100,
}


def write(path: Path, lines: int) -> None:
    """Write an input of so many lines."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            line = {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
            file.write(json.dumps(line) + "\n")


async def bare(base_url: str, lines: int, concurrency: int) -> float:
    """Return the seconds of so many calls without a batch."""
    import backbay

    async def caller(backend: backbay.Backend, turns: Iterator[int]) -> None:
        for _ in turns:
            answer = await backend.complete(BODY["messages"], temperature=0.2, max_tokens=100)
            assert answer.text, answer

    async with backbay.connect("openai-compatible:fast", base_url=base_url, api_key="sk-stub") as backend:
        begin = time.perf_counter()
        turns = iter(range(lines))
        await asyncio.gather(*[caller(backend, turns) for _ in range(concurrency)])
        return time.perf_counter() - begin


async def batch(base_url: str, source: str, concurrency: int) -> float:
    """Return the seconds of a batch over a file."""
    from backbay_batch import Rules, run_batch

    output = Path(source).with_suffix(".out.jsonl")
    begin = time.perf_counter()
    found = await run_batch(
        source,
        output,
        backend="openai-compatible:fast",
        rules=Rules(concurrency=concurrency),
        restart=True,
        base_url=base_url,
        api_key="sk-stub",
    )
    seconds = time.perf_counter() - begin
    assert found.ok, found
    with output.open("rb") as file:
        assert sum(1 for _ in file) == found.lines
    return seconds


def measured(*arguments: object) -> dict[str, float]:
    """Measure one thing in a process of its own."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def child(kind: str, base_url: str, what: str, concurrency: str) -> None:
    """Print the figures of one measurement."""
    if kind == "bare":
        seconds = asyncio.run(bare(base_url, int(what), int(concurrency)))
    else:
        seconds = asyncio.run(batch(base_url, what, int(concurrency)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "cpu": time.process_time()}))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a batch with the bare client.")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ratios = []
    with running() as base_url, tempfile.TemporaryDirectory(prefix="backbay-batch-") as folder:
        whole, quarter = Path(folder, "whole.jsonl"), Path(folder, "quarter.jsonl")
        write(whole, options.lines)
        write(quarter, options.lines // 4)
        small = measured("batch", base_url, quarter, options.concurrency)
        for number in range(options.rounds):
            alone = measured("bare", base_url, options.lines, options.concurrency)
            found = measured("batch", base_url, whole, options.concurrency)
            ratios.append(alone["seconds"] / found["seconds"])
            print(
                f"round {number + 1}: bare {options.lines / alone['seconds']:,.0f} lines/s, {alone['peak']:.0f} MiB; "
                f"batch {options.lines / found['seconds']:,.0f} lines/s, {found['peak']:.0f} MiB "
                f"({small['peak']:.0f} MiB for a quarter); ratio {ratios[-1]:.2f}; "
                f"CPU {1e6 * alone['cpu'] / options.lines:.0f} and {1e6 * found['cpu'] / options.lines:.0f} us a line",
                flush=True,
            )
    print(f"{options.lines:,} lines, {options.concurrency} at once: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
