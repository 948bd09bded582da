"""A batch beside the bare client: lines a second, and memory, on a loopback server.

``python benchmarks/batch.py [--lines N] [--concurrency N] [--rounds N] [--engine ray --workers N]``. Each round
measures both, each in a process of its own, one after the other: the bare client makes the same calls from as many
tasks, and keeps nothing. The batch is timed from its command to its end: reading and checking the input, the journal
and the output are in it. Memory is the peak of the process for a quarter of the lines, and for all of them.

With another engine than ``local`` each round runs the batch on that one too, and holds both outputs against each other,
line by line. Its workers' memory is the peak of the largest of them, looked at ten times a second; and the time that it
takes to start is told apart, since it is the same for any number of lines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import zip_longest
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


async def batch(base_url: str, source: str, concurrency: int, engine: str) -> tuple[float, float]:
    """Return the seconds of a batch over a file, and those of them before the first answers, to a fifth of a second."""
    from backbay_batch import Progress, Rules, run_batch

    output = output_of(source, engine)
    started: list[float] = []

    def told(progress: Progress) -> None:
        if progress.answered and not started:
            started.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    found = await run_batch(
        source,
        output,
        backend="openai-compatible:fast",
        engine=engine,
        rules=Rules(concurrency=concurrency),
        restart=True,
        progress=told,
        base_url=base_url,
        api_key="sk-stub",
    )
    seconds = time.perf_counter() - begin
    assert found.ok, found
    return seconds, started[0]


def output_of(source: str | Path, engine: str) -> Path:
    """Return where an engine's results of an input go."""
    return Path(source).with_suffix(f".{engine}.jsonl")


def same(source: Path, engines: list[str]) -> int:
    """Return how many lines the outputs of two engines have.

    Raises:
        SystemExit: A line differs.
    """
    first, second = (output_of(source, engine) for engine in engines)
    count = 0
    with first.open("rb") as one, second.open("rb") as other:
        for count, (line, twin) in enumerate(zip_longest(one, other), 1):
            if line != twin:
                raise SystemExit(f"Line {count} differs:\n{line!r}\n{twin!r}")
    return count


class Workers:
    """Looks at the memory of all processes that this one started, Ray's workers among them.

    Attributes:
        peak: MiB of the largest worker, at its most.
        count: How many there were.
    """

    def __init__(self) -> None:
        self.peak, self._seen = 0.0, set[int]()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        return len(self._seen)

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    if not (entry / "cmdline").read_bytes().startswith(b"ray::Worker"):
                        continue
                    pages = int((entry / "statm").read_text().split()[1])
                except (OSError, IndexError):
                    continue
                self._seen.add(int(entry.name))
                self.peak = max(self.peak, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def measured(*arguments: object) -> dict[str, float]:
    """Measure one thing in a process of its own."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(kind: str, base_url: str, what: str, concurrency: str) -> None:
    """Print the figures of one measurement: of the bare client, or of the batch on an engine."""
    watched = Workers() if kind not in ("bare", "local") else None
    before = 0.0
    if kind == "bare":
        seconds = asyncio.run(bare(base_url, int(what), int(concurrency)))
    else:
        seconds, before = asyncio.run(batch(base_url, what, int(concurrency), kind))
    if watched is not None:
        watched.end()
    figures = {
        "seconds": seconds,
        "before": before,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu": time.process_time(),
        "workers": 0 if watched is None else watched.count,
        "largest": 0.0 if watched is None else watched.peak,
    }
    print(json.dumps(figures))


def round_of(base_url: str, whole: Path, small: dict[str, float], options: argparse.Namespace) -> float:
    """Measure one round, and print it; return the ratio of the built-in engine to the bare client."""
    alone = measured("bare", base_url, options.lines, options.concurrency)
    found = measured("local", base_url, whole, options.concurrency)
    ratio = alone["seconds"] / found["seconds"]
    print(
        f"bare {options.lines / alone['seconds']:,.0f} lines/s, {alone['peak']:.0f} MiB; "
        f"local {options.lines / found['seconds']:,.0f} lines/s, {found['peak']:.0f} MiB "
        f"({small['peak']:.0f} MiB for a quarter); ratio {ratio:.2f}; "
        f"CPU {1e6 * alone['cpu'] / options.lines:.0f} and {1e6 * found['cpu'] / options.lines:.0f} us a line",
        flush=True,
    )
    if options.engine != "local":
        other = measured(options.engine, base_url, whole, options.concurrency)
        busy = other["seconds"] - other["before"]
        print(
            f"  {options.engine}: {options.lines / busy:,.0f} lines/s after {other['before']:.1f} s to start, ratio "
            f"{alone['seconds'] / busy:.2f}; driver {other['peak']:.0f} MiB ({small['other']:.0f} MiB for a quarter), "
            f"CPU {1e6 * other['cpu'] / options.lines:.0f} us a line; {other['workers']:.0f} workers, the largest "
            f"{other['largest']:.0f} MiB ({small['largest']:.0f} MiB for a quarter); "
            f"{same(whole, ['local', options.engine]):,} lines are equal",
            flush=True,
        )
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a batch with the bare client.")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="local", help="an engine to compare with the one that is built in")
    parser.add_argument("--workers", type=int, default=2, help="processes that ray uses")
    options = parser.parse_args()
    os.environ["BACKBAY_RAY_WORKERS"] = str(options.workers)
    ratios = []
    with running() as base_url, tempfile.TemporaryDirectory(prefix="backbay-batch-") as folder:
        whole, quarter = Path(folder, "whole.jsonl"), Path(folder, "quarter.jsonl")
        write(whole, options.lines)
        write(quarter, options.lines // 4)
        small = measured("local", base_url, quarter, options.concurrency)
        if options.engine != "local":
            other = measured(options.engine, base_url, quarter, options.concurrency)
            small |= {"other": other["peak"], "largest": other["largest"]}
        for number in range(options.rounds):
            print(f"round {number + 1}: ", end="")
            ratios.append(round_of(base_url, whole, small, options))
    print(f"{options.lines:,} lines, {options.concurrency} at once: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
