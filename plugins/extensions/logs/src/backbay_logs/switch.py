"""Whether calls are logged, and where: what ``backbay logs on`` and ``off`` write, and ``BACKBAY_LOGS`` overrides.

Every program that has hooks loads this module, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

VARIABLE = "BACKBAY_LOGS"
"""Names the variable that may say the file of the log, which switches it on; or ``off``, ``0`` or nothing."""

DEFAULT_MAX_BYTES = 256 * 2**20
"""Bytes that a log takes if nobody says: 256 MiB."""

_OFF = ("", "0", "off")


class Settings(NamedTuple):
    """How calls are logged.

    Attributes:
        on: Whether they are.
        file: The log.
        max_bytes: Bytes that all records together may take; the oldest go.
        data: Whether images and other files are logged with their data, not with size and hash alone.
        source: Who says so: ``"environment"``, ``"switch"``, or ``"nobody"``.
    """

    on: bool
    file: Path
    max_bytes: int = DEFAULT_MAX_BYTES
    data: bool = False
    source: str = "nobody"


def switch_file() -> Path:
    """Return the file in which ``backbay logs on`` and ``off`` write; it need not be there."""
    if sys.platform == "linux":
        # As platformdirs has it, whose import would take most of the time that being off takes.
        folder = os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.expanduser("~/.config")  # noqa: PTH111
        return Path(folder) / "backbay" / "logs.json"
    import platformdirs

    return platformdirs.user_config_path("backbay") / "logs.json"


def default_file() -> Path:
    """Return where the log is if nobody says: in the person's own folder for data."""
    import platformdirs

    return platformdirs.user_data_path("backbay") / "logs.db"


def settings() -> Settings:
    """Return how calls are logged.

    Raises:
        OSError: The switch's file cannot be read.
        ValueError: It is not what was written into it.
    """
    named = os.environ.get(VARIABLE)
    if named is not None and named.strip().lower() in _OFF:
        return Settings(on=False, file=default_file(), source="environment")
    found = switched()
    if named is not None:
        return found._replace(on=True, file=Path(named).expanduser(), source="environment")
    return found


def is_on() -> bool:
    """Return whether calls are logged, as cheaply as that can be known."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return named.strip().lower() not in _OFF
    path = switch_file()
    return path.exists() and settings().on


def turn(found: Settings) -> Path:
    """Write the switch. Programs that run already do not look at it again. Returns its file.

    Raises:
        OSError: It cannot be written.
    """
    import json

    path = switch_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {"on": found.on, "file": str(found.file), "max_bytes": found.max_bytes, "data": found.data}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def switched() -> Settings:
    """Return what ``turn`` wrote, whatever the variable says.

    Raises:
        OSError: The switch's file cannot be read.
        ValueError: It is not what was written into it.
    """
    import json

    try:
        document = json.loads(switch_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(on=False, file=default_file())
    try:
        on, file, max_bytes, data = (document[name] for name in ("on", "file", "max_bytes", "data"))
    except (KeyError, TypeError):
        raise ValueError("it lacks what `backbay logs on` writes") from None
    whole = isinstance(max_bytes, int) and max_bytes > 0
    if not (isinstance(on, bool) and isinstance(file, str) and whole and isinstance(data, bool)):
        raise ValueError("it has a value that `backbay logs on` does not write")
    return Settings(on=on, file=Path(file), max_bytes=max_bytes, data=data, source="switch")
