"""What it costs to find one backend among many installed distributions: ``python benchmarks/discovery.py [--runs N]``.

Folders with 10, 100 and 1,000 distributions are made, as pip would make them, each with an entry point: in ``all`` all
of them are backends, in ``few`` five are. Fresh interpreters that see nothing but the standard library, Backbay and
such a folder find one name in it, each way in turn, and say what that took of their CPU, imports included: the median
of the runs, and the lowest. Bytecode is there, the folder is in the page cache, and the module ``os``, which every
start loads, is loaded before.

- ``resolve``: ``backbay.resolve``, where what a plugin itself needs, the class of its spec, is loaded before.
- ``resolve, bare``: the same with that class, and all that it imports, counted as well.
- ``names``: ``backbay.names()``, which loads no plugin.
- ``entry_points``: ``importlib.metadata.entry_points`` of the standard library, and loading the one.
- ``import backbay``: in an interpreter that has loaded nothing, for comparison.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import report

COUNTS = (10, 100, 1000)
TARGETS = {10: 1.0, 100: 2.0, 1000: 12.0}
"""Milliseconds that resolving one name may take, by the number of distributions."""

_CLASSIFIERS = "".join(f"Classifier: Programming Language :: Python :: 3.{minor}\n" for minor in range(8, 15))
_METADATA = f"Metadata-Version: 2.1\nName: {{name}}\nVersion: 1.0\n{_CLASSIFIERS}\n" + "A line of a README.\n" * 200

_TIMED = """
import os, sys, time
sys.path[:0] = {folders!r}
{before}
start = time.process_time()
{work}
print((time.process_time() - start) * 1000)
"""

WAYS = {
    "resolve": ("import backbay, backbay.spec", "assert backbay.resolve('b3').name == 'b3'"),
    "resolve, bare": ("import backbay", "assert backbay.resolve('b3').name == 'b3'"),
    "names": ("import backbay", "assert 'b3' in backbay.names()"),
    "entry_points": (
        "import backbay, backbay.spec",
        "from importlib.metadata import entry_points as all_of\n"  # noqa: ISC004 (one program)
        "(found,) = all_of(group='backbay.backends', name='b3')\nassert found.load().name == 'b3'",
    ),
    "import backbay": ("", "import backbay"),
}
"""What is there before the clock runs, and what is done then, by the name of the row."""


def main() -> int:
    options = _options()
    origin = find_spec("backbay")
    assert origin is not None
    assert origin.origin is not None
    source = str(Path(origin.origin).parents[1])
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="backbay-discovery-") as root:
        programs = {}
        for kind in ("all", "few"):
            for count in COUNTS:
                site = Path(root) / f"{kind}-{count}"
                make(site, count, count if kind == "all" else 5)
                for way, (before, work) in WAYS.items():
                    programs[f"{way} | {kind} | {count}"] = _TIMED.format(
                        folders=[str(site), source], before=before, work=work
                    )
        for program in programs.values():
            _run(program)  # which writes the bytecode
        for _ in range(options.runs):
            for name in random.sample(list(programs), len(programs)):
                found.setdefault(name, []).append(_run(programs[name]))
    if options.json:
        written = {"versions": report.versions(), "machine": report.machine(), "runs": found}
        options.json.write_text(json.dumps(written, indent=1), encoding="utf-8")
    print(f"{report.versions()}; {options.runs} runs.\n\n{_table(found)}")
    return 0


def make(site: Path, count: int, backends: int) -> None:
    """Make a folder with ``count`` distributions, ``backends`` of them with a backend, and Backbay's own metadata."""
    _distribution(site, "backbay", "[backbay.backends]\nmanual = backbay.manual:spec\n")
    for number in range(count):
        module = f"backbay_p{number}"
        entry_points = f"[console_scripts]\np{number} = {module}:main\n"
        if number < backends:
            entry_points += f"\n[backbay.backends]\nb{number} = {module}:spec\n"
            spec = f"BackendSpec(name='b{number}', wires=('openai_chat',))"
            (site / f"{module}.py").write_text(f"from backbay.spec import BackendSpec\n\nspec = {spec}\n")
        _distribution(site, module, entry_points)


def _distribution(site: Path, module: str, entry_points: str) -> None:
    folder = site / f"{module}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(_METADATA.format(name=module.replace("_", "-")))
    (folder / "RECORD").write_text(f"{module}.py,sha256=x,10\n" * 40)
    (folder / "entry_points.txt").write_text(entry_points)


def _run(program: str) -> float:
    """Return what a program says that it took, in milliseconds of CPU.

    Raises:
        SystemExit: It failed.
    """
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{program}\nfailed:\n{done.stderr}")
    return float(done.stdout)


def _table(found: dict[str, list[float]]) -> str:
    lines = [
        "| ms of CPU: median (lowest) | " + " | ".join(f"{count:,}" for count in COUNTS) + " | wanted |",
        "| --- |" + " ---: |" * len(COUNTS) + " --- |",
    ]
    for kind in ("all", "few"):
        for way in WAYS:
            runs = [found[f"{way} | {kind} | {count}"] for count in COUNTS]
            cells = " | ".join(f"{statistics.median(run):.1f} ({min(run):.1f})" for run in runs)
            wanted = " / ".join(f"{TARGETS[count]:g}" for count in COUNTS) if way == "resolve" else ""
            lines.append(f"| {way}, {kind} are backends | {cells} | {wanted} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU of finding one backend among many distributions.")
    parser.add_argument("--runs", type=int, default=15, help="how often each program runs (default 15)")
    parser.add_argument("--json", type=Path, help="write every run's figures to this file too")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("give a number above 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
