"""A log of calls: every program's once ``backbay logs on`` was said, or this one's from ``backbay_logs.start()``.

Names here are loaded when first used, since every program that has hooks loads this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import LogError as LogError
    from .errors import LogWarning as LogWarning
    from .log import Log as Log
    from .observing import start as start
    from .observing import stop as stop
    from .records import Record as Record

_HOME = {
    "Log": "log",
    "LogError": "errors",
    "LogWarning": "errors",
    "Record": "records",
    "start": "observing",
    "stop": "observing",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value
