"""Tasks whose last request died with a connection that had been kept: their next one gets a new connection.

Otherwise a retry could take another connection that the server has closed as well.
"""

from __future__ import annotations

import asyncio
import weakref

from ...errors import ConnectionLostError


class LetDown:
    """The tasks of one transport that were let down."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: weakref.WeakSet[asyncio.Task[object]] = weakref.WeakSet()

    def note(self, error: ConnectionLostError) -> None:
        """Say that the running task's connection had died before its request; the error then says so too."""
        error.stale = True
        if (task := asyncio.current_task()) is not None:
            self._tasks.add(task)

    def take(self) -> bool:
        """Return whether the running task was let down by its last request, and know it no longer."""
        # Nearly always there is none, and to ask for the task costs more than to see that.
        task = asyncio.current_task() if self._tasks else None
        if task is None or task not in self._tasks:
            return False
        self._tasks.discard(task)
        return True
