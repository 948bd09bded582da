"""Which pages there are, and what stands in them: blocks of code, with what kind they are and whether they run."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,})(?P<language>[\w+-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=marks) *$",
    re.DOTALL | re.MULTILINE,
)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>[^\n]+?) -->\s*\Z")
_INDENTED = re.compile(r"(?:^ {4}\S.*\n(?:^(?: {4}.*)?\n)*?(?=^(?: {0,3}\S|\Z))|^ {4}\S.*\n)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
        page: The page's path in the repository.
        line: The line of the page on which its code begins.
        language: What stands after the marks, such as ``python``; empty for none, and for an indented block.
        code: The code, without the page's indentation.
        not_run: Why it is not run, as the comment before it says; ``None`` for a block that is.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str | None


def pages() -> list[str]:
    """Return every page whose code runs, as paths in the repository."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "core" / "README.md"]
    found += [*ROOT.glob("plugins/*/*/README.md"), ROOT / "tests" / "conformance" / "README.md"]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def missing(page: str) -> str | None:
    """Return the name of the distribution whose page it is, if it is not installed; else ``None``."""
    settings = (ROOT / page).parent / "pyproject.toml"
    if "/" not in page or not settings.exists():
        return None
    name = str(tomllib.loads(settings.read_text(encoding="utf-8"))["project"]["name"])
    try:
        distribution(name)
    except PackageNotFoundError:
        return name
    return None


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order; those without marks too."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [_block(page, text, match) for match in _FENCE.finditer(text)]
    without = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INDENTED.finditer(without):
        line = without[: match.start()].count("\n") + 1
        found.append(Block(page, line, "", _flush(match[0], 4), None))
    return sorted(found, key=lambda block: block.line)


def _block(page: str, text: str, match: re.Match[str]) -> Block:
    said = _NOT_RUN.search(text[: match.start()])
    code = _flush(match["code"], len(match["indent"]))
    line = text[: match.start("code")].count("\n") + 1
    return Block(page, line, match["language"], code, said["reason"] if said else None)


def _flush(code: str, indent: int) -> str:
    return "".join(line[indent:] if line[:indent].isspace() else line for line in code.splitlines(keepends=True))
