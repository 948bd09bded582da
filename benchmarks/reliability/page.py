"""Write docs/reliability.md from the figures in ``results``: ``python benchmarks/reliability/page.py [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0:1] = [str(HERE.parent), str(HERE.parents[1] / "tests" / "faults")]

from reliability.report import main  # noqa: E402 (the path comes first)

if __name__ == "__main__":
    sys.exit(main())
