"""What this process may give to requests, taken from the store in pieces, and what it gives back and has used.

The rule that keeps limits hard: whatever a request may use is first a lease in the store, and
``used + leases <= limit`` holds in every transaction that makes a lease grow. All of this runs in the store's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from backbay.errors import RateLimitError

from . import refusals, registry, schema
from .book import DEAD_AFTER, Book, Place, add_lapsed, add_used, place_of
from .database import Database
from .ledger import Entry, write
from .limits import SLOT, SLOTS_BEFORE, Rule

_CHUNK = 8
"""A process takes ahead at most one part in so many of what is left, so that the others find some too."""

_FORGET = 86400.0
"""Seconds after which the number of a dead process's last batch is forgotten."""

_SIGN = 3.0
"""Seconds between two signs of life."""


@dataclass(frozen=True, slots=True)
class Want:
    """What a request lacks of one limit.

    Attributes:
        rule: The limit, as this process knows it.
        window: The window.
        lacking: What must be had.
        ahead: What would be good to have besides, for the next requests.
        needed: What the request needs in all.
        spent: What was used here and is not written yet.
    """

    rule: Rule
    window: int
    lacking: int
    ahead: int
    needed: int
    spent: int


@dataclass(frozen=True, slots=True)
class Change:
    """What happened in one window since the last batch.

    Attributes:
        key_id: The key.
        place: The meter and the window.
        used: How much more was used for good.
        lease: How much the lease changes; below 0 where some of it was used, or is given back.
    """

    key_id: str
    place: Place
    used: int
    lease: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together.

    Attributes:
        number: 1 for the first one of a process; one that was written already is not written again.
        changes: What was used and given back.
        entries: Rows for the ledger.
    """

    number: int
    changes: Sequence[Change] = ()
    entries: Sequence[Entry] = ()


@dataclass(slots=True)
class Leasing:
    """The leases of one process."""

    database: Database
    process: str
    _held: dict[tuple[str, Place], int] = field(default_factory=dict)
    """The rows of leases as they were committed."""
    _seen: float = 0.0

    def grow(self, key_id: str, wants: Sequence[Want], now: float) -> dict[Place, int]:
        """Take what is lacking, of every limit or of none; return what was got of each.

        Raises:
            RateLimitError: A limit is reached; with the seconds until it could work.
            QuotaExceededError: A budget is used up.
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
        """
        with self.database.transaction() as connection:
            key = registry.find(connection, key_id, lock=True)
            rules = {rule.meter: rule for rule in key.limits.rules()} if key is not None else {}
            book = Book.read(connection, key_id)
            refusal = _refusal(book, wants, rules, now)
            if refusal is not None and book.bury(connection, self.process, now):
                refusal = _refusal(book, wants, rules, now)
            got = {} if refusal is not None else {(w.rule.meter, w.window): _amount(book, w, rules) for w in wants}
            held = {}
            for place, amount in got.items():
                held[key_id, place] = self._change(connection, Change(key_id, place, 0, amount), now)
        self._held.update(held)
        if refusal is not None:
            raise refusal
        return got

    def write(self, batch: Batch, now: float) -> None:
        """Write a batch, all of it or nothing. To write the same one again, after a failure, is safe.

        Raises:
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken or full.
        """
        held = {}
        with self.database.transaction() as connection:
            if not self._is_new(connection, batch.number, now):
                return
            changes = sorted(batch.changes, key=lambda change: (change.key_id, change.place))
            # In one order in every process, so that none waits for another in a circle.
            for key_id in dict.fromkeys(change.key_id for change in changes):
                registry.find(connection, key_id, lock=True)
            for change in changes:
                if change.used:
                    add_used(connection, change.key_id, change.place, change.used)
                held[change.key_id, change.place] = self._change(connection, change, now)
            write(connection, self.process, batch.entries)
        self._held.update(held)
        self._held = {place: amount for place, amount in self._held.items() if amount}

    def show_life(self, now: float) -> None:
        """Say that this process is alive, if it holds anything, and bury those that are not; a few seconds apart.

        Raises:
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
        """
        if not self._held or now - self._seen < _SIGN:
            return
        leases = schema.leases
        with self.database.transaction() as connection:
            connection.execute(leases.update().where(leases.c.process == self.process).values(seen=now))
            slots = schema.used.c.meter.in_(("requests", "tokens"))
            old = int(now // SLOT) - 2 * SLOTS_BEFORE
            connection.execute(delete(schema.used).where(slots, schema.used.c.window < old))
            dead = select(leases.c.key_id).distinct().where(leases.c.seen < now - DEAD_AFTER)
            for key_id in connection.execute(dead.order_by(leases.c.key_id)).scalars().all():
                registry.find(connection, key_id, lock=True)
                Book.read(connection, key_id).bury(connection, self.process, now)
        self._seen = now

    def leave(self) -> None:
        """Give back every lease, and be forgotten. Nothing may be open any more.

        Raises:
            OverloadedError: The store cannot be used at the moment; then what is held lapses.
            ServerError: The store is broken.
        """
        with self.database.transaction() as connection:
            for key_id in sorted({key_id for key_id, _ in self._held}):
                registry.find(connection, key_id, lock=True)
            connection.execute(delete(schema.leases).where(schema.leases.c.process == self.process))
            connection.execute(delete(schema.processes).where(schema.processes.c.id == self.process))
        self._held.clear()

    def _is_new(self, connection: Connection, number: int, now: float) -> bool:
        table = schema.processes
        last = connection.execute(select(table.c.batch).where(table.c.id == self.process)).scalar_one_or_none()
        if last is None:
            connection.execute(table.delete().where(table.c.seen < now - _FORGET))
            connection.execute(table.insert(), {"id": self.process, "batch": number, "seen": now})
            return True
        if last >= number:
            return False
        connection.execute(table.update().where(table.c.id == self.process).values(batch=number, seen=now))
        return True

    def _change(self, connection: Connection, change: Change, now: float) -> int:
        """Change a lease; return how much it is then."""
        table, place = schema.leases, change.place
        condition = place_of(table, self.process, change.key_id, place)
        query = table.update().where(*condition).values(amount=table.c.amount + change.lease, seen=now)
        left = connection.execute(query.returning(table.c.amount)).scalar_one_or_none()
        if left is None:
            had = self._held.get((change.key_id, place), 0)
            if had and place[0] != "concurrent":
                # This process was slow, and was taken for dead: what was counted as used is a lease again.
                add_used(connection, change.key_id, place, -had)
                if place[0].startswith("budget"):
                    add_lapsed(connection, self.process, change.key_id, place, -had)
            left = had + change.lease
            row = {"process": self.process, "key_id": change.key_id, "meter": place[0], "window": place[1]}
            connection.execute(table.insert(), {**row, "amount": left, "seen": now})
        if left <= 0:
            connection.execute(table.delete().where(*condition))
            return 0
        return int(left)


def _refusal(book: Book, wants: Sequence[Want], rules: dict[str, Rule], now: float) -> RateLimitError | None:
    """Return why the wants cannot be had, or ``None``. The rules are those of the store, which may be newer."""
    for want in wants:
        rule = rules.get(want.rule.meter)
        if rule is None:
            continue
        if want.needed > rule.limit and rule.kind != "budget":
            return refusals.too_much(rule, want.needed)
        used, held = book.taken(rule, want.window)
        if used + held + want.lacking <= rule.limit:
            continue
        if rule.kind == "concurrent":
            return refusals.rate(rule, refusals.SOON)
        if rule.kind == "rate":
            return refusals.rate(rule, book.wait(rule, want.lacking, now))
        left = rule.limit - used - want.spent
        return refusals.reserved(rule) if want.needed <= left else refusals.spent(rule, left, rule.turn(now) - now)
    return None


def _amount(book: Book, want: Want, rules: dict[str, Rule]) -> int:
    """Return how much to take: what is lacking, and something ahead where there is plenty."""
    rule = rules.get(want.rule.meter)
    if rule is None:
        return want.lacking + want.ahead
    spare = (rule.limit - sum(book.taken(rule, want.window)) - want.lacking) // _CHUNK
    return want.lacking + (min(want.ahead, spare) if spare >= want.needed else 0)
