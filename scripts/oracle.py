"""Compare Backbay with the vendors' own SDKs: ``tox run -e oracle``, which installs them.

Runs ``tests/oracle``, with any arguments of pytest. ``--page`` writes what was found into ``docs/oracle.md`` first.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module

from workspace import ROOT

PAGE = ROOT / "docs" / "oracle.md"
_PACKAGES = [str(ROOT / "tests" / "oracle"), str(ROOT / "tests" / "recorded")]


def main(arguments: Sequence[str]) -> int:
    """Write the page if that is asked for, then run the tests; return pytest's exit code."""
    options = [argument for argument in arguments if argument != "--page"]
    if len(options) < len(arguments):
        sys.path[:0] = _PACKAGES
        PAGE.write_text(import_module("official_sdks.page").page(), encoding="utf-8")
    return subprocess.run([sys.executable, "-m", "pytest", "tests/oracle", *options], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
