"""Keeps what a plugin prints while it is imported out of the program's standard output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast


class _Divided:
    """Standard output for every thread but one, whose output goes to standard error."""

    def __init__(self, stdout: TextIO | None) -> None:
        self._stdout = stdout
        self._thread: int | None = threading.get_ident()

    def end(self) -> None:
        """Let everything through again. A plugin may have kept this object, so it goes on working."""
        self._thread = None

    def __getattr__(self, name: str) -> object:
        mine = self._thread is not None and self._thread == threading.get_ident()
        return getattr(sys.stderr if mine else self._stdout, name)


@contextmanager
def diverted() -> Iterator[None]:
    """Send what this thread writes to ``sys.stdout`` to ``sys.stderr``; other threads notice nothing."""
    before = sys.stdout
    divided = _Divided(before)
    sys.stdout = cast("TextIO", divided)
    try:
        yield
    finally:
        divided.end()
        # If the plugin or another thread put its own object there since, that one leads to this one, which is open.
        if sys.stdout is cast("TextIO", divided):
            sys.stdout = before
