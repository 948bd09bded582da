"""Every backend ships a verdict on itself as it is now, which says that it keeps the contract; and is on the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

import backbay


def _verdict(backend):
    file = backend.folder / "src" / backend.package / "conformance.json"
    assert file.exists(), f"run `python scripts/verdicts.py {backend.folder.name}`"
    return json.loads(file.read_text(encoding="utf-8"))


def _check(root, script):
    command = [sys.executable, f"scripts/{script}.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.returncode, done.stderr


class _Matrix(HTMLParser):
    """The rows of the page's matrix, by their ids, and its headings."""

    def __init__(self, text):
        super().__init__()
        self.rows = {}
        self.tags = set()
        self.heads = []
        self._open = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        named = dict(attrs)
        if tag == "tr":
            self._open = self.rows.setdefault(named.get("id"), [])
        elif tag == "td" and self._open is not None:
            self._open.append("")
        elif tag == "span" and named.get("class") == "up":
            self.heads.append("")

    def handle_data(self, data):
        if self.heads and not self.heads[-1]:
            self.heads[-1] = data
        elif self._open:
            self._open[-1] += data


def test_a_backend_ships_a_verdict_for_its_version_in_which_nothing_is_broken(backend):
    found = _verdict(backend)
    assert (found["schema"], found["backend"]) == (1, backend.folder.name)
    assert found["plugin"] == {"name": backend.name, "version": backend.project["version"]}
    assert (found["verdict"], found["broken"], found["counts"]["broken"]) == ("kept", [], 0)
    assert found["counts"]["laws"] == sum(number for name, number in found["counts"].items() if name != "laws")
    assert found["counts"]["kept"] > 10
    assert all(isinstance(reason, str) and reason for reason in found["expected_failures"].values())
    assert datetime.fromisoformat(found["date"]) < datetime.now(UTC)


def test_a_verdict_is_about_what_the_backend_declares_today(backend):
    declared = {str(name): str(support) for name, support in backbay.resolve(backend.folder.name).capabilities.items()}
    found = {name: row["declared"] for name, row in _verdict(backend)["capabilities"].items()}
    assert found == declared, f"run `python scripts/verdicts.py {backend.folder.name}`"


def test_the_pages_of_verdicts_are_up_to_date(root):
    assert _check(root, "verdicts") == (0, "")


def test_the_page_of_saboteurs_is_up_to_date(root):
    assert _check(root, "saboteurs") == (0, "")


@pytest.fixture(scope="module")
def names(plugins):
    """The names of the backends that are here."""
    return sorted(plugin.folder.name for plugin in plugins if plugin.kind == "backends")


def test_every_table_of_the_page_has_every_backend_and_together_they_have_every_capability(root, names):
    text = (root / "docs" / "verdicts.md").read_text(encoding="utf-8")
    page = text.partition("\n## Expected failures\n")[0].partition("\n## Models\n")[0]
    tables = re.findall(r"^\| backend \|(.*)\n\|[ -|]*\n((?:\|.*\n)+)", page, re.MULTILINE)
    heads = {head.strip() for table, _ in tables for head in table.split("|")}
    assert {capability.replace("_", " ") for capability in backbay.Capability} <= heads
    for _, rows in tables:
        assert re.findall(r"^\| \[([\w-]+)\]", rows, re.MULTILINE) == names


def test_the_matrix_has_a_row_for_every_backend_and_a_column_for_every_capability_and_stands_alone(root, names):
    text = (root / "docs" / "verdicts.html").read_text(encoding="utf-8")
    page = _Matrix(text)
    assert sorted(name for name in page.rows if name) == names
    assert sorted(page.heads) == sorted(capability.replace("_", " ") for capability in backbay.Capability)
    verdicts = ("kept", "refused", "broken", "expected failure", "not covered")
    for name in names:
        cells = page.rows[name][1:]
        assert len([cell for cell in cells if cell.endswith(verdicts)]) == len(backbay.Capability)
    assert not {"script", "link", "img", "iframe"} & page.tags
    assert "url(" not in text
