"""How a batch stands while it runs, and how it came out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .rows import Totals
from .setup import Files

Reason = Literal["interrupted", "budget", "account", "failures", "patience"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a batch stands.

    Attributes:
        lines: Lines of the input; while it is read for the first time, those read so far.
        reading: Whether the input is being read for the first time, and nothing is asked for yet.
        answered: Lines with an answer, those of earlier runs included.
        failed: Lines that failed, those that are no requests included.
        under_way: Calls under way.
        window: Calls at once that are allowed now.
        paused: Seconds for which no call is made, since the vendor has too many; 0 if calls are made.
        tokens: Prompt and completion tokens used, those of earlier runs included.
        cost: US dollars, likewise; ``None`` if no price is known.
        seconds: Since this run began to ask.
        rate: Lines a second of this run; 0 before the first.
        left: Seconds until all is done at this rate; ``None`` if that cannot be said yet.
    """

    lines: int
    reading: bool = False
    answered: int = 0
    failed: int = 0
    under_way: int = 0
    window: int = 0
    paused: float = 0.0
    tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0
    rate: float = 0.0
    left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a run came out.

    Attributes:
        lines: Lines of the input.
        answered: Lines with an answer, those of earlier runs included.
        failed: Lines that failed, likewise; those that may work later are asked for again by the next run.
        bad: Lines that are no requests.
        waiting: Lines that were not asked for, or not answered when the run was stopped.
        asked: Lines that this run has a result of.
        input_tokens: Prompt tokens as the vendor counted them, of all runs.
        output_tokens: Completion tokens, likewise.
        cost: US dollars, of all runs; ``None`` if no price is known.
        seconds: How long this run took.
        stopped: Why it stopped before all lines had a result; ``None`` if they all have one.
        reason: The same in a sentence, or ``None``.
        output: Where the results are.
        journal: Where the journal is.
    """

    lines: int
    answered: int
    failed: int
    bad: int
    waiting: int
    asked: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    seconds: float
    stopped: Reason | None
    reason: str | None
    output: Path
    journal: Path

    @property
    def ok(self) -> bool:
        """Whether every line has an answer."""
        return self.answered == self.lines


def summary_of(
    files: Files,
    found: Totals,
    began: float,
    *,
    asked: int = 0,
    cost: float | None = None,
    stopped: Reason | None = None,
    reason: str | None = None,
) -> Summary:
    """Return how a run came out whose journal has these totals, and which began at ``began`` of ``time.monotonic``."""
    return Summary(
        lines=found.lines,
        answered=found.answered,
        failed=found.failed,
        bad=found.bad,
        waiting=found.waiting,
        asked=asked,
        input_tokens=found.input,
        output_tokens=found.output,
        cost=cost,
        seconds=time.monotonic() - began,
        stopped=stopped,
        reason=reason,
        output=files.output,
        journal=files.journal,
    )


class Control:
    """A handle on a run, for whoever started it. Its methods may be called from the run's own loop alone."""

    def __init__(self) -> None:
        self.stopping = False
        self.aborting = False
        self._wake: list[Callable[[], None]] = []

    def stop(self) -> None:
        """Begin no further calls; those under way are finished, and kept."""
        self.stopping = True
        self._call()

    def abort(self) -> None:
        """Cancel the calls under way too; the next run asks for them again."""
        self.stopping = self.aborting = True
        self._call()

    def listen(self, wake: Callable[[], None]) -> None:
        """Have ``wake()`` called when something was asked for. The run does this."""
        self._wake.append(wake)

    def _call(self) -> None:
        for wake in self._wake:
            wake()
