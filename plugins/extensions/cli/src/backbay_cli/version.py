"""``backbay version``: the versions that a bug report needs."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from .jsonable import print_json
from .options import JsonFlag
from .safe_text import one_line
from .terminal import put


def facts() -> dict[str, str]:
    """Return the versions of the command line, the core and Python, and the platform."""
    return {
        "backbay-cli": _version("backbay-cli"),
        "backbay": _version("backbay"),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
    }


def _version(distribution: str) -> str:
    try:
        return version_of(distribution)
    except PackageNotFoundError:
        return "unknown"


def version(*, json: JsonFlag = False) -> None:
    """Show the versions that a bug report needs."""
    if json:
        print_json(facts())
        return
    for name, value in facts().items():
        put(f"{name:12} {one_line(value)}")
