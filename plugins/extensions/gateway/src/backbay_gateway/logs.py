"""One JSON object a line on standard error. No prompt, answer or key is ever in one; a request has sizes and times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TextIO

from pydantic_core import to_json

from .config import Logging
from .logwriter import LogWriter, takes, write

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""The levels, by what they are called in the configuration."""

FLUSH = 0.2
"""Seconds after which a line of a request is written at the latest; so that many are written at once."""


PATIENCE = 2.0
"""Seconds that the end of a process waits for whoever reads its log."""


MOST_KEPT = 1000
"""Lines at most that a process without a thread for its log keeps for a reader that stalls."""


class Log:
    """Writes log lines. Lines of requests are gathered for a moment, all others are written at once.

    Args:
        config: What is logged.
        stream: Where to; ``None`` for standard error.
        aside: Whether a thread writes, so that nobody waits for a reader that stalls. A process that forks has none,
            and keeps its few lines until the reader takes some again.
    """

    def __init__(self, config: Logging, stream: TextIO | None = None, *, aside: bool = False) -> None:
        self._stream = stream
        self._writer = LogWriter(stream, _lost) if aside else None
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self.use(config)

    def use(self, config: Logging) -> None:
        """Log by another configuration from now on."""
        self._least = LEVELS[config.level]
        self.requests = config.requests and self._least <= LEVELS["info"]

    def say(self, level: str, event: str, **facts: object) -> None:
        """Write a line.

        Args:
            level: One of ``LEVELS``.
            event: What happened, as a word for programs.
            facts: What else is to be said.
        """
        if LEVELS[level] >= self._least:
            self._lines.append(_line(level, event, facts))
            self._hand_over()

    def request(self, facts: Mapping[str, object]) -> None:
        """Write the line of a request, soon."""
        if not self.requests:
            return
        self._lines.append(_line("info", "request", facts))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH, self._hand_over)

    def flush(self) -> None:
        """Write what is gathered, and wait until it is written; at most for ``PATIENCE``."""
        self._hand_over()
        if self._writer is not None:
            self._writer.drain(PATIENCE)

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if not lines:
            return
        if self._writer is not None:
            self._writer.put(lines)
        else:
            written = 0
            while written < len(lines) and takes(self._stream):
                write(self._stream, lines[written])
                written += 1
            self._lines = lines[written:][:MOST_KEPT]  # They come with the next one.


def _line(level: str, event: str, facts: Mapping[str, object]) -> bytes:
    now = time.time()
    stamp = f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z"
    return to_json({"time": stamp, "level": level, "event": event, **facts}, fallback=str) + b"\n"


def _lost(count: int) -> bytes:
    return _line("warning", "log", {"problem": "whoever reads the log was too slow", "lost_lines": count})


@lru_cache(maxsize=2)
def _second(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(number))
