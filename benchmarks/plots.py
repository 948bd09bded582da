"""Pictures of a run: ``python benchmarks/plots.py RUN.json [--into docs/pictures]``, one SVG a figure.

Bars are the medians of the rounds as ratios to raw httpx2 of the same run, on a scale of doublings; lines in them span
the lowest and the highest round. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
BASE = "httpx2"
FIGURES = {
    "call_c1": ("call", "CPU of a call"),
    "call_c32": ("call-32", "CPU of a call, 32 at once"),
    "burst": ("chunk-burst", "CPU of a streamed chunk, in a burst"),
    "paced": ("chunk-paced", "CPU of a streamed chunk, a millisecond apart"),
}
OURS, OTHERS = "#00796b", "#8a94a3"


def draw(rounds: dict[str, list[dict[str, float]]], figure: str, title: str, path: Path) -> None:
    """Draw one figure of all clients that have it, the cheapest at the top."""
    base = statistics.median(found[figure] for found in rounds[BASE])
    known = {
        name: [one[figure] / base for one in found]
        for name, found in rounds.items()
        if not name.endswith("-sync") and found and found[0].get(figure)
    }
    names = sorted(known, key=lambda name: -statistics.median(known[name]))
    middles = [statistics.median(known[name]) for name in names]
    spread = [
        [middle - min(known[name]) for name, middle in zip(names, middles, strict=True)],
        [max(known[name]) - middle for name, middle in zip(names, middles, strict=True)],
    ]
    picture, axes = plt.subplots(figsize=(7.2, 0.42 * len(names) + 1.1))
    colours = [OURS if name.startswith("backbay") else OTHERS for name in names]
    axes.barh(names, middles, color=colours, xerr=spread, error_kw={"ecolor": "#3c4654", "capsize": 3})
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.axvline(1, color="#3c4654", linewidth=1, linestyle="--")
    for place, middle in enumerate(middles):
        axes.text(max(known[names[place]]) * 1.06, place, f"{middle:.2f}", va="center", fontsize=9)
    axes.set_xlim(right=axes.get_xlim()[1] * 1.6)
    axes.set_title(f"{title}, as a ratio to raw httpx2", fontsize=11, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    picture.tight_layout()
    # The same figures give the same bytes: no date, and no random names inside.
    picture.savefig(path, metadata={"Date": None}, facecolor="white")
    plt.close(picture)


def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description="Draw what benchmarks/run.py measured.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    rounds = json.loads(options.run.read_text(encoding="utf-8"))["rounds"]
    options.into.mkdir(parents=True, exist_ok=True)
    mpl.rcParams["svg.hashsalt"] = "backbay"
    for figure, (name, title) in FIGURES.items():
        path = options.into / f"{name}.svg"
        draw(rounds, figure, title, path)
        print(f"written: {path}")


if __name__ == "__main__":
    main()
