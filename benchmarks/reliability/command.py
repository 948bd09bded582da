"""The command: which goals, of which client, how much of each; every one in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from . import figures
from .clients import CLIENTS, client
from .goals import GOALS, goals_of
from .places import HERE, RESULTS

LONGEST = 900.0
"""Seconds after which a goal's process is stuck."""


def main() -> int:
    """Do what the command line asks for; the exit code is 1 if a goal could not be measured."""
    asked = _options()
    if asked.here:
        return _here(asked.goals[0], asked.client, figures.Effort(asked.scale), asked.results)
    failed = []
    began = time.monotonic()
    for goal in asked.goals or [each for each in goals_of(asked.client) if not GOALS[each].alone]:
        command = [sys.executable, str(HERE / "run.py"), goal, "--here", "--client", asked.client]
        command += ["--scale", str(asked.scale), "--results", str(asked.results)]
        try:
            code = subprocess.run(command, timeout=LONGEST, check=False).returncode
        except subprocess.TimeoutExpired:
            code = -1
        if code:
            failed.append(goal)
            print(f"{goal} was not measured: " + ("it is stuck" if code == -1 else f"exit code {code}"), flush=True)
    print(f"{time.monotonic() - began:.0f} s in all")
    return 1 if failed else 0


def _here(goal: str, name: str, effort: figures.Effort, folder: Path) -> int:
    measure = import_module(f".goals.{GOALS[goal].module}", __package__).measure
    began = time.monotonic()
    found: Sequence[figures.Figure] = measure(client(name), effort)
    seconds = time.monotonic() - began
    figures.write(folder, figures.result(goal, name, found, seconds, effort))
    print(f"{goal} {GOALS[goal].title}, {CLIENTS[name]}, {seconds:.0f} s")
    for figure in found:
        mark = {True: "reached", False: "SHORT", None: ""}[figure.holds]
        wanted = f" (goal: {figure.required})" if figure.required else ""
        print(f"    {figure.name}: {figure.reached}{wanted} {mark}".rstrip(), flush=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how reliable a client is under faults.")
    listed = ", ".join(f"{name} ({goal.title})" for name, goal in GOALS.items())
    parser.add_argument("goals", nargs="*", metavar="GOAL", help=f"{listed}; without one, all but those that take long")
    parser.add_argument("--client", choices=CLIENTS, default="backbay", help="default backbay")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the work that is done; 0.05 for a try")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the figures, as JSON")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.goals = [goal.upper() for goal in asked.goals]
    unknown = [goal for goal in asked.goals if goal not in goals_of(asked.client)]
    if unknown:
        parser.error(f"{asked.client} has no goal {unknown[0]}; there are {', '.join(goals_of(asked.client))}")
    if not 0 < asked.scale <= 1:
        parser.error("--scale is above 0, and 1 at most")
    return asked
