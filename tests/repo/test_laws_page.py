"""The page of laws says what the suite has."""

from __future__ import annotations

import re
import subprocess
import sys

from backbay_conformance import BackendConformance
from backbay_conformance.guard import laws_of


def test_the_page_is_up_to_date(root):
    command = [sys.executable, "scripts/laws.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), "run `python scripts/laws.py`"


def test_the_page_of_laws_has_every_law_and_says_why(root):
    text = (root / "docs" / "laws.md").read_text(encoding="utf-8")
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    named = {re.search(r"`(test_\w+)`", section).group(1): section for section in sections}
    assert set(named) == set(laws_of(BackendConformance))
    short = [name for name, section in named.items() if len(section.splitlines()[2].split()) < 6]
    assert not short, f"their docstrings do not say why: {short}"
    assert not [name for name, section in named.items() if "Of whom: " not in section]
