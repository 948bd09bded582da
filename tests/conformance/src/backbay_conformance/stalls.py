"""Whether the machine stood still while a test ran: then a failed test has shown nothing, and is asked again.

Laws give a backend tenths of a second, and a process that shares its machine is sometimes not run for as long. What a
backend does itself is not forgiven: it fails each time.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable

import pytest

TICK = 0.02
"""Seconds between two looks at the clock."""

STILL = 0.1
"""Seconds by which a look must be late to count as a stall."""

TIMES = 3
"""How often a test is asked at most."""

PROPERTY = "backbay-asked-again"
"""The property of a report that says for how many seconds the machine had stood still."""


class Watch:
    """Looks at the clock all the time, in a thread of its own, and knows how late the latest look was."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch from now on; before a test looks which threads there are."""
        if self._thread is None or not self._thread.is_alive():  # a forked child has no threads of its parent's
            self._thread = threading.Thread(target=self._look, name="backbay-stalls", daemon=True)
            self._thread.start()

    def begin(self) -> None:
        """Forget what was, and watch."""
        self.start()
        self._worst = 0.0

    @property
    def worst(self) -> float:
        """Seconds by which the latest look since ``begin`` was late."""
        return self._worst

    def _look(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            self._worst = max(self._worst, now - last - TICK)
            last = now


WATCH = Watch()

_ASKING = "_backbay_asking"


def ask_again(item: pytest.Function, watch: Watch = WATCH) -> None:
    """Have a test's function called again where it fails while the machine stands still."""
    call: Callable[..., object] = item.obj
    if hasattr(call, _ASKING):
        return

    @functools.wraps(call)
    def asking(**arguments: object) -> object:
        for _ in range(TIMES - 1):
            watch.begin()
            try:
                return call(**arguments)
            except (Exception, pytest.fail.Exception):
                if watch.worst < STILL:
                    raise
                item.user_properties.append((PROPERTY, round(watch.worst, 2)))
        return call(**arguments)

    setattr(asking, _ASKING, True)
    item.obj = asking


def write_summary(reporter: pytest.TerminalReporter) -> None:
    """Say which tests were asked again."""
    found: dict[str, float] = {}
    for reports in reporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and isinstance(value, float):
                    found[report.nodeid] = max(value, found.get(report.nodeid, 0.0))
    if found:
        reporter.section("asked again, as the machine stood still")
        for node, seconds in sorted(found.items()):
            reporter.line(f"{node}: for {seconds:g} s")
