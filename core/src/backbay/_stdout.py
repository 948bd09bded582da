"""Keeps what a plugin prints while it is imported out of the program's standard output."""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident  # threading would take longer to import than a plugin
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast


class _Divided:
    """Standard output, but for some threads, whose output goes to standard error."""

    def __init__(self, stdout: object) -> None:
        self.stdout = stdout
        self.diverted: Counter[int] = Counter()

    def __getattr__(self, name: str) -> object:
        return getattr(sys.stderr if self.diverted[get_ident()] else self.stdout, name)


_lock = allocate_lock()


@contextmanager
def diverted() -> Iterator[None]:
    """Send what this thread writes to ``sys.stdout`` to ``sys.stderr``; other threads notice nothing."""
    if cast("object", sys.stdout) is None:  # A program without a console has none to keep clean.
        yield
        return
    thread = get_ident()
    with _lock:
        now: object = sys.stdout
        divided = now if isinstance(now, _Divided) else _Divided(now)
        divided.diverted[thread] += 1
        sys.stdout = cast("TextIO", divided)
    try:
        yield
    finally:
        with _lock:
            divided.diverted[thread] -= 1
            divided.diverted += Counter()  # drops what is 0
            # If somebody put another object there since, that one leads to this one, which lets everything through.
            if not divided.diverted and sys.stdout is cast("TextIO", divided):
                sys.stdout = cast("TextIO", divided.stdout)
