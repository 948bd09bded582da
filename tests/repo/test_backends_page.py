"""The page of backends, the command line's list of them and core's table of names say what the plugins declare."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

import backbay
from backbay.known import KNOWN

LIST = "plugins/extensions/cli/src/backbay_cli/available.json"


@pytest.fixture(scope="module")
def registered(plugins):
    """The distribution of each backend that is here, by the backend's name."""
    return {
        name: plugin.name
        for plugin in plugins
        if plugin.kind == "backends"
        for name in plugin.project["entry-points"]["backbay.backends"]
    }


def test_everything_that_is_made_from_the_specs_is_up_to_date(root):
    command = [sys.executable, "scripts/backends.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), "run `python scripts/backends.py`"


def test_the_page_has_every_backend_once_in_a_table_and_once_by_itself(root, registered):
    page = (root / "docs" / "backends.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[([\w-]+)\]\(#\1\) \|", page, re.MULTILINE)) == sorted(registered)
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    alone = {name: section for section in sections if (name := section.splitlines()[0]) in registered}
    assert sorted(alone) == sorted(registered)
    for name, distribution in registered.items():
        assert f"`pip install {distribution}`" in alone[name]


def test_every_row_of_a_table_of_the_page_has_a_cell_for_every_heading(root):
    page = (root / "docs" / "backends.md").read_text(encoding="utf-8")
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in page.splitlines() if line.startswith("|")} == {7}


def test_the_command_line_and_core_know_every_backend_and_its_distribution(root, registered):
    listed = json.loads((root / LIST).read_text(encoding="utf-8"))["backends"]
    assert {entry["name"]: entry["distribution"] for entry in listed} == registered == KNOWN


def test_a_backend_says_where_its_facts_are_from_and_when_that_was_read(backend):
    for name in backend.project["entry-points"]["backbay.backends"]:
        spec = backbay.resolve(name)
        if spec.speaks_http:
            assert spec.sources, f"fill in `sources` of the spec of {name}, then run `python scripts/backends.py`"
            undated = [what for what, where in spec.sources.items() if not re.search(r"\b20\d\d\b", where)]
            assert not undated, f"{name} does not say when it read the source of {', '.join(undated)}"
