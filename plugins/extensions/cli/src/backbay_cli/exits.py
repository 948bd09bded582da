"""The exit codes, the same for every command."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""It worked."""

FAILED: Final = 1
"""The backend failed, or something that was looked at is broken or unreachable."""

USAGE: Final = 2
"""Nothing was sent: bad usage, bad input, an unknown backend, a missing key."""

PARTIAL: Final = 3
"""The answer was cut: part of it came and was printed, then the backend failed or a limit ran out."""

INTERRUPTED: Final = 130
"""Ctrl-C. What had been said is kept."""

HELP: Final = (
    "Exit codes: 0 it worked; 1 the backend failed, or something is broken or unreachable; 2 bad usage, bad input or "
    "set-up, and nothing was sent; 3 the answer was cut after part of it came; 130 interrupted."
)
"""The same, for ``--help``."""
