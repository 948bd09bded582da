"""Figures as JSON files, one for each program, from which ``page.py`` writes docs/gateway-figures.md."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")
_VERSIONS = ("backbay", "backbay-gateway", "aiohttp", "starlette", "uvicorn", "uvloop", "httptools", "litellm")


def machine() -> dict[str, Any]:
    """Return where and with what the figures were made, and how busy the machine was with other things."""
    versions = {}
    for name in _VERSIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions,
    }


def write(name: str, found: dict[str, Any], folder: Path | None = None) -> None:
    """Write the figures of one program."""
    place = FOLDER if folder is None else folder
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read(name: str, folder: Path | None = None) -> dict[str, Any] | None:
    """Return the figures of one program; ``None`` if it was not run."""
    path = (FOLDER if folder is None else folder) / f"{name}.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
