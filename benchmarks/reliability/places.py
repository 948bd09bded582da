"""Where things are: the repository, the corpus, the results."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results"
PAGE = ROOT / "docs" / "reliability.md"
CORPUS = Path(os.environ.get("BACKBAY_CORPUS") or ROOT.parent / "shared")


def corpus_file(name: str) -> Path:
    """Return a file of the corpus's folder ``data``.

    Raises:
        SystemExit: It is not there.
    """
    found = CORPUS / "data" / name
    if not found.is_file():
        raise SystemExit(f"There is no {name} in {CORPUS / 'data'}. Set BACKBAY_CORPUS to the corpus's folder.")
    return found
