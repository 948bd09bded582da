"""Every block of Python in the documentation runs: with the model in the process, and with vendors on the loopback."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from doc_blocks.pages import ROOT, blocks, missing, pages

_EXPORTED = re.compile(r"^ *export ([A-Z][A-Z0-9_]*)=(\S+)$", re.MULTILINE)
_NAMED = re.compile(r"\benv:([A-Z][A-Z0-9_]*)\b")
_GENERAL = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
"""Keys that a page has which is no backend's own: it need not say for each example where the key is."""
_NOT_RUN = 1
"""How many blocks of Python say that they are not run: signing in with a browser. Count again before you raise it."""

_WITH_PYTHON = [page for page in pages() if any(block.language == "python" for block in blocks(page))]


def _said_by(page):
    """Return the variables that a page says to set, or where its keys are; each key is made up."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = [*_NAMED.findall(text), *(() if page.startswith("plugins/backends/") else _GENERAL)]
    exported = {name: "made-up-key" if value == "..." else value for name, value in _EXPORTED.findall(text)}
    return dict.fromkeys(named, "made-up-key") | exported


@pytest.mark.parametrize("page", _WITH_PYTHON)
def test_the_python_of_a_page_runs(page, bare_environment, tmp_path):
    if name := missing(page):
        pytest.skip(f"{name} is not installed here")
    environment = bare_environment | _said_by(page)
    work = tmp_path / "work"  # what a block writes, it writes here
    work.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "doc_blocks.run", page, str(tmp_path / "project")]
    ended = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0, f"{page}: a block does not run\n{ended.stdout[-2000:]}\n{ended.stderr[-4000:]}"


def test_no_more_blocks_are_left_out_than_have_a_reason():
    left_out = [
        f"{block.page}:{block.line}: {block.not_run}"
        for page in pages()
        for block in blocks(page)
        if block.language == "python" and block.not_run is not None
    ]
    assert len(left_out) == _NOT_RUN, left_out
