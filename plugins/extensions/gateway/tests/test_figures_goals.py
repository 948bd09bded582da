"""The goals G13 to G15 in short: the programs of benchmarks/gateway run, and their figures are what they must be."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "benchmarks" / "gateway"

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the programs are in the repository, beside this distribution"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="they read /proc"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("backbay_openai", "backbay_cli")),
        reason="they start `backbay serve` before the backend of OpenAI",
    ),
]


@pytest.fixture
def figures(tmp_path):
    """Run a program; return its figures, whatever its exit code."""

    def run(name, *words):
        command = [sys.executable, str(FOLDER / f"{name}.py"), *words, "--results", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=tmp_path)
        written = tmp_path / f"{name}.json"
        assert written.is_file(), done.stdout + done.stderr
        return json.loads(written.read_text(encoding="utf-8"))

    return run


def test_under_mixed_load_nothing_is_wrong_nothing_stays_open_and_the_ledger_is_the_vendors_bill(figures):
    """G13, in seconds."""
    found = figures("soak", "--seconds", "8", "--clients", "20")
    assert found["problems"] == []
    assert found["requests"] > 50
    assert found["left"] > 0
    assert found["reloads"] > 0


def test_whatever_is_not_a_plain_request_is_refused_and_never_reaches_the_upstream(figures):
    """G14, without the figure of time."""
    found = figures("attack", "--timings", "0")
    assert [row for row in found["rows"] if not row["holds"]] == []
    assert len(found["rows"]) >= 60
    assert found["reached"] == 0
    assert found["good"] == 200


def test_each_of_sixteen_failures_of_a_vendor_comes_to_what_is_right(figures):
    """G15."""
    found = figures("failover")
    assert [row for row in found["rows"] if not row["holds"]] == []
    assert len(found["rows"]) == 16
