"""What a call may leave behind: nothing. Tasks are counted on the loop, threads and descriptors in the process."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_DESCRIPTORS = Path("/proc/self/fd")

WITHIN = 1.0
"""Seconds after which nothing may be left."""


@contextmanager
def no_leaks(about: str) -> Iterator[None]:
    """Check that what runs inside (loops and servers of its own) leaves neither a thread nor a descriptor."""
    threads, descriptors = set(threading.enumerate()), _open()
    yield
    deadline = time.monotonic() + WITHIN
    while True:
        new = [thread.name for thread in threading.enumerate() if thread not in threads]
        now = _open()
        # By their count: another one may have got the number of one that was closed.
        left = now - descriptors if len(now) > len(descriptors) else set()
        if not (new or left) or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    assert not new, f"{about}: threads still run {WITHIN} s later: {', '.join(new)}"
    what = ", ".join(sorted(_target(name) for name in left))
    assert not left, f"{about}: descriptors are still open {WITHIN} s later: {what}"


async def assert_no_tasks(before: set[asyncio.Task[Any]], about: str) -> None:
    """Check that no task runs that did not run before, within a second."""
    deadline = time.monotonic() + WITHIN
    while (left := asyncio.all_tasks() - before) and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    assert not left, f"{about}: tasks still run {WITHIN} s later: {', '.join(map(repr, left))}"


def _open() -> set[str]:
    # The descriptor that lists them is among them, each time.
    return set(os.listdir(_DESCRIPTORS)) if _DESCRIPTORS.is_dir() else set()  # noqa: PTH208 (names are enough)


def _target(name: str) -> str:
    try:
        return f"{name} ({(_DESCRIPTORS / name).readlink()})"
    except OSError:
        return name
