"""What this process may give to requests of one key without asking the store. No I/O; the event loop's thread only."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from backbay.errors import RateLimitError

from . import refusals
from .book import Place
from .key import Key
from .leasing import Change, Want
from .limits import LARGEST, Need, Rule

_IDLE = 4
"""Batches without a request after which all that is free is given back."""

_AHEAD = 3
"""Requests that the first lease is for, besides the one that needs it."""

_REFUSED_FOR = 0.25
"""Seconds for which the store's refusal is repeated without asking it again."""


@dataclass(slots=True, eq=False)
class Pocket:
    """What this process has of one limit in one window: ``free + held + spent`` is its lease.

    Attributes:
        place: The meter and the window.
        free: What requests may still take; below 0 where some used more than they had reserved.
        held: What open requests have reserved.
        spent: What was used, and not yet written.
    """

    place: Place
    free: int = 0
    held: int = 0
    spent: int = 0

    def settle(self, held: int, spent: int) -> None:
        """Turn a reservation into what was used."""
        self.held -= held
        self.spent += spent
        self.free += held - spent

    def change(self, key_id: str, keep: int) -> Change | None:
        """Take what is to be written; keep at most ``keep`` free. ``None`` if there is nothing."""
        # Where more was used than was reserved, the lease must go on to cover what is still held.
        back = min(self.free, 0) or max(self.free - keep, 0)
        if not self.spent and not back:
            return None
        change = Change(key_id, self.place, 0 if self.place[0] == "concurrent" else self.spent, -self.spent - back)
        self.spent = 0
        self.free -= back
        return change


@dataclass(slots=True, eq=False)
class Line:
    """One limit of the key, and where requests take from it now.

    Attributes:
        rule: The limit.
        pocket: What there is of it.
        drawn: What requests took since the last batch.
        pace: What they take between two batches, at their busiest of late.
        idle: How many batches went by without one.
    """

    rule: Rule
    pocket: Pocket
    drawn: int = 0
    pace: int = 0
    idle: int = 0

    def keep(self) -> int:
        """Return how much is to stay free, as a batch is made."""
        self.idle = 0 if self.drawn else self.idle + 1
        self.pace = max(self.drawn, self.pace // 2) if self.idle < _IDLE else 0
        self.drawn = 0
        return 2 * self.pace


Hold = tuple[Pocket, int, int]
"""A pocket, what a request reserved in it, and the unit that it counts."""


@dataclass(slots=True, eq=False)
class Account:
    """The limits of one key as this process knows them."""

    key: Key
    lines: tuple[Line, ...] = ()
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turn: float = -math.inf
    _pockets: dict[Place, Pocket] = field(default_factory=dict)
    _refused: tuple[float, Need, RateLimitError] | None = None

    def renew(self, key: Key) -> None:
        """Take the key as it was changed; what is held stays."""
        self.key = key
        self.turn = -math.inf
        self._refused = None

    def hold(self, need: Need, now: float) -> list[Hold] | None:
        """Reserve what a request needs of every limit, or nothing; ``None`` if the store must be asked first."""
        if now >= self.turn:
            self._roll(now)
        lines = self.lines
        for line in lines:
            if line.pocket.free < need[line.rule.unit]:
                return None
        holds = []
        for line in lines:
            amount = need[line.rule.unit]
            pocket = line.pocket
            pocket.free -= amount
            pocket.held += amount
            line.drawn += amount
            holds.append((pocket, amount, line.rule.unit))
        return holds

    def wants(self, need: Need) -> list[Want]:
        """Return what the store must be asked for, so that ``hold`` works."""
        found = []
        for line in self.lines:
            needed, pocket = need[line.rule.unit], line.pocket
            if pocket.free < needed:
                ahead = min(max(2 * line.pace, _AHEAD * needed), LARGEST)
                found.append(Want(line.rule, pocket.place[1], needed - pocket.free, ahead, needed, pocket.spent))
        return found

    def got(self, amounts: dict[Place, int]) -> None:
        """Put what the store gave into the pockets."""
        for place, amount in amounts.items():
            self._pocket(place).free += amount

    def refused(self, need: Need, now: float, error: RateLimitError) -> None:
        """Remember that the store refused a request, so that many of its kind cost nothing."""
        self._refused = (now + _REFUSED_FOR, need, error)

    def freed(self) -> None:
        """Ask the store again for the next request: one has ended, which may make room."""
        self._refused = None

    def refusal(self, need: Need, now: float) -> RateLimitError | None:
        """Return why a request cannot be had for sure: it is too large, or less than it was refused a moment ago."""
        for line in self.lines:
            if line.rule.kind != "budget" and need[line.rule.unit] > line.rule.limit:
                return refusals.too_much(line.rule, need[line.rule.unit])
        if self._refused is None:
            return None
        until, before, error = self._refused
        if now >= until or until - now > _REFUSED_FOR:
            self._refused = None
            return None
        if any(wanted < refused for wanted, refused in zip(need, before, strict=True)):
            return None
        again = type(error)(error.message)
        for name in ("status", "code", "retryable", "retry_after", "phase", "hint"):
            setattr(again, name, getattr(error, name))
        return again

    def changes(self, now: float, *, leave: bool = False) -> list[Change]:
        """Return what is to be written, and count it as written.

        Args:
            now: Seconds since 1970.
            leave: Give back everything that no request holds.
        """
        if now >= self.turn:
            self._roll(now)
        keeps = {line.pocket.place: line.keep() for line in self.lines}
        found: list[Change] = []
        for place, pocket in list(self._pockets.items()):
            change = pocket.change(self.key.id, 0 if leave else keeps.get(place, 0))
            if change is not None:
                found.append(change)
            if place not in keeps and not pocket.held and not pocket.free:
                del self._pockets[place]
        return found

    def is_quiet(self) -> bool:
        """Whether nothing is held, free or to be written."""
        return not any(pocket.free or pocket.held or pocket.spent for pocket in self._pockets.values())

    def _roll(self, now: float) -> None:
        rules: Sequence[Rule] = self.key.limits.rules()
        before = {line.rule.meter: line for line in self.lines}
        lines = []
        for rule in rules:
            line = Line(rule, self._pocket((rule.meter, rule.window(now))))
            old = before.get(rule.meter)
            if old is not None:
                line.drawn, line.pace, line.idle = old.drawn, old.pace, old.idle
            lines.append(line)
        self.lines = tuple(lines)
        self.turn = min((rule.turn(now) for rule in rules), default=math.inf)

    def _pocket(self, place: Place) -> Pocket:
        found = self._pockets.get(place)
        if found is None:
            found = self._pockets[place] = Pocket(place)
        return found
