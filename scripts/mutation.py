"""Mutation tests of the core: ``python scripts/mutation.py [MODULE ...]``, or ``tox run -e mutation``.

mutmut makes copies of a module with one small fault each, and runs the tests of that module against every copy. A copy
that fails no test has survived: either a test is missing, or the fault changes nothing that anybody sees. The latter
are listed, each with its reason, in ``mutation.toml``, by function and changed lines, so that they stay known where
lines move. Whatever survives and is not listed there, and whatever is listed there and does not survive, is a failure.

All of it happens in a temporary copy. ``--page`` writes the figures into ``docs/mutation.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workspace import ROOT

LIST = ROOT / "scripts" / "mutation.toml"
PAGE = ROOT / "docs" / "mutation.md"
_FIGURES = "## Figures\n"
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*")


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test fails on.

    Attributes:
        module: The file, below ``core/src/backbay``.
        function: The function or method that is changed.
        old: What the mutant changes; several lines are joined to one.
        new: What stands there instead, likewise.
    """

    module: str
    function: str
    old: str
    new: str


@dataclass
class Outcome:
    """What became of the mutants of one module."""

    counts: Counter[str] = field(default_factory=Counter)
    survivors: list[Survivor] = field(default_factory=list)


def explained(listed: Iterable[Mapping[str, str]]) -> dict[Survivor, str]:
    """Return why each known survivor makes no difference.

    Args:
        listed: What ``mutation.toml`` says: for a function and a reason, the old lines with ``-`` in front, each
            followed by all that may stand in its place, with ``+``.
    """
    known: dict[Survivor, str] = {}
    for item in listed:
        module, _, function = item["where"].partition(": ")
        old = ""
        for line in item["changes"].strip().splitlines():
            if line.startswith("-"):
                old = line[1:].strip()
            else:
                known[Survivor(module, function, old, line[1:].strip())] = item["because"]
    return known


