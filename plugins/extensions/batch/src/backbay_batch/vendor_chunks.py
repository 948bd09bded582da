"""The vendor's batches that a journal knows of: which lines each has, and whether the vendor certainly has it.

A chunk is noted before its batch is asked for, and again when the vendor has named it. So a run that is killed between
the two leaves a chunk that says so, and the next run looks for its batch at the vendor's before it makes another.
"""

from __future__ import annotations

import bisect
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from .journal import Journal

_COUNT = "vendor_batches"


class Stage(StrEnum):
    """How far a chunk is."""

    SENT = "sent"
    """Its batch was asked for, and the answer did not come: the vendor may have it."""
    MADE = "made"
    """The vendor has it."""
    DONE = "done"
    """Its lines have results, or are free to go into another batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines that go to the vendor as one batch.

    Attributes:
        number: The chunk's, from 1; 0 before it is noted.
        tag: What its ids begin with; each run has its own.
        runs: Its lines: first and last number of each run without a gap, in order.
        stage: How far it is.
        at: When its batch was asked for, in Unix seconds by this machine's clock.
        id: The vendor's id of the batch, once that is known.
        not_ours: Batches that looked like it, and have other ids in them.
    """

    number: int = 0
    tag: str
    runs: tuple[tuple[int, int], ...]
    stage: Stage = Stage.SENT
    at: float = 0.0
    id: str | None = None
    not_ours: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the batch is called at vendors that keep a name."""
        return f"backbay-{self.tag}-{self.number}"

    @property
    def count(self) -> int:
        """How many lines it has."""
        return sum(last - first + 1 for first, last in self.runs)

    def has(self, number: int) -> bool:
        """Whether a line is one of its."""
        place = bisect.bisect_right(self.runs, (number, float("inf"))) - 1
        return place >= 0 and number <= self.runs[place][1]

    def number_of(self, name: str) -> int | None:
        """Return the line that a vendor's id means; ``None`` if it is not one of this chunk."""
        tag, _, number = name.rpartition("-")
        if tag != self.tag or not number.isdecimal() or not self.has(int(number)):
            return None
        return int(number)


def custom_id(tag: str, number: int) -> str:
    """Return what a line is called at the vendor: letters, digits and a hyphen, which every vendor takes."""
    return f"{tag}-{number}"


def new_tag() -> str:
    """Return a tag that nobody has."""
    return secrets.token_hex(6)


def runs_of(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return numbers, which are in order, as runs without a gap."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return tuple(runs)


class Chunks:
    """The chunks in a journal.

    Args:
        journal: The journal; nobody else writes to it.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        noted = int(journal.fact(_COUNT) or 0)
        self._all = {number: _read(number, journal.fact(_name(number)) or "{}") for number in range(1, noted + 1)}

    @property
    def open(self) -> list[Chunk]:
        """Those whose lines wait for the vendor, the first one first."""
        return [chunk for chunk in self._all.values() if chunk.stage is not Stage.DONE]

    @property
    def ids(self) -> frozenset[str]:
        """All batches of the vendor that are known here."""
        return frozenset(chunk.id for chunk in self._all.values() if chunk.id is not None)

    def holds(self, number: int) -> bool:
        """Whether a line is in a batch already."""
        return any(chunk.has(number) for chunk in self.open)

    def add(self, tag: str, numbers: Sequence[int]) -> Chunk:
        """Note that a batch is about to be asked for."""
        number = len(self._all) + 1
        chunk = Chunk(number=number, tag=tag, runs=runs_of(numbers), at=time.time())
        self._journal.note(**{_name(number): _written(chunk), _COUNT: str(number)})
        self._all[number] = chunk
        return chunk

    def made(self, chunk: Chunk, batch_id: str) -> Chunk:
        """Note that the vendor has it."""
        return self._note(replace(chunk, stage=Stage.MADE, id=batch_id))

    def not_ours(self, chunk: Chunk) -> Chunk:
        """Note that the batch which was taken for it is another; it is to be looked for again."""
        assert chunk.id is not None
        return self._note(replace(chunk, stage=Stage.SENT, id=None, not_ours=(*chunk.not_ours, chunk.id)))

    def done(self, chunk: Chunk) -> None:
        """Note that there is nothing more to wait for."""
        self._note(replace(chunk, stage=Stage.DONE))

    def _note(self, chunk: Chunk) -> Chunk:
        self._journal.note(**{_name(chunk.number): _written(chunk)})
        self._all[chunk.number] = chunk
        return chunk


def numbers_of(chunk: Chunk, page: int = 500) -> Iterator[list[int]]:
    """Yield the numbers of a chunk's lines, some at a time."""
    some: list[int] = []
    for first, last in chunk.runs:
        for number in range(first, last + 1):
            some.append(number)
            if len(some) == page:
                yield some
                some = []
    if some:
        yield some


def _name(number: int) -> str:
    return f"vendor_batch_{number}"


def _written(chunk: Chunk) -> str:
    return json.dumps(
        {
            "tag": chunk.tag,
            "stage": chunk.stage,
            "at": chunk.at,
            "id": chunk.id,
            "not_ours": chunk.not_ours,
            "runs": chunk.runs,
        }
    )


def _read(number: int, text: str) -> Chunk:
    found = json.loads(text)
    return Chunk(
        number=number,
        tag=found["tag"],
        stage=Stage(found["stage"]),
        at=found["at"],
        id=found["id"],
        not_ours=tuple(found["not_ours"]),
        runs=tuple((first, last) for first, last in found["runs"]),
    )
