"""What was wanted and what was measured, row by row: ``python benchmarks/targets.py FOLDER``.

The folder has ``run.json``, ``imports.json``, ``discovery.json`` and ``memory.json``, as the four commands of that name
write them with ``--json``; a row whose file or client is missing says so. Medians are compared, and the lowest rounds:
on a machine that is not idle the second are nearer the truth.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Choice = Callable[[Sequence[float]], float]
"""How one figure is made of the rounds': ``statistics.median`` or ``min``."""


class Measured:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        names = ("run", "imports", "discovery", "memory")
        self._files = {name: _read(folder / f"{name}.json") for name in names}

    def run(self, client: str, figure: str, choose: Choice) -> float:
        return choose([found[figure] for found in self._files["run"]["rounds"][client]])

    def ratio(self, choose: Choice, figure: str, ours: str, other: str, other_figure: str | None = None) -> float:
        return self.run(ours, figure, choose) / self.run(other, other_figure or figure, choose)

    def start(self, program: str, choose: Choice, column: int = 0) -> float:
        return choose([run[column] for run in self._files["imports"]["runs"][program]])

    def over_nothing(self, program: str, choose: Choice) -> float:
        return self.start(program, choose) - self.start("nothing", choose)

    def lookup(self, count: int, choose: Choice) -> float:
        return choose(self._files["discovery"]["runs"][f"resolve | all | {count}"])

    def memory(self, client: str) -> dict[str, Any]:
        found: dict[str, Any] = self._files["memory"]["found"][client]
        return found


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


Row = tuple[str, float, str, Callable[[Measured, Choice], float]]
"""What it is, at most how much, of what, and how to get it."""

ROWS: tuple[Row, ...] = (
    ("call, to raw httpx2", 1.05, "x", lambda m, c: m.ratio(c, "call_c1", "backbay", "httpx2")),
    (
        'call, transport="aiohttp", to raw aiohttp with orjson',
        1.2,
        "x",
        lambda m, c: m.ratio(c, "call_c1", "backbay-aiohttp", "aiohttp-orjson"),
    ),
    (
        'call, transport="aiohttp", to the openai SDK',
        1 / 6,
        "x",
        lambda m, c: m.ratio(c, "call_c1", "backbay-aiohttp", "openai"),
    ),
    ("blocking call, to raw httpx2", 1.25, "x", lambda m, c: m.ratio(c, "call_c1", "backbay-sync", "httpx2-sync")),
    ("burst chunk, to raw httpx2", 0.95, "x", lambda m, c: m.ratio(c, "burst", "backbay", "httpx2")),
    (
        'burst chunk, transport="aiohttp", to raw aiohttp with orjson',
        1.5,
        "x",
        lambda m, c: m.ratio(c, "burst", "backbay-aiohttp", "aiohttp-orjson"),
    ),
    (
        'burst chunk, transport="aiohttp", to the openai SDK',
        1 / 20,
        "x",
        lambda m, c: m.ratio(c, "burst", "backbay-aiohttp", "openai"),
    ),
    ("paced chunk, to raw httpx2", 1.05, "x", lambda m, c: m.ratio(c, "paced", "backbay", "httpx2")),
    (
        "tool delta, put together, to a text chunk",
        1.3,
        "x",
        lambda m, c: m.ratio(c, "tool_delta", "backbay", "backbay", "burst"),
    ),
    (
        "call, 256 at once to one at a time",
        1.3,
        "x",
        lambda m, c: m.ratio(c, "call_c256", "backbay", "backbay", "call_c1"),
    ),
    ("`import backbay` over nothing", 15.0, "ms", lambda m, c: m.over_nothing("import backbay", c)),
    (
        "first call, to raw httpx2's",
        1.1,
        "x",
        lambda m, c: m.start("first call: backbay", c) / m.start("first call: raw httpx2", c),
    ),
    ("one name among 10 distributions", 1.0, "ms", lambda m, c: m.lookup(10, c)),
    ("one name among 100 distributions", 2.0, "ms", lambda m, c: m.lookup(100, c)),
    ("one name among 1,000 distributions", 12.0, "ms", lambda m, c: m.lookup(1000, c)),
    ("memory of an open stream", 42.0, "KiB", lambda m, _: m.memory("backbay")["stream"]),
    ("growth over 20,000 calls", 64.0, "KiB", lambda m, _: max(m.memory("backbay")["growth"])),
    ("memory after the first call", 32.0, "MiB", lambda m, c: m.start("first call: backbay", c, 1)),
)


def table(measured: Measured) -> str:
    """Return the rows as a table, those that miss their target in bold."""
    lines = ["| what | wanted, at most | measured: median | lowest |", "| --- | ---: | ---: | ---: |"]
    for name, wanted, unit, get in ROWS:
        try:
            median, lowest = get(measured, statistics.median), get(measured, min)
        except KeyError as missing:
            lines.append(f"| {name} | {_shown(wanted, unit)} | not measured ({missing}) | |")
            continue
        marks = [f"**{_shown(value, unit)}**" if value > wanted else _shown(value, unit) for value in (median, lowest)]
        lines.append(f"| {name} | {_shown(wanted, unit)} | {marks[0]} | {marks[1]} |")
    return "\n".join(lines)


def _shown(value: float, unit: str) -> str:
    return f"{value:.2f}" if unit == "x" else f"{value:.1f} {unit}"


def main() -> int:
    parser = argparse.ArgumentParser(description="What was wanted and what was measured.")
    parser.add_argument("folder", type=Path, help="has the JSON files of the commands")
    print(table(Measured(parser.parse_args().folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
