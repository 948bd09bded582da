"""What the journal holds: its tables, and their rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
"""Of the tables."""

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lines (
    number INTEGER PRIMARY KEY, custom_id TEXT, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    prompt INTEGER NOT NULL, answer INTEGER NOT NULL
);
CREATE UNIQUE INDEX ids ON lines (custom_id);
CREATE TABLE results (
    number INTEGER PRIMARY KEY, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
    input INTEGER, output INTEGER, cost REAL, record BLOB NOT NULL
);
"""


class State(IntEnum):
    """How a line came out. A line without a result is waiting, or was under way when the run ended."""

    ANSWERED = 1
    FAILED = 2
    """For good: the same call would fail again."""
    GIVEN_UP = 3
    """It may work later; the next run asks again."""
    BAD = 4
    """The line is no request."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands, and how many tokens it is expected to use.

    Attributes:
        number: The line's number, from 1.
        custom_id: Its id; ``None`` for a line that has none of its own.
        offset: Where it begins, in bytes; in Parquet its row, from 0.
        length: Its bytes.
        prompt: Tokens of the prompt, estimated.
        answer: Tokens of the answer at most; -1 if the line does not say.
    """

    number: int
    custom_id: str | None
    offset: int
    length: int
    prompt: int = 0
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """How a line came out, as it is kept.

    Attributes:
        number: The line's number.
        state: How.
        attempts: How many times it was sent, in the run that gave the result.
        input: Prompt tokens; ``None`` if the vendor gave none.
        output: Completion tokens; likewise.
        cost: In US dollars; ``None`` if it is not known.
        record: The line of the output, without its end.
    """

    number: int
    state: State
    attempts: int
    input: int | None
    output: int | None
    cost: float | None
    record: bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of a journal: lines in all, by how they came out, what they used, and what of that has no known cost."""

    lines: int = 0
    answered: int = 0
    failed: int = 0
    bad: int = 0
    input: int = 0
    output: int = 0
    cost: float = 0.0
    unpriced_input: int = 0
    unpriced_output: int = 0

    @property
    def waiting(self) -> int:
        """Lines without a result."""
        return self.lines - self.answered - self.failed - self.bad
