"""What is left of a key's limits, for people and for the status page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from . import schema
from .book import Book
from .key import Key
from .limits import COST, NANO


@dataclass(frozen=True, slots=True)
class Remaining:
    """One limit of a key.

    Attributes:
        meter: Its name.
        limit: Requests, tokens or money.
        used: What was used for good.
        reserved: What processes hold, for open requests and the next ones.
        lapsed: What of ``used`` was counted for processes that died.
        left: What is left.
    """

    meter: str
    limit: int | float
    used: int | float
    reserved: int | float
    lapsed: int | float
    left: int | float

    def as_json(self) -> dict[str, object]:
        """Return the fields."""
        return {name: getattr(self, name) for name in self.__slots__}


def read(connection: Connection, key: Key, now: float) -> list[Remaining]:
    """Return what is left of each limit of a key, in the windows that ``now`` is in."""
    book, found = Book.read(connection, key.id), []
    column = schema.lapsed.c
    for rule in key.limits.rules():
        window = rule.window(now)
        used, reserved = book.taken(rule, window)
        place = (column.key_id == key.id, column.meter == rule.meter, column.window == window)
        lapsed = int(connection.execute(select(func.coalesce(func.sum(column.amount), 0)).where(*place)).scalar_one())
        amounts = (rule.limit, used, reserved, lapsed, max(0, rule.limit - used - reserved))
        scaled = [amount / NANO for amount in amounts] if rule.unit == COST else list(amounts)
        found.append(Remaining(rule.meter, *scaled))
    return found
