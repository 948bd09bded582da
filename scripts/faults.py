"""Write docs/faults.md: each numbered fault, the tests that hold it, and those that are known to fail, with the reason.

``python scripts/faults.py`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workspace import ROOT

if TYPE_CHECKING:
    from fault_rig.faults import Fault

PAGE = ROOT / "docs" / "faults.md"
HEAD = """# Faults

What goes wrong around a call to a language model, by number, and the tests that show what then comes of it. This page
is made from the tests themselves, by `python scripts/faults.py`.

The rig is `tests/faults`: a server in a process of its own that goes wrong by plan, byte for byte, and logs what it
sees. Around every test stands a guard: no descriptor, task or thread may be left, no warning be given, and the key be
in no error and no log. Each fault of the rig is a case of `test_fault`, so that one of them is run by

    pytest tests/faults -k 017

Those of calls, up to number 136, are tried twice: with the default transport, and with aiohttp.

- **rig** has the cases of the rig: the error's class, whether it is tried again, the attempts that the server counted,
  and the partial answer are asserted in each.
- **elsewhere** has other tests of this repository that hold it as well, or alone.
- **known to fail** has cases that fail, with the part of the work that will mend them. They are marked so in the tests,
  and one that passes after all is a failure too: so the list stays true.
- **not held** is a row that nothing covers.

"""


def page() -> str:
    """Return the page as it should be."""
    sys.path.insert(0, str(ROOT / "tests" / "faults"))
    from fault_rig.catalogue import all_faults
    from fault_rig.covered import NAMES, SECTIONS

    faults = all_faults()
    held = {number for number in NAMES if _cells(number, faults)[0] or _cells(number, faults)[1]}
    failing = {fault.number for fault in faults if fault.expected is not None}
    parts = [HEAD, _sum(len(NAMES), held, failing, sum(len(fault.hows) for fault in faults))]
    for title, (first, last) in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| # | fault | rig | elsewhere | known to fail |\n|--|--|--|--|--|\n")
        parts += [_row(number, faults) for number in range(first, last + 1)]
    return "".join(parts)


def _sum(count: int, held: set[int], failing: set[int], cases: int) -> str:
    return (
        f"Of {count} faults {len(held)} are held by tests; {len(failing)} of these have a case that is known to fail. "
        f"The rig has {cases} cases.\n"
    )


def _row(number: int, faults: Sequence[Fault]) -> str:
    from fault_rig.covered import LATER, NAMES

    rig, elsewhere, failing = _cells(number, faults)
    if not rig and not elsewhere:
        later = LATER.get(number)
        rig = f"**later:** {later}" if later else "**not held**"
    return f"| {number} | {NAMES[number]} | {rig} | {elsewhere} | {failing} |\n"


def _cells(number: int, faults: Sequence[Fault]) -> tuple[str, str, str]:
    from fault_rig.covered import ELSEWHERE

    own = [fault for fault in faults if fault.number == number]
    elsewhere = [f"`{test.rpartition('/')[2]}`" for test in ELSEWHERE.get(number, ())]
    failing = [f"{_said(fault)}: {_cell(fault.expected)}" for fault in own if fault.expected is not None]
    return "; ".join(dict.fromkeys(map(_said, own))), "<br>".join(elsewhere), "<br>".join(dict.fromkeys(failing))


def _said(fault: Fault) -> str:
    return _cell(fault.name.replace("_", " "))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def missing() -> Iterator[str]:
    """Yield tests that the page names, and that are not there."""
    from fault_rig.covered import ELSEWHERE

    for tests in ELSEWHERE.values():
        for test in tests:
            file, _, name = test.partition("::")
            path = ROOT / file
            if not path.is_file() or f"def {name}(" not in path.read_text(encoding="utf-8"):
                yield test


def main() -> int:
    """Write the page, or check it."""
    made = page()
    lost = list(missing())
    if lost:
        sys.stderr.write("tests/faults/fault_rig/covered.py names tests that are not there: " + ", ".join(lost) + "\n")
        return 1
    if "--check" in sys.argv[1:]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
            return 0
        sys.stderr.write("docs/faults.md is out of date; run `python scripts/faults.py`.\n")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
