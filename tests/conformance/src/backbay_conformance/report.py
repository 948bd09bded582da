"""The report of a run: gathered in the process that pytest was started in, written as JSON and as a page.

docs/conformance.md describes the schema of the JSON.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from . import recording
from .provisional import VERDICT

SCHEMA = 1
"""Edition of the JSON; it grows when a field changes its meaning or goes away."""

_WORST = {"kept": 0, VERDICT: 1, "expected failure": 2, "broken": 3}


class Recorder:
    """Keeps what laws came to, and writes it when the session ends.

    Args:
        path: A ``.json`` file, an ``.html`` page, or a folder for both.

    Raises:
        ValueError: The path has another ending; or it, or its folder, is something else.
        OSError: The folder cannot be made or written.
    """

    def __init__(self, path: str) -> None:
        self._files = files_of(Path(path))
        self._records: list[dict[str, Any]] = []
        self._began = datetime.now(UTC)
        self._clock = time.monotonic()
        self._said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the record that a report brings, from a worker or from here."""
        found = recording.unpacked(report.user_properties) if report.user_properties else None
        if found is not None:
            self._records.append(found)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the files; a disk that is full is said, and makes the run fail."""
        from .page import page

        made = document(self._records, self._began, time.monotonic() - self._clock)
        try:
            for file in self._files:
                text = page(made) if file.suffix == ".html" else json.dumps(made, indent=2, ensure_ascii=False) + "\n"
                file.write_text(text, encoding="utf-8")
        except OSError as failure:
            self._said = f"The conformance report could not be written: {failure}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        else:
            self._said = f"conformance report: {', '.join(map(str, self._files))}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the report is."""
        terminalreporter.write_line(self._said)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that a path asks for, and make their folder.

    Raises:
        ValueError: The path has another ending than those that mean something; or a file stands where a folder goes.
        OSError: The folder cannot be made or written.
    """
    if path.suffix in {".json", ".html"}:
        if path.is_dir():
            raise ValueError("it is a folder; give it another name, or no ending.")
        files: tuple[Path, ...] = (path,)
    elif path.suffix and not path.is_dir():
        raise ValueError(f"what is written is .json, .html, or both into a folder; nothing ends with {path.suffix}.")
    else:
        files = (path / "conformance.json", path / "conformance.html")
    folder = files[0].parent
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give the path of a folder, or one that ends with .json or .html.")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder {folder} cannot be written to.")
    return files


def document(records: Iterable[Mapping[str, Any]], began: datetime, seconds: float) -> dict[str, Any]:
    """Return the report of all that was tried, as JSON has it."""
    by_test: dict[str, list[Mapping[str, Any]]] = {}
    for found in records:
        by_test.setdefault(found["test"], []).append(found)
    backends = [_backend(test, found) for test, found in sorted(by_test.items())]
    return {
        "schema": SCHEMA,
        "suite": {"name": "backbay-conformance", "version": recording.version_of("backbay-conformance")},
        "core": {"name": "backbay", "version": recording.version_of("backbay")},
        "python": platform.python_version(),
        "date": began.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(seconds, 3),
        "verdict": "kept" if backends and all(one["verdict"] == "kept" for one in backends) else "broken",
        "backends": backends,
    }


def _backend(test: str, records: list[Mapping[str, Any]]) -> dict[str, Any]:
    problems = [found["problem"] for found in records if "problem" in found]
    laws = _laws([found for found in records if "law" in found])
    counts = {verdict: sum(law["verdict"] == verdict for law in laws) for verdict in _WORST}
    facts = dict(records[0]["backend"])
    declared = facts.pop("declared")
    return {
        **facts,
        "test": test,
        "verdict": "kept" if laws and not problems and not counts["broken"] else "broken",
        "problems": problems,
        "counts": {"laws": len(laws), **{_key(verdict): number for verdict, number in counts.items()}},
        "seconds": round(sum(law["seconds"] for law in laws), 3),
        "capabilities": _matrix(declared, [found for found in records if "law" in found]),
        "laws": laws,
    }


def _key(verdict: str) -> str:
    return verdict.replace(":", "").replace(" ", "_")


def _laws(records: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    laws: dict[tuple[str, str], dict[str, Any]] = {}
    for found in records:
        law = found["law"]
        made = laws.setdefault((law["group"], law["name"]), {**law, "verdict": "kept", "seconds": 0.0, "cases": {}})
        case = {name: found[name] for name in ("case", "verdict", "seconds", "reason", "evidence")}
        before = made["cases"].get(found["case"])
        # What a law left behind may fail after the law itself was kept: the worse one counts.
        if before is None or _WORST[case["verdict"]] > _WORST[before["verdict"]]:
            made["cases"][found["case"]] = case
        made["seconds"] = round(made["seconds"] + found["seconds"], 4)
        made["verdict"] = max(made["verdict"], found["verdict"], key=_WORST.__getitem__)
    return [{**law, "cases": [case for _, case in sorted(law["cases"].items())]} for _, law in sorted(laws.items())]


def _matrix(declared: Mapping[str, str], records: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each capability, what is declared and what was found."""
    rows = []
    for capability, support in declared.items():
        # A provisional law that is broken breaks nothing, and proves nothing.
        about = [found for found in records if found["verdict"] != VERDICT and _is_about(found, capability)]
        broken = [found for found in about if found["verdict"] != "kept"]
        refused = [found for found in about if found["refused"] == capability]
        verdict = "failed" if broken else "refused" if refused else "proven" if about else "not covered"
        rows.append(
            {
                "capability": capability,
                "declared": support,
                "verdict": verdict,
                "laws": sorted({found["law"]["name"] for found in (broken or refused or about)}),
            }
        )
    return rows


def _is_about(found: Mapping[str, Any], capability: str) -> bool:
    """Whether a case says something of a capability: it needed it; or it was refused, then for the first it lacked."""
    return capability == found["refused"] if found["refused"] else capability in found["capabilities"]
