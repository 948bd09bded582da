"""The page of faults says what the tests of tests/faults are, and an empty row of it can be seen."""

from __future__ import annotations

import re
import subprocess
import sys


def test_the_page_of_faults_is_up_to_date_and_the_tests_that_it_names_are_there(root):
    command = [sys.executable, "scripts/faults.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), "run `python scripts/faults.py`"


def test_every_number_of_the_catalogue_has_one_row_with_a_cell_for_every_heading(root):
    page = (root / "docs" / "faults.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(range(1, 171))
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in page.splitlines() if line.startswith("|")} == {6}
