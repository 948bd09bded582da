"""What a run's figures say, as Markdown tables: medians of the rounds, ratios to the raw httpx2 client, and the spread.

Beside the ratio of the medians stands that of the lowest rounds: on a machine that does other work too, the round that
was disturbed least says most.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from importlib import metadata

Rounds = Mapping[str, Sequence[Mapping[str, float]]]
"""By client: one mapping of figures a round."""

FIGURES = {
    "call_c1": "call",
    "call_c32": "call, 32 at once",
    "call_c256": "call, 256 at once",
    "burst": "chunk, burst",
    "burst_c32": "chunk, burst, 32 at once",
    "paced": "chunk, paced 1 ms",
    "tool_delta": "tool delta, put together",
    "first_burst": "first text, burst (clock)",
    "first_paced": "first text, paced (clock)",
}
"""Figures in µs, by the name that ``measure`` gives them."""


def versions() -> str:
    """Return the interpreter's version and those of the libraries that are compared."""
    found = [f"CPython {platform.python_version()}"]
    for name in ("backbay", "httpx2", "httpcore2", "httptools", "aiohttp", "openai", "pydantic"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "date": time.strftime("%Y-%m-%d"),
    }


def tables(rounds: Rounds) -> str:
    """Return the tables of a run: asynchronous clients, then blocking ones."""
    groups = [
        ("httpx2", {name: found for name, found in rounds.items() if not name.endswith("-sync")}),
        ("httpx2-sync", {name: found for name, found in rounds.items() if name.endswith("-sync")}),
    ]
    return "\n\n".join(_table(group, base) for base, group in groups if any(group.values()))


def _table(rounds: Rounds, base: str) -> str:
    names = [name for name, found in rounds.items() if found]
    head = [f"µs (ratio to {base}; of the lowest)", *names]
    lines = [head, ["---", *["---:"] * len(names)]]
    for key, label in FIGURES.items():
        if any(key in rounds[name][0] for name in names):
            lines.append([label, *[_cell(rounds, name, key, base) for name in names]])
    lines.append(["spread between rounds, median and worst", *[_spread(rounds[name]) for name in names]])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(rounds: Rounds, name: str, key: str, base: str) -> str:
    value = _median(rounds[name], key)
    shown = f"{value:.0f}" if value >= 100 else f"{value:.1f}"
    if not rounds.get(base):
        return shown
    lowest = _lowest(rounds[name], key) / _lowest(rounds[base], key)
    return f"{shown} ({value / _median(rounds[base], key):.2f}; {lowest:.2f})"


def _median(found: Sequence[Mapping[str, float]], key: str) -> float:
    return statistics.median(figures[key] for figures in found)


def _lowest(found: Sequence[Mapping[str, float]], key: str) -> float:
    return min(figures[key] for figures in found)


def _spread(found: Sequence[Mapping[str, float]]) -> str:
    """How far apart the rounds of one client are, over its figures: the largest over the smallest, less 1."""
    apart = [max(values) / min(values) - 1 for values in ([one[key] for one in found] for key in found[0])]
    return f"{100 * statistics.median(apart):.0f} %, {100 * max(apart):.0f} %"
