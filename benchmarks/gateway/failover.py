"""G15: sixteen ways in which a vendor fails: ``python benchmarks/gateway/failover.py``."""

from __future__ import annotations

import sys
from pathlib import Path

# Not this folder itself, whose files are modules of the package.
sys.path[0:1] = [str(Path(__file__).resolve().parents[1])]

from gateway.failing import main  # noqa: E402 (the path comes first)

if __name__ == "__main__":
    sys.exit(main())
