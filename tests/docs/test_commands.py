"""Every command line in the documentation is one that there is: of ``backbay``, of pip, of tox and of the scripts."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest
from doc_blocks.pages import ROOT, blocks, missing, pages
from typer.main import get_command

_SHELLS = {"", "sh", "console", "bash", "shell"}
_DISTRIBUTIONS = {
    tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"]
    for path in ROOT.glob("**/pyproject.toml")
    if {"core", "plugins", "tests"} & set(path.relative_to(ROOT).parts[:-1]) and "project" in path.read_text("utf-8")
}
_OTHERS = {"hatchling", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "ray", "pyarrow"}
"""Other people's distributions that a page says to install beside ours."""


def _lines():
    """Yield each simple command of the blocks for a shell, with its place."""
    for page in pages():
        for block in blocks(page):
            if block.language in _SHELLS:
                for number, line in enumerate(block.code.replace("\\\n", " \n").splitlines()):
                    # What stands after two spaces says what the line does.
                    command = re.split(r"\s{2,}|\s#", line.strip().removeprefix("$ "))[0]
                    for part in re.split(r"\s*(?:\||&&|>|<)\s*", command):
                        yield f"{page}:{block.line + number}", part


_COMMANDS = [(place, part) for place, part in _lines() if re.match(r"(?:[A-Z_]+=\S+ )*backbay\b", part)]
_INSTALLS = [(place, part) for place, part in _lines() if re.match(r"(?:python3? -m )?pip install\b", part)]
_TOX = [(place, part) for place, part in _lines() if part.startswith("tox run")]
_SCRIPTS = [(place, part) for place, part in _lines() if re.match(r"python3? [\w/]+\.py\b", part)]


@pytest.fixture(scope="module")
def command():
    """The command line, with the commands of every distribution that is installed."""
    from backbay_cli.app import build

    return get_command(build(["--help"]))


@pytest.mark.parametrize(("place", "line"), _COMMANDS, ids=[place for place, _ in _COMMANDS])
def test_a_command_line_is_one_that_backbay_takes(place, line, command, tmp_path, monkeypatch):
    if name := missing(place.partition(":")[0]):
        pytest.skip(f"{name} is not installed here")
    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    for word in words[1:]:  # files that an option wants to be there
        if re.fullmatch(r"[\w-]+\.(json|jsonl|toml|png|parquet)", word):
            (tmp_path / word).write_text("{}", encoding="utf-8")
    _parse(command, words)


def _parse(command, words):
    """Parse the words as typer does, down to the innermost command, and run nothing."""
    context = command.make_context(words[0], words[1:])
    while hasattr(command, "resolve_command"):
        left = [*context._protected_args, *context.args]
        if not left:
            break
        name, command, rest = command.resolve_command(context, left)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("place", "line"), _INSTALLS, ids=[place for place, _ in _INSTALLS])
def test_what_pip_installs_is_a_distribution_of_this_repository(place, line):
    named = [word for word in shlex.split(line)[2:] if not word.startswith((".", "-"))]
    names = {re.split(r"[\[<>=!~]", word)[0] for word in named} - {"install"}
    assert names <= _DISTRIBUTIONS | _OTHERS


@pytest.mark.parametrize(("place", "line"), _TOX, ids=[place for place, _ in _TOX])
def test_an_environment_of_tox_is_one_that_there_is(place, line):
    there = re.findall(r"^\[testenv:([\w-]+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    assert line.split()[line.split().index("-e") + 1] in {*there, "py311", "py312", "py313"}


@pytest.mark.parametrize(("place", "line"), _SCRIPTS, ids=[place for place, _ in _SCRIPTS])
def test_a_script_is_one_that_there_is(place, line):
    assert (ROOT / line.split()[1]).exists()
