"""Write ``docs/vendors.md``: what each backend of this repository declares, capability by capability.

``python scripts/vendors.py`` writes it, from the specs as they are installed; ``--check`` only says whether it is up to
date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from backbay.capabilities import Capability, Support
from backbay.registry import resolve
from backbay.spec import BackendSpec
from workspace import ROOT, distributions

PAGE = ROOT / "docs" / "vendors.md"

WORDS = {
    Support.FULL: "yes",
    Support.VERSIONED: "some",
    Support.NOT_IMPLEMENTED: "not yet",
    Support.UNSUPPORTED: "no",
    Support.UNKNOWN: "?",
}
"""How the page says each support value."""

_HEAD = """# Backends and what they can do

What the backends of this repository declare. The conformance suite holds each to it: what is declared must work, and
what is not is refused before any byte is sent. This page is made by `python scripts/vendors.py`.

- **yes**: it works.
- **some**: some models or server versions can; the vendor decides at the call.
- **not yet**: the vendor can, the plugin does not; it is refused.
- **no**: the vendor cannot; it is refused.
- **?**: nobody has said; what is an option of a call is tried, what is a method of its own is refused.
"""


def specs() -> list[BackendSpec]:
    """Return the specs of the backends in this repository, by name."""
    names = sorted(member.folder.name for member in distributions() if member.kind == "backends")
    return [resolve(name) for name in names]


def page(backends: Sequence[BackendSpec]) -> str:
    """Return the page about some backends."""
    names = [spec.name for spec in backends]
    facts = [
        ["distribution", *(f"`backbay-{name}`" for name in names)],
        ["for", *(spec.label or spec.name for spec in backends)],
        ["speaks", *(", ".join(f"`{wire}`" for wire in spec.wires) or "in this process" for spec in backends)],
        ["needs a key", *("yes" if spec.requires_credential else "no" for spec in backends)],
    ]
    matrix = [
        [capability.replace("_", " "), *(WORDS[spec.capabilities[capability]] for spec in backends)]
        for capability in Capability
    ]
    parts = [_HEAD, _table(["", *names], facts), _table(["capability", *names], matrix), *_models(backends)]
    return "\n".join(parts)


def _models(backends: Iterable[BackendSpec]) -> list[str]:
    rows = [
        [
            spec.name,
            f"`{rule.prefix}`",
            ", ".join(_differs(name, support) for name, support in rule.capabilities.items()),
        ]
        for spec in backends
        for rule in spec.models
    ]
    said = "Some models differ from the rest of their backend: those with this name, or whose name begins with it.\n"
    return ["## Models\n", said, _table(["backend", "model", "differs in"], rows)] if rows else []


def _differs(name: str, support: str) -> str:
    return f"{name.replace('_', ' ')}: {WORDS[Support(support)]}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|\n" for line in lines)


def main() -> int:
    """Write the page, or check it; return 1 if it is not up to date."""
    parser = argparse.ArgumentParser(description="Write docs/vendors.md from the installed specs.")
    parser.add_argument("--check", action="store_true", help="write nothing; say whether it is up to date")
    text = page(specs())
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if _present(PAGE) == text:
        return 0
    print("docs/vendors.md is not up to date: run `python scripts/vendors.py`.", file=sys.stderr)
    return 1


def _present(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
