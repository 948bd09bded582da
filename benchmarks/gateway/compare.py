"""Compares gateways on one upstream: each in turn, in processes of its own, in an order shuffled anew each round."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import stub

from .processes import cpu_seconds, resident_mib
from .results import machine, write
from .servers import NAMES, MissingError, Server, running

LOAD = Path(__file__).with_name("load.py")
CLIENTS = (1, 32, 128)
BURST = "stream-1000"
PACED = "drip-300-5000"
STREAMS = 8
LARGE = {"talk": ("--text", "256"), "image": ("--image", "1024")}
"""Requests that are large, as an agent's are after some turns, and those with a picture: KiB of each."""

Cell = dict[str, Any]


def load(port: int, clients: int, seconds: float, model: str, *words: str, pid: int | None = None) -> Cell:
    """Run the load generator; with ``pid`` also count that server's CPU, in the same time.

    Raises:
        SystemExit: Something was wrong with an answer.
    """
    command = [sys.executable, "-P", str(LOAD), str(port), str(clients), str(seconds), model, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines, marks = [], []
        for line in process.stdout:
            if line.strip() in ("begin", "end"):
                marks.append(cpu_seconds(pid) if pid is not None else 0.0)
            else:
                lines.append(line)
    if process.returncode or not lines:
        raise SystemExit(f"The load generator failed: {lines}")
    found: Cell = json.loads(lines[-1])
    if found["problems"]:
        raise SystemExit(f"{found['problems']} answers were wrong; the first: {found['problem']}")
    cpu = marks[1] - marks[0]
    found["cpu_us"] = 1e6 * cpu / found["requests"] if found["requests"] else None
    found["chunk_cpu_us"] = 1e6 * cpu / found["events"] if found["events"] else None
    found["cores"] = cpu / found["seconds"]
    return found


def measure(server: Server, seconds: float) -> Cell:
    """Return one gateway's figures."""
    found: Cell = {"start_s": server.start, "idle_mib": resident_mib(server.pid)}
    words = ("--key", server.key)
    load(server.port, 4, 0.5, server.model("fast"), *words)
    for clients in CLIENTS:
        found[f"c{clients}"] = load(server.port, clients, seconds, server.model("fast"), *words, pid=server.pid)
    for name, model in (("burst", BURST), ("paced", PACED)):
        longer = max(seconds, 3.0) if name == "paced" else seconds
        found[name] = load(server.port, STREAMS, longer, server.model(model), "--stream", *words, pid=server.pid)
    found["after_mib"] = resident_mib(server.pid)
    for name, large in LARGE.items():
        found[name] = load(server.port, STREAMS, seconds, server.model("fast"), *large, *words, pid=server.pid)
    return found


def direct(port: int, seconds: float) -> Cell:
    """Return what the load generator sees of the upstream itself."""
    return {f"c{clients}": load(port, clients, seconds, "fast") for clients in CLIENTS}


def main() -> int:
    options = _options()
    rounds: dict[str, list[Cell]] = {name: [] for name in ("direct", *options.gateways)}
    missing: set[str] = set()
    with stub.running() as upstream:
        port = int(upstream.rpartition(":")[2].partition("/")[0])
        for number in range(options.rounds):
            turn = [name for name in rounds if name not in missing]
            random.shuffle(turn)
            for name in turn:
                if name == "direct":
                    rounds[name].append(direct(port, options.seconds))
                    continue
                try:
                    with running(name, upstream) as server:
                        rounds[name].append(measure(server, options.seconds))
                except MissingError as failure:
                    missing.add(name)
                    print(f"{name} is left out: {failure}", file=sys.stderr)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    found = {name: cells for name, cells in rounds.items() if cells}
    write("compare", {"seconds": options.seconds, "machine": machine(), "rounds": found}, options.results)
    _show(found)
    return 0


def _show(rounds: dict[str, list[Cell]]) -> None:
    base = rounds.get("passthrough-aiohttp")
    for name, cells in rounds.items():
        if name == "direct":
            continue
        for load_name in (*(f"c{clients}" for clients in CLIENTS), *LARGE):
            cpu = statistics.median(cell[load_name]["cpu_us"] for cell in cells)
            rps = statistics.median(cell[load_name]["rps"] for cell in cells)
            said = f"{name:20} {load_name:5} {cpu:8.1f} us CPU a request, {rps:8.0f} requests/s"
            if base is not None:
                ratios = [a[load_name]["cpu_us"] / b[load_name]["cpu_us"] for a, b in zip(cells, base, strict=False)]
                said += f", {statistics.median(ratios):.2f} times the passthrough"
            print(said)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the gateway with bare passthroughs and LiteLLM's proxy.")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each figure (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--gateways", default=",".join(NAMES), help=f"of {', '.join(NAMES)}; default all")
    parser.add_argument("--results", type=Path, help="folder for the JSON (default results, beside this file)")
    options = parser.parse_args()
    options.gateways = options.gateways.split(",")
    unknown = [name for name in options.gateways if name not in NAMES]
    if unknown or options.rounds < 1 or options.seconds <= 0:
        parser.error(f"no gateway {unknown[0]!r}; there are {', '.join(NAMES)}" if unknown else "give numbers above 0")
    return options
