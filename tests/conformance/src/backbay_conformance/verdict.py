"""The verdict: what a report comes to, small enough for a plugin to ship as ``conformance.json`` beside its code.

docs/conformance.md describes its fields; ``backbay doctor`` shows it without importing the plugin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = 1
"""Edition of the verdict; it grows when a field changes its meaning or goes away."""

_WORDS = {"proven": "kept", "refused": "refused", "not covered": "not covered"}
"""What the report's word for a capability is here; a failed one is looked at further."""


def verdict(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdict of a report on one backend.

    Args:
        document: What ``conform.run`` returned: a run of every law.

    Raises:
        ValueError: The report is about several backends or none, or the backend could not be tried.
    """
    if len(document["backends"]) != 1:
        raise ValueError(f"a verdict is about one backend, and the report is about {len(document['backends'])}.")
    [backend] = document["backends"]
    if backend["problems"]:
        raise ValueError(f"{backend['name']} could not be tried: {backend['problems'][0]}")
    laws = {law["name"]: law for law in backend["laws"]}
    return {
        "schema": SCHEMA,
        "backend": backend["name"],
        "plugin": backend["plugin"],
        "core": document["core"],
        "suite": document["suite"],
        "python": document["python"],
        "date": document["date"],
        "verdict": backend["verdict"],
        "counts": backend["counts"],
        "broken": sorted(name for name, law in laws.items() if law["verdict"] == "broken"),
        "expected_failures": backend["expected_failures"],
        "capabilities": {
            row["capability"]: {"declared": row["declared"], "verdict": _word(row, laws)}
            for row in backend["capabilities"]
        },
    }


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write a verdict as JSON.

    Raises:
        OSError: The file cannot be written.
    """
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _word(row: Mapping[str, Any], laws: Mapping[str, Mapping[str, Any]]) -> str:
    if row["verdict"] != "failed":
        return _WORDS[row["verdict"]]
    return "broken" if any(laws[name]["verdict"] == "broken" for name in row["laws"]) else "expected failure"
