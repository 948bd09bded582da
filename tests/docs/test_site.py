"""The site, without building it: pages can be reached, names are documented, figures are from where they say."""

from __future__ import annotations

import re

import pytest
from doc_blocks.pages import ROOT

import backbay

DOCS = ROOT / "docs"
_SETTINGS = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
_NAV = _SETTINGS[_SETTINGS.index("\nnav:") :]
_MADE = {"reference/cli.md", "security.md", "contributing.md"}
"""Pages of the menu that scripts/docs_site.py makes; so it does those of benchmarks, packages and examples."""


def _listed():
    return re.findall(r"[\w./-]+\.md", _NAV)


def test_every_page_is_in_the_menu_once():
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    listed = [page for page in _listed() if not page.startswith("benchmarks/") and page not in _MADE]
    assert sorted(listed) == sorted(pages - {"examples/index.md"}), "list it in mkdocs.yml, under nav"


def test_the_menu_names_no_page_that_is_not_there():
    there = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/**/README.md")}
    assert {page for page in _listed() if page.startswith("benchmarks/")} == {
        "benchmarks/index.md" if path == "benchmarks/README.md" else path.replace("/README.md", ".md") for path in there
    }


def _links(page):
    text = re.sub(r"^( *)```.*?^\1```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize(
    "page",
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/**/*.md", "core/*.md", "plugins/*/*/*.md", "benchmarks/**/*.md", "tests/*/*.md")
        for path in ROOT.glob(pattern)
    ),
)
def test_every_link_within_the_repository_leads_somewhere(page):
    lost = []
    for link in _links(page):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            lost.append(link)
    assert lost == []


def _anchors(path):
    headings = re.findall(r"^#{1,6} +(.+?) *$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"`|\*\*|\[([^\]]*)\]\([^)]*\)", r"\1", text)) for text in headings]
    return {text.strip().lower().replace(" ", "-") for text in plain}


def test_every_public_name_of_the_core_is_in_the_reference_once():
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted((DOCS / "reference").glob("*.md")))
    shown = re.findall(r"^::: backbay\.(\w+)$", pages, re.MULTILINE)
    errors = {name for name in backbay.__all__ if getattr(backbay, name).__module__ == "backbay.errors"}
    assert shown.count("errors") == 1
    assert sorted(name for name in shown if name != "errors") == sorted(set(backbay.__all__) - errors)


def test_every_figure_of_the_comparison_is_on_the_page_that_it_is_said_to_be_from():
    text = (DOCS / "comparison.md").read_text(encoding="utf-8")
    figures = text[text.index("\n## Figures") :]
    missing, looked_at = [], 0
    for section in figures.split("\n### ")[1:]:
        [source] = re.findall(r"^From \[[^\]]+\]\(([\w-]+\.md)\)", section, re.MULTILINE)
        measured = (DOCS / source).read_text(encoding="utf-8")
        for row in re.findall(r"^\| .+\|$", section, re.MULTILINE)[1:]:
            for cell in row.strip("| ").split(" | ")[1:]:
                looked_at += 1
                if not re.search(rf"(?<![\d.,]){re.escape(cell.strip())}(?![\d]|[.,]\d)", measured):
                    missing.append(f"{source}: {cell}")
    assert missing == []
    assert looked_at > 30


def test_the_site_asks_nobody_else_for_anything():
    assert re.search(r"^  font: false$", _SETTINGS, re.MULTILINE)
    assert "site_url" not in _SETTINGS
    assert "://" not in _SETTINGS
    css = (DOCS / "site.css").read_text(encoding="utf-8")
    assert "url(" not in css
    assert "@import" not in css


def test_the_environment_that_builds_the_site_is_strict():
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    assert "mkdocs build --strict" in tox.partition("[testenv:docs]")[2].partition("[testenv:")[0]
    assert _SETTINGS.count(": warn\n") >= 6
