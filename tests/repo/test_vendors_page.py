"""The page of backends by capability says what their specs say."""

from __future__ import annotations

import subprocess
import sys

import backbay


def test_the_page_of_vendors_is_up_to_date(root):
    command = [sys.executable, "scripts/vendors.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_of_vendors_has_every_capability_and_every_backend(root, plugins):
    text = (root / "docs" / "vendors.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    [heads] = [row for row in rows if row[0] == "capability"]
    assert heads[1:] == sorted(plugin.folder.name for plugin in plugins if plugin.kind == "backends")
    named = {row[0] for row in rows}
    assert {capability.replace("_", " ") for capability in backbay.Capability} <= named


def test_the_page_of_saboteurs_is_up_to_date(root):
    command = [sys.executable, "scripts/saboteurs.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