def try_module(module: str, options: Sequence[str], folder: Path) -> Outcome:
    """Run the tests of a module against its mutants, in a copy of the core in ``folder``.

    Args:
        module: The file, below ``core/src/backbay``.
        options: Its tests, below ``core``, and other arguments of pytest.
        folder: An empty folder.

    Raises:
        SystemExit: mutmut could not run, as where a test fails without any fault.
    """
    for name in ("src", "tests"):
        shutil.copytree(ROOT / "core" / name, folder / name, ignore=_NOT_COPIED)
    shutil.copy(ROOT / "conftest.py", folder)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/backbay/{module}"],
        "also_copy": ["conftest.py"],
        "pytest_add_cli_args_test_selection": list(options),
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "timeout_multiplier": 5.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    shared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(shared + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    # It must be there before Python starts, which remembers that a folder is missing.
    (folder / "mutants" / "src").mkdir(parents=True)
    if _mutmut(folder, "run", quiet=True).returncode:
        raise SystemExit(f"{module}: mutmut failed; what it said is above.")
    return _read(module, folder)


def _read(module: str, folder: Path) -> Outcome:
    outcome = Outcome()
    for line in _mutmut(folder, "results", "--all", "true").stdout.splitlines():
        mutant, _, state = line.strip().rpartition(": ")
        if not mutant:
            continue
        count = state if state in {"killed", "timeout"} else "survived"
        outcome.counts[count] += 1
        if count == "survived":
            diff = _mutmut(folder, "show", mutant).stdout
            lines = re.findall(r"^([+-])(?![+-]{2} ) *(.*)", diff, re.MULTILINE)
            old, new = (" ".join(text for sign, text in lines if sign == side) for side in "-+")
            outcome.survivors.append(Survivor(module, _function(mutant), old, new))
    if not outcome.counts:
        raise SystemExit(f"{module}: mutmut made no mutant.")
    return outcome


def _function(mutant: str) -> str:
    """Return ``Class.method`` for ``package.module.xǁClassǁmethod__mutmut_3``, ``function`` for ``x_function__...``."""
    mangled = mutant.rpartition(".")[2].rpartition("__mutmut_")[0]
    return ".".join(mangled.split("ǁ")[1:]) or mangled.removeprefix("x_")


def _mutmut(folder: Path, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run mutmut; ``quiet``: show what it says only if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "mutants" / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["BACKBAY_CORPUS"] = str(Path(os.environ.get("BACKBAY_CORPUS", ROOT.parent / "shared")).resolve())
    command = [str(Path(sysconfig.get_path("scripts")) / "mutmut"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stdout + done.stderr)[-4000:], file=sys.stderr)
        if not quiet:
            raise SystemExit(f"`mutmut {' '.join(arguments)}` failed; what it said is above.")
    return done


def report(outcomes: Mapping[str, Outcome], known: Mapping[Survivor, str]) -> int:
    """Print what became of all mutants; return how many survivors are unknown, or known and gone."""
    survivors = [survivor for outcome in outcomes.values() for survivor in outcome.survivors]
    gone = [survivor for survivor in known if survivor.module in outcomes and survivor not in survivors]
    for survivor in [*survivors, *gone]:
        reason = known.get(survivor, "NOT EXPLAINED. Add a test, or say in scripts/mutation.toml why it is no fault.")
        if survivor in gone:
            reason = "DOES NOT SURVIVE. Take it out of scripts/mutation.toml."
        print(f"\n{survivor.module}, {survivor.function}: {reason}\n- {survivor.old}\n+ {survivor.new}")
    print("\n" + "\n".join(_table(outcomes)))
    return len([survivor for survivor in survivors if survivor not in known]) + len(gone)


def _table(outcomes: Mapping[str, Outcome]) -> list[str]:
    rows = [(module, outcome.counts) for module, outcome in outcomes.items()]
    rows.append(("all", sum((outcome.counts for outcome in outcomes.values()), Counter())))
    return [
        "| module | mutants | killed | timeouts | survived |",
        "|---|---|---|---|---|",
        *(f"| `{name}` | {n.total()} | {n['killed']} | {n['timeout']} | {n['survived']} |" for name, n in rows),
    ]


def write_page(outcomes: Mapping[str, Outcome], known: Mapping[Survivor, str]) -> None:
    """Write the figures and the survivors into the page, below its words."""
    lines = [*_table(outcomes), "", "## Survivors"]
    for module, outcome in outcomes.items():
        reasons: dict[tuple[str, str], list[str]] = {}
        for survivor in dict.fromkeys(outcome.survivors):
            reason = known.get(survivor, "not explained")
            change = [f"- {survivor.old}", f"+ {survivor.new}"]
            reasons.setdefault((survivor.function, reason), []).extend(change)
        lines += ["", f"### `{module}`"] if reasons else []
        for (function, reason), changes in reasons.items():
            lines += ["", f"`{function}`: {reason}.", "", "```diff", *changes, "```"]
    words = PAGE.read_text(encoding="utf-8").partition(_FIGURES)[0]
    PAGE.write_text(words + _FIGURES + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Try the named modules, or all; return 1 if something is not as the list says."""
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))
    modules: dict[str, list[str]] = listed["modules"]
    known = explained(listed["survivor"])
    parser = argparse.ArgumentParser(description="Run the tests of the core against faulty copies of its modules.")
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(modules)}; all if none is named")
    parser.add_argument("--page", action="store_true", help="write the figures into docs/mutation.md")
    given = parser.parse_args()
    unknown = set(given.modules) - modules.keys()
    if unknown:
        parser.error(f"mutation.toml does not list {', '.join(sorted(unknown))}")
    if given.page and given.modules:
        parser.error("the page has the figures of all modules, so name none with --page")
    outcomes: dict[str, Outcome] = {}
    for module in given.modules or modules:
        with tempfile.TemporaryDirectory() as folder:
            outcomes[module] = try_module(module, modules[module], Path(folder))
        counts = outcomes[module].counts
        print(f"{module}: {counts['killed']} killed, {counts['timeout']} timeouts, {counts['survived']} survived")
    failures = report(outcomes, known)
    if given.page:
        write_page(outcomes, known)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
