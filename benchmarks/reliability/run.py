"""Measure goals: ``python benchmarks/reliability/run.py [G4 ...] [--client NAME]``; without one, all of a client's."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Not this folder itself, whose files are modules of the package: the folders of the packages that are needed.
sys.path[0:1] = [str(HERE.parent), str(ROOT / "tests" / "faults")]

from reliability.command import main  # noqa: E402 (the path comes first)

if __name__ == "__main__":
    sys.exit(main())
