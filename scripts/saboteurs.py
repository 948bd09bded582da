"""Write docs/saboteurs.md: each wrong backend that the suite is tested with, and the law that catches it.

``python scripts/saboteurs.py`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys

from workspace import ROOT

PAGE = ROOT / "docs" / "saboteurs.md"
HEAD = """# Saboteurs

Backends that are wrong in one way each. The suite is run against every one of them, and the law that is meant for it
must fail; their twins without a defect keep every law. This page is made by `python scripts/saboteurs.py`. What each
law demands, and why, is on the page of [laws](laws.md).

Two of them have every defect at once: `SameWords` and `SameWordsOverHTTP` answer "you you you" to everything, whatever
the prompt, the stop sequences, the temperature, `max_tokens` and the limits; they used 0 tokens, and never fail. The
same backend in the shape of another library passes its standard suite (langchain-tests 1.1.9: 25 passed, 35 skipped, 0
failed), since that looks at the types of what comes back. Here, held by `tests/conformance/tests/test_monotone.py`,
{same_words}.

| saboteur | what is wrong with it | the law that catches it |
| --- | --- | --- |
"""


def page() -> str:
    """Return the page as it should be."""
    from backbay_conformance.saboteurs import SABOTEURS
    from backbay_conformance.saboteurs.intended import LAWS, LEAST_BROKEN

    rows = []
    for name, saboteur in SABOTEURS.items():
        law = LAWS[name].removeprefix("test_").replace("_", " ")
        rows.append(f"| `{name}` | {saboteur.defect} | {law} |")
    broken = ", and ".join(f"`{name}` breaks at least {count} laws" for name, count in LEAST_BROKEN.items())
    return HEAD.format(same_words=broken) + "\n".join(rows) + "\n"


def main() -> int:
    """Write or check the page; return the exit code."""
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
