"""The first reading of an input: each line looked at, and noted in the journal, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from . import records
from .engine import Failure
from .journal import Journal
from .lines import Line, LineError, estimate, read_line
from .rows import Place, Result, State
from .sources import Raw, Source

_CHUNK = 500

Check = Callable[[Line], None]
"""Looks closer at a line; raises ``LineError``."""


class Stopped(Exception):  # noqa: N818 (it ends a thread's work, and is no error)
    """The reading was told to end."""


def index(
    source: Source,
    journal: Journal,
    batch: str,
    *,
    check: Check | None = None,
    seen: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> None:
    """Note every line of an input: those that are requests, and those that are not as failed.

    Args:
        source: The input.
        journal: An open journal, without lines.
        batch: The batch's name, for the ids of records.
        check: Looks closer at each line.
        seen: Told how many lines there were so far.
        stopped: Asked now and then whether to end.

    Raises:
        Stopped: ``stopped`` said so.
        BatchStorageError: The journal cannot be written.
    """
    places: list[Place] = []
    bad: dict[int, LineError] = {}
    for count, raw in enumerate(source.scan(), start=1):
        places.append(_place(raw, check, bad))
        if len(places) >= _CHUNK:
            _note(journal, batch, places, bad)
            places, bad = [], {}
            if seen is not None:
                seen(count)
            if stopped is not None and stopped():
                raise Stopped
    if places:
        _note(journal, batch, places, bad)


def _place(raw: Raw, check: Check | None, bad: dict[int, LineError]) -> Place:
    """Return where a line stands; note in ``bad`` why it is no request, if it is none."""
    try:
        if raw.problem is not None:
            raise LineError("invalid_line", raw.problem)
        line = read_line(raw.data)
        try:
            if check is not None:
                check(line)
        except LineError as failure:
            failure.custom_id = line.custom_id
            raise
    except LineError as failure:
        bad[raw.number] = failure
        return Place(raw.number, failure.custom_id, raw.offset, len(raw.data))
    prompt, answer = estimate(line, len(raw.data))
    return Place(raw.number, line.custom_id, raw.offset, len(raw.data), prompt, answer)


def _note(journal: Journal, batch: str, places: list[Place], bad: dict[int, LineError]) -> None:
    twins = journal.add_lines(places)
    for place, first in twins:
        said = f"custom_id {str(place.custom_id)[:200]!r} is that of line {first} already; that line was taken."
        # Without its id, so that nobody who looks for the id finds this in place of the other's answer.
        bad[place.number] = LineError("duplicate_custom_id", said)
    if twins:
        journal.add_lines([replace(place, custom_id=None) for place, _ in twins])
    if bad:
        journal.add_results([_result(batch, number, failure) for number, failure in sorted(bad.items())])


def _result(batch: str, number: int, failure: LineError) -> Result:
    said = Failure(code=failure.code, message=f"Line {number}: {failure.message}", type="LineError")
    record = records.failed(batch, number, failure.custom_id, said)
    return Result(number, State.BAD, 0, None, None, None, record)
