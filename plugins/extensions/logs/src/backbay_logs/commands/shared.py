"""What the commands share."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from backbay import ConfigurationError

from ..log import Log
from ..switch import Settings, settings, switch_file

File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The log, instead of the one that is switched on.")
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def current() -> Settings:
    """Return how calls are logged.

    Raises:
        ConfigurationError: The switch cannot be read.
    """
    try:
        return settings()
    except (OSError, ValueError) as failure:
        raise ConfigurationError(
            f"{switch_file()} cannot be read: {failure}.", hint="`backbay logs on`, or `off`, writes it anew."
        ) from None


def opened(file: Path | None) -> Log:
    """Return the log that is meant."""
    return Log(current().file if file is None else file)


def moment(text: str) -> float:
    """Return the time that is meant: ``30m``, ``2h``, ``3d`` or ``1w`` ago, or a date, or a date and a time.

    Raises:
        BadParameter: It is none of these.
    """
    ago = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    if ago:
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(f"{text!r} is no time; as in 2h, 3d, 2026-01-31 or 2026-01-31T12:00.") from None


def size(text: str) -> int:
    """Return the bytes that are meant: ``100M``, ``2G``, or a number.

    Raises:
        BadParameter: It is none.
    """
    found = re.fullmatch(r"(\d{1,12})\s*([kmg]?)(?:i?b)?", text.strip().lower())
    if not found or int(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no size; as in 100M, or 2G.")
    return int(found[1]) * _SIZES[found[2]]
