"""What a goal's measurement gives: figures, each with what is required and whether that is reached; and the file."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "backbay",
    "openai",
    "anthropic",
    "httpx2",
    "httpcore2",
    "httpx",
    "httpcore",
    "aiohttp",
    "h11",
    "httptools",
    "uvloop",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: What was counted or measured; the same words for every client, since the page sets them side by side.
        required: The figure that is the goal, in words; ``""`` for one that only says more.
        reached: The figure, in words.
        holds: Whether it is reached; ``None`` where there is no goal, or nothing was measured.
        detail: Whatever explains the figure, as JSON.
    """

    name: str
    required: str
    reached: str
    holds: bool | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: ``scale`` 1 is a whole measurement, less is a try."""

    scale: float = 1.0

    def count(self, whole: int, least: int = 1) -> int:
        """Return how often to do what a whole measurement does ``whole`` times."""
        return max(min(least, whole), round(whole * self.scale))


def at_most(name: str, bound: float, value: float, unit: str = "", **detail: Any) -> Figure:
    """Return a figure that must not pass a bound."""
    return Figure(name, f"at most {_words(bound, unit)}", _words(value, unit), value <= bound, detail)


def none_of(name: str, count: int, of: int | None = None, **detail: Any) -> Figure:
    """Return a figure that must be 0, of ``of``."""
    return Figure(name, "0", f"{count:,}" + (f" of {of:,}" if of is not None else ""), count == 0, detail)


def all_of(name: str, count: int, of: int, **detail: Any) -> Figure:
    """Return a figure that must be all there are."""
    return Figure(name, f"{of:,} of {of:,}", f"{count:,} of {of:,}", count == of, detail)


def note(name: str, reached: str, **detail: Any) -> Figure:
    """Return a figure without a goal."""
    return Figure(name, "", reached, None, detail)


def _words(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{shown} {unit}".rstrip()


def machine() -> str:
    """Return what the figures were measured on."""
    name = next(iter(re.findall(r"model name\s*: (.*)", _read("/proc/cpuinfo"))), platform.machine())
    memory = int(next(iter(re.findall(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))), 0)) / 2**20
    return f"{os.cpu_count()} processors ({name}), {memory:.0f} GiB, {platform.system()} {platform.release()}"


def versions() -> Mapping[str, str]:
    """Return the versions of the interpreter and of what is compared."""
    found = {"CPython": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def result(goal: str, client: str, figures: Sequence[Figure], seconds: float, effort: Effort) -> dict[str, Any]:
    """Return a result as JSON."""
    return {
        "goal": goal,
        "client": client,
        "figures": [asdict(figure) for figure in figures],
        "seconds": round(seconds, 1),
        "scale": effort.scale,
        "load": round(os.getloadavg()[0], 2),
        "machine": machine(),
        "versions": versions(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def write(folder: Path, found: Mapping[str, Any]) -> Path:
    """Write a result into its file; return that."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found['goal']}-{found['client']}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_all(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every result of a folder, by goal and client."""
    found = {}
    for path in sorted(folder.glob("G*-*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        found[one["goal"], one["client"]] = one
    return found
