"""The ledger: one row for each settled request, and the sums of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from sqlalchemy import Connection, func, select

from . import schema
from .limits import NANO

_book = schema.ledger.c


class Entry(NamedTuple):
    """A settled request.

    Attributes:
        number: Its number among those of the process; 1 is the first.
        at: When it was settled, in seconds since 1970.
        key_id: Whose it was.
        model: The model's name as the client wrote it.
        served_by: The backend's model that answered; ``None`` if none did.
        input_tokens: Tokens of the prompt as the backend said; ``None`` if it did not.
        output_tokens: Tokens of the answer, likewise.
        charged_tokens: What was counted: what the backend said, or the reservation.
        cost: What it cost, in billionths; ``None`` if unknown.
        charged_cost: What was counted, in billionths.
        status: How it ended, such as ``ok``.
    """

    number: int
    at: float
    key_id: str
    model: str
    served_by: str | None
    input_tokens: int | None
    output_tokens: int | None
    charged_tokens: int
    cost: int | None
    charged_cost: int
    status: str


Facts = tuple[str, str, str | None, int | None, int | None, int, int | None, int, str]
"""The fields of an entry from ``key_id`` on, before it has its number and its time."""


Column = Literal["key_id", "model", "served_by"]
"""What rows can be summed by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The sum of some rows of the ledger.

    Attributes:
        name: What they have in common: a key's id, a model, or who served them.
        requests: How many there are.
        input_tokens: Tokens of prompts, of those rows that know them.
        output_tokens: Tokens of answers, likewise.
        charged_tokens: What was counted, for the unknown as well.
        cost: Money, of those rows that know it.
        charged_cost: Money that was counted.
        unknown: Rows whose tokens are not known as a whole.
    """

    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    charged_tokens: int
    cost: float
    charged_cost: float
    unknown: int

    def as_json(self) -> dict[str, object]:
        """Return the fields."""
        return {name: getattr(self, name) for name in self.__slots__}


_TOGETHER = 64
"""Rows of one statement: old versions of SQLite take 999 values in one, and each row has 12."""


def write(connection: Connection, process: str, entries: Sequence[Entry]) -> None:
    """Append rows.

    Many in a statement: with one each, the thread of the store and the event loop's would take turns for every row,
    which was a fifth of a request's CPU.
    """
    for start in range(0, len(entries), _TOGETHER):
        some = entries[start : start + _TOGETHER]
        values = tuple(chain.from_iterable((process, *entry) for entry in some))
        connection.exec_driver_sql(_insertion(len(some), connection.dialect.paramstyle), values)


@lru_cache(maxsize=2 * _TOGETHER)
def _insertion(rows: int, style: str) -> str:
    # As text, since SQLAlchemy would write a statement of many rows anew each time.
    columns = ("process", *Entry._fields)
    names = ", ".join(f'"{name}"' for name in columns)
    row = ", ".join(["?" if style == "qmark" else "%s"] * len(columns))
    return f"INSERT INTO {schema.ledger.name} ({names}) VALUES " + ", ".join([f"({row})"] * rows)  # noqa: S608 (no value)


def sums(
    connection: Connection,
    *,
    by: Column = "key_id",
    key_id: str | None = None,
    since: float = 0.0,
) -> list[Used]:
    """Return the sums of the rows, those with most tokens first.

    Args:
        connection: A transaction.
        by: What the rows of a sum have in common.
        key_id: Only this key's; ``None`` for all.
        since: Only rows from this time on, in seconds since 1970.
    """
    group = schema.ledger.c[by]
    unknown = func.sum(1 - func.coalesce(_book.input_tokens * 0 + _book.output_tokens * 0 + 1, 0))
    columns = [_book.input_tokens, _book.output_tokens, _book.charged_tokens, _book.cost, _book.charged_cost]
    totals = [func.coalesce(func.sum(column), 0).label(column.name) for column in columns]
    query = select(group.label("name"), func.count().label("requests"), *totals, unknown.label("unknown"))
    query = query.where(_book.at >= since).group_by(group).order_by(func.sum(_book.charged_tokens).desc(), group)
    if key_id is not None:
        query = query.where(_book.key_id == key_id)
    return [
        Used(
            name=row.name if row.name is not None else "",
            requests=int(row.requests),
            input_tokens=int(row.input_tokens),
            output_tokens=int(row.output_tokens),
            charged_tokens=int(row.charged_tokens),
            cost=int(row.cost) / NANO,
            charged_cost=int(row.charged_cost) / NANO,
            unknown=int(row.unknown),
        )
        for row in connection.execute(query)
    ]
