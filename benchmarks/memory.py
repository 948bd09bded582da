"""What open streams and many calls leave in memory: ``python benchmarks/memory.py [--streams N] [--calls N]``.

Each client is measured in a process of its own, with the loopback server of ``run.py``. *Per open stream*: the resident
set with N streams whose first text was read and which do not end, less that of before, by N; some streams
were opened and closed before, so that what is made once is no part of it. *Growth*: the resident set after N calls one
after another, less that of before, after a tenth as many to warm up.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import report
from clients import ASYNC, AsyncClient
from measure import EXIT_MISSING
from stub import ANSWER, running

HANGING = "hold-3"
"""A stream that has three chunks and does not end."""

WANTED = {"stream": 42.0, "growth": 64.0}
"""KiB that Backbay may take."""


async def per_stream(client: AsyncClient, count: int) -> float:
    """Return the KiB that an open stream takes."""
    await _opened_and_closed(client, max(10, count // 10))
    before = resident()
    streams = await _open(client, count)
    after = resident()
    await _close(streams)
    return (after - before) / count


async def growth(client: AsyncClient, count: int) -> list[float]:
    """Return the KiB that were added after each quarter of ``count`` calls."""

    async def calls(number: int) -> None:
        for _ in range(number):
            assert await client.call("fast") == ANSWER

    await calls(count // 10)
    before, found = resident(), []
    for _ in range(4):
        await calls(count // 4)
        found.append(resident() - before)
    return found


def resident() -> float:
    """Return this process's resident set in KiB, with garbage out of the way."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1])
    raise AssertionError("this system does not say how much memory a process has")


async def _opened_and_closed(client: AsyncClient, count: int) -> None:
    await _close(await _open(client, count))


async def _open(client: AsyncClient, count: int) -> list[AsyncGenerator[str, None]]:
    streams = [cast("AsyncGenerator[str, None]", client.texts(HANGING)) for _ in range(count)]
    for some in range(0, count, 50):
        await asyncio.gather(*[anext(stream) for stream in streams[some : some + 50]])
    return streams


async def _close(streams: list[AsyncGenerator[str, None]]) -> None:
    for stream in streams:
        await stream.aclose()
    await asyncio.sleep(0.2)  # so that the sockets are closed as well


async def _measure(name: str, base_url: str, streams: int, calls: int) -> dict[str, Any]:
    client = ASYNC[name](base_url)
    try:
        return {"stream": await per_stream(client, streams), "growth": await growth(client, calls)}
    finally:
        await client.aclose()


def main() -> int:
    options = _options()
    if options.measure:
        name, base_url = options.measure
        with suppress(ValueError, OSError):  # Two descriptors a stream, with the server's in another process.
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            print(json.dumps(asyncio.run(_measure(name, base_url, options.streams, options.calls))))
        except ImportError as missing:
            print(missing, file=sys.stderr)
            return EXIT_MISSING
        return 0
    found = {}
    with running() as base_url:
        for name in options.clients.split(","):
            figures = _run(name, base_url, options)
            if figures is not None:
                found[name] = figures
    if options.json:
        written = {"versions": report.versions(), "machine": report.machine(), "found": found}
        options.json.write_text(json.dumps(written, indent=1), encoding="utf-8")
    print(f"{report.versions()}; {options.streams} streams, {options.calls} calls.\n\n{_table(found)}")
    return 0


def _run(name: str, base_url: str, options: argparse.Namespace) -> dict[str, Any] | None:
    sizes = ["--streams", str(options.streams), "--calls", str(options.calls)]
    command = [sys.executable, __file__, "--measure", name, base_url, *sizes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode == EXIT_MISSING:
        print(f"{name} is left out: {done.stderr.strip()}", file=sys.stderr)
        return None
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _table(found: dict[str, dict[str, Any]]) -> str:
    lines = ["| client | KiB an open stream | growth, KiB after each quarter |", "| --- | ---: | ---: |"]
    lines += [
        f"| {name} | {figures['stream']:.1f} | {', '.join(f'{kib:.0f}' for kib in figures['growth'])} |"
        for name, figures in found.items()
    ]
    lines.append(f"| wanted of Backbay, at most | {WANTED['stream']:g} | {WANTED['growth']:g} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Memory of open streams and of many calls.")
    parser.add_argument("--streams", type=int, default=500, help="open at once (default 500)")
    parser.add_argument("--calls", type=int, default=20_000, help="one after another (default 20,000)")
    parser.add_argument("--clients", default=",".join(ASYNC), help=f"of {', '.join(ASYNC)}; default all")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--measure", nargs=2, metavar=("CLIENT", "URL"), help="measure one client in this process")
    options = parser.parse_args()
    if options.streams < 1 or options.calls < 10:
        parser.error("give numbers above 0, and 10 calls at least")
    return options


if __name__ == "__main__":
    sys.exit(main())
