"""The timeline of a page: a lane for each generation, and how many went on at once. Lengths are parts of 1,000."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .run_rows import Row
from .shown import duration
from .summaries import levels

MAX_LANES = 200
"""Lanes that are drawn; of more, those that failed, then those that were asked for longest."""

LENGTH = 1000
HEIGHT = 100
# Of the curve of how many went on at once, in its own units.

_SHORTEST = 2.0
# A bar that is shorter would not be seen.


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a lane: ``kind`` is ``"waiting"``, ``"first"`` (until the first event) or ``"coming"``."""

    kind: str
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One generation on the timeline; ``ends`` is where it ended, or ``None`` while it goes on.

    ``took`` is how long it took, and ``told`` is what the bars show, in words.
    """

    row: Row
    bars: tuple[Bar, ...]
    ends: float | None
    took: str
    told: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole timeline.

    Attributes:
        lanes: The lanes that are drawn, by their start.
        left: How many that were started are not drawn.
        unstarted: How many were not started.
        ticks: What the axis says, from its left to its right.
        curve: The outline of how many went on at once, as an SVG path; ``""`` if nothing was sent.
        most: The highest of that.
    """

    lanes: tuple[Lane, ...]
    left: int
    unstarted: int
    ticks: tuple[str, ...]
    curve: str
    most: int


def timeline_of(rows: Sequence[Row], now: float) -> Timeline:
    """Return the timeline of some generations, until ``now`` in seconds of ``time.monotonic``."""
    began = {row.number: row.thunk.timing.asked_at for row in rows}
    started = [row for row in rows if began[row.number] is not None]
    if not started:
        return Timeline((), 0, len(rows), (), "", 0)
    first = min(_start(row, now) for row in started)
    last = max(_end(row, now) for row in started)
    scale = LENGTH / max(last - first, 1e-6)
    drawn = sorted(started, key=lambda row: (row.state != "failed", -_asking(row, now)))[:MAX_LANES]
    drawn.sort(key=lambda row: (_start(row, now), row.number))
    steps = levels([row.thunk for row in started], now)
    most = max((number for _, number in steps), default=0)
    return Timeline(
        lanes=tuple(_lane(row, first, scale, now) for row in drawn),
        left=len(started) - len(drawn),
        unstarted=len(rows) - len(started),
        ticks=tuple("0" if part == 0 else duration((last - first) * part / 4) for part in range(5)),
        curve=_curve([((when - first) * scale, number) for when, number in steps], most),
        most=most,
    )


def _start(row: Row, now: float) -> float:
    asked = row.thunk.timing.asked_at
    return now if asked is None else asked


def _end(row: Row, now: float) -> float:
    ended = row.thunk.timing.ended_at
    return now if ended is None else ended


def _asking(row: Row, now: float) -> float:
    sent = row.thunk.timing.sent_at
    return 0.0 if sent is None else _end(row, now) - sent


def _lane(row: Row, first: float, scale: float, now: float) -> Lane:
    timing, end = row.thunk.timing, _end(row, now)
    start = _start(row, now)
    sent = end if timing.sent_at is None else timing.sent_at
    came = end if timing.first_at is None else timing.first_at
    parts = (("waiting", start, sent), ("first", sent, came), ("coming", came, end))
    bars = [Bar(kind, *_placed((a - first) * scale, (b - first) * scale)) for kind, a, b in parts if b > a]
    ends = None if timing.ended_at is None else round((end - first) * scale, 1)
    told = f"begins after {duration(start - first)}, waits {row.waited}, in all"
    return Lane(row, tuple(bars), ends, duration(end - start), told)


def _placed(start: float, end: float) -> tuple[float, float]:
    """Return where a bar begins and how long it is; long enough to be seen."""
    length = max(end - start, _SHORTEST)
    return round(min(start, LENGTH - length), 1), round(length, 1)


def _curve(steps: Sequence[tuple[float, int]], most: int) -> str:
    return "".join(_outline(steps, most)) if most else ""


def _outline(steps: Sequence[tuple[float, int]], most: int) -> Iterator[str]:
    yield f"M0 {HEIGHT}"
    for where, number in steps:
        yield f"H{where:.1f}V{HEIGHT - HEIGHT * number / most:.1f}"
    yield f"V{HEIGHT}Z"
