"""What a key has used and what processes hold of it, as one transaction under the key's lock sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Table, select

from . import schema
from .limits import SLOT, SLOTS_BEFORE, Rule

_used, _leases = schema.used, schema.leases

DEAD_AFTER = 15.0
"""Seconds without a sign of life after which what a process holds is taken from it."""

Place = tuple[str, int]
"""A meter and a window of it."""


@dataclass(slots=True)
class Lease:
    """What a process holds in one window."""

    process: str
    place: Place
    amount: int
    seen: float


@dataclass(slots=True)
class Book:
    """The rows of one key. Read it under the key's lock."""

    key_id: str
    used: dict[Place, int] = field(default_factory=dict)
    leases: list[Lease] = field(default_factory=list)

    @classmethod
    def read(cls, connection: Connection, key_id: str) -> Book:
        """Return the book of a key."""
        rows = connection.execute(select(_used.c.meter, _used.c.window, _used.c.amount).where(_used.c.key_id == key_id))
        found = cls(key_id, {(row.meter, row.window): row.amount for row in rows})
        for row in connection.execute(select(_leases).where(_leases.c.key_id == key_id)):
            found.leases.append(Lease(row.process, (row.meter, row.window), row.amount, row.seen))
        return found

    def taken(self, rule: Rule, window: int) -> tuple[int, int]:
        """Return what was used for good, and what processes hold, of a rule in a window (and those counted with it)."""
        windows = _counted(rule, window)
        used = sum(amount for (meter, one), amount in self.used.items() if meter == rule.meter and one in windows)
        held = sum(lease.amount for lease in self.leases if lease.place[0] == rule.meter and lease.place[1] in windows)
        return used, held

    def wait(self, rule: Rule, need: int, now: float) -> float:
        """Return the seconds until enough slots have passed for ``need`` to fit a rate, if nobody uses more of it."""
        present = int(now // SLOT)
        for slot in range(present + 1, present + SLOTS_BEFORE + 2):
            left = 0
            for (meter, window), amount in [*self.used.items(), *((one.place, one.amount) for one in self.leases)]:
                left += amount if meter == rule.meter and slot - SLOTS_BEFORE <= window <= slot else 0
            if left + need <= rule.limit:
                return slot * SLOT - now
        return SLOT

    def bury(self, connection: Connection, process: str, now: float) -> bool:
        """Take from dead processes what they hold; return whether there was any.

        Requests that are open are over. What was held of rates and budgets counts as used: it may have been.
        """
        dead = [one for one in self.leases if one.process != process and one.seen < now - DEAD_AFTER]
        for lease in dead:
            condition = place_of(_leases, lease.process, self.key_id, lease.place)
            connection.execute(_leases.delete().where(*condition))
            if lease.place[0] != "concurrent":
                add_used(connection, self.key_id, lease.place, lease.amount)
                self.used[lease.place] = self.used.get(lease.place, 0) + lease.amount
                if lease.place[0].startswith("budget"):
                    add_lapsed(connection, lease.process, self.key_id, lease.place, lease.amount)
        self.leases = [one for one in self.leases if one not in dead]
        return bool(dead)


def place_of(table: Table, process: str, key_id: str, place: Place) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that finds one row of a table of leases."""
    column = table.c
    return (column.process == process, column.key_id == key_id, column.meter == place[0], column.window == place[1])


def add_used(connection: Connection, key_id: str, place: Place, amount: int) -> None:
    """Count an amount as used; under the key's lock."""
    column = _used.c
    condition = (column.key_id == key_id, column.meter == place[0], column.window == place[1])
    done = connection.execute(_used.update().where(*condition).values(amount=column.amount + amount))
    if done.rowcount == 0:
        row = {"key_id": key_id, "meter": place[0], "window": place[1], "amount": amount}
        connection.execute(_used.insert(), row)


def add_lapsed(connection: Connection, process: str, key_id: str, place: Place, amount: int) -> None:
    """Note that an amount was counted for a process that died; under the key's lock."""
    table = schema.lapsed
    condition = place_of(table, process, key_id, place)
    done = connection.execute(table.update().where(*condition).values(amount=table.c.amount + amount))
    if done.rowcount == 0:
        row = {"process": process, "key_id": key_id, "meter": place[0], "window": place[1], "amount": amount}
        connection.execute(table.insert(), row)


def _counted(rule: Rule, window: int) -> Iterable[int]:
    if rule.kind != "rate":
        return (window,)
    # Slots to come are there if a clock was set back; then they count too.
    return range(window - SLOTS_BEFORE, window + SLOTS_BEFORE + 1)
