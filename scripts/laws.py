"""Write docs/laws.md: each law of the conformance suite, what it demands, why, of whom, and the saboteurs it catches.

``python scripts/laws.py`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator

from workspace import ROOT

PAGE = ROOT / "docs" / "laws.md"
HEAD = """# Laws

A law is a test of `backbay-conformance`: its name is what it demands. This page is made from the laws themselves, by
`python scripts/laws.py`.

- *Of whom*: **HTTP** is a backend that speaks HTTP, **engine** one in this process, **all** is both.
- *Decided by*: the capabilities that say which of two things is tried. Where it is declared, the law is that it works;
  where not, that a call which needs it is refused before any byte leaves. A law without one holds for every backend.
- *Catches*: the [saboteurs](saboteurs.md) that the suite is tested with and that this law is meant for.

The rules by which laws come, change and go are in [the suite's page](conformance.md#versions).
"""
MOST_SHOWN = 4
BY_PARAMETER = {
    "scenario": "what the scenario needs",
    "use": "the capability that the case is about",
    "facet": "the facet that the case is about",
    "medium": "what is in the turn",
}


def page() -> str:
    """Return the page as it should be."""
    from backbay_conformance import BackendConformance
    from backbay_conformance.laws import Laws

    parts = [HEAD]
    for group in sorted(BackendConformance.__bases__, key=lambda kind: kind.__module__):
        if issubclass(group, Laws):
            parts.append(f"\n## {_title(group)}\n\n{_prose(group.__doc__)}\n")
            laws = [value for name, value in vars(group).items() if name.startswith("test_")]
            parts += [_law(law) for law in laws]
    return "".join(parts)


def _title(group: type) -> str:
    return group.__module__.rpartition(".")[2].capitalize()


def _law(law: object) -> str:
    from backbay_conformance.provisional import counts_from, since_of
    from backbay_conformance.saboteurs.intended import LAWS

    name = str(getattr(law, "__name__", law))
    claim = name.removeprefix("test_").replace("_", " ")
    lines = [f"\n### {claim[:1].upper()}{claim[1:]}\n", f"{_prose(getattr(law, '__doc__', None))}\n"]
    facts = [f"Of whom: {_whom(law)}."]
    decided = list(_decided_by(law))
    facts += [f"Decided by: {', '.join(decided)}."] if decided else []
    caught = [f"`{saboteur}`" for saboteur, meant in LAWS.items() if meant == name]
    facts += [f"Catches: {', '.join(caught)}."] if caught else []
    since = since_of(law)
    facts += [f"Provisional since {since}; it counts from {counts_from(since)}."] if since else []
    return "\n".join([*lines, " ".join(facts), "", f"`{name}`", ""])


def _marks(law: object, name: str) -> Iterator[tuple[object, ...]]:
    for mark in getattr(law, "pytestmark", ()):
        if mark.name == name:
            yield mark.args


def _whom(law: object) -> str:
    if any(True for _ in _marks(law, "wire")):
        return "HTTP"
    return "engine" if any(True for _ in _marks(law, "engine")) else "all"


def _decided_by(law: object) -> Iterator[str]:
    from backbay_conformance.recording import needs_of

    for capabilities in _marks(law, "proves"):
        yield from (f"`{capability}`" for capability in capabilities)
    for arguments in _marks(law, "parametrize"):
        parameter, values = str(arguments[0]), arguments[1]
        assert hasattr(values, "__iter__"), f"the values of {parameter} cannot be read"
        found = sorted({str(need) for value in values for need in needs_of(value, streamed=False)})
        if len(found) > MOST_SHOWN or (found and parameter in BY_PARAMETER):
            yield BY_PARAMETER[parameter]
        else:
            yield from (f"`{capability}`" for capability in found)


def _prose(text: str | None) -> str:
    """Return a docstring as Markdown, in one paragraph."""
    plain = " ".join(inspect.cleandoc(text or "").split())
    return re.sub(r"``(.+?)``", r"`\1`", plain)


def main() -> int:
    """Write or check the page; return the exit code."""
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
