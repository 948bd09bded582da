"""The harness of docs/reliability.md can be imported, measures, and makes its page."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import pytest

PEERS = {"openai_sdk": "openai", "anthropic_sdk": "anthropic"}


@pytest.fixture
def folder(root):
    return root / "benchmarks" / "reliability"


def _measure(folder, results, *arguments):
    command = [sys.executable, str(folder / "run.py"), *arguments, "--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in results.iterdir()}


def test_every_module_of_the_harness_can_be_imported(folder, root, monkeypatch):
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.syspath_prepend(str(root / "tests" / "faults"))
    for path in sorted(folder.rglob("*.py")):
        if path.name in {"run.py", "page.py", "echo.py"}:
            continue
        if path.stem in PEERS:
            pytest.importorskip(PEERS[path.stem], reason="an environment of their own has the SDKs")
        parts = path.relative_to(folder.parent).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))


def test_every_goal_has_its_file_and_every_file_its_goal(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder.parent))
    goals = importlib.import_module("reliability.goals").GOALS
    files = {path.stem for path in (folder / "goals").glob("g*.py")}
    assert {goal.module for goal in goals.values()} == files


def test_a_tiny_round_of_two_goals_gives_figures_that_hold(folder, tmp_path):
    found = _measure(folder, tmp_path, "G2", "G7", "--scale", "0.02")
    assert set(found) == {"G2-backbay", "G7-backbay"}
    for result in found.values():
        assert result["figures"]
        assert {"machine", "versions", "date", "seconds", "scale"} <= result.keys()
        short = [figure for figure in result["figures"] if figure["holds"] is False]
        assert not short


def test_a_goal_that_is_not_there_is_refused(folder):
    command = [sys.executable, str(folder / "run.py"), "G99"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "G17" in done.stderr


def test_the_page_is_made_of_the_results_that_are_there(folder):
    command = [sys.executable, str(folder / "page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert (done.returncode, done.stderr) == (0, "")
