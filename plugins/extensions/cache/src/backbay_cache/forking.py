"""A lock between forks and SQLite: a child that is made in the middle of a call of it may wait for ever."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_inside = threading.RLock()
_left: list[object] = []


@contextmanager
def no_fork() -> Iterator[None]:
    """Let nobody fork meanwhile."""
    with _inside:
        yield


def leave(connection: object) -> None:
    """Keep a parent's connection in its child, unused and open: to close it there would harm the parent's.

    Source: https://www.sqlite.org/howtocorrupt.html, section 2.6.
    """
    _left.append(connection)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_inside.acquire, after_in_parent=_inside.release, after_in_child=_inside.release)
