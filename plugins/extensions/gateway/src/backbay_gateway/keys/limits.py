"""What a key may use, and the windows of time that this is counted in."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from backbay.errors import InvalidRequestError

SLOT: Final = 5.0
"""Seconds of a slot. Limits of a minute are counted in slots, so that they hold in *any* 60 seconds."""

SLOTS_BEFORE: Final = 12
"""Slots before the present one that are counted with it: any 60 seconds touch at most 13 slots of 5."""

NANO: Final = 1_000_000_000
"""Money is counted in whole billionths of its unit, so that sums are exact."""

LARGEST: Final = 2**62
"""The largest number that a limit may be; sums of two still fit a database's integer."""

REQUESTS, TOKENS, COST = range(3)
"""Places in what a request needs: ``(1, tokens, billionths of the money's unit)``."""

Kind = Literal["rate", "budget", "concurrent"]
Need = tuple[int, int, int]


class Period(enum.StrEnum):
    """How long a budget lasts. Days and months are those of UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"

    def start(self, now: float) -> int:
        """Return when the period that ``now`` is in began (seconds since 1970); 0 for ``TOTAL``."""
        if self is Period.TOTAL:
            return 0
        if self is Period.DAY:
            return int(now // 86400) * 86400
        return int(datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())

    def end(self, now: float) -> float:
        """Return when that period ends (seconds since 1970); infinite for ``TOTAL``."""
        if self is Period.TOTAL:
            return math.inf
        if self is Period.DAY:
            return self.start(now) + 86400.0
        first = datetime.fromtimestamp(self.start(now), UTC)
        if first.month == 12:
            return first.replace(year=first.year + 1, month=1).timestamp()
        return first.replace(month=first.month + 1).timestamp()


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit of a key, as it is counted.

    Attributes:
        meter: The name that it is counted under.
        kind: A ``rate`` is counted in slots, a ``budget`` in its period, and ``concurrent`` while requests are open.
        limit: How much may be used: requests, tokens or billionths of money.
        unit: The place of what it counts in a request's need.
        period: A budget's period.
    """

    meter: str
    kind: Kind
    limit: int
    unit: int
    period: Period = Period.TOTAL

    def window(self, now: float) -> int:
        """Return the window that ``now`` is in: a slot's number, a period's start, or 0."""
        if self.kind == "rate":
            return int(now // SLOT)
        return self.period.start(now) if self.kind == "budget" else 0

    def turn(self, now: float) -> float:
        """Return when that window ends, in seconds since 1970."""
        if self.kind == "rate":
            return (int(now // SLOT) + 1) * SLOT
        return self.period.end(now) if self.kind == "budget" else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What a key may use. ``None`` is no limit; 0 allows nothing.

    Attributes:
        requests: Requests in any 60 seconds.
        tokens: Tokens, of prompts and answers together, of the requests begun in any 60 seconds.
        concurrent: Requests open at one time, streamed or not.
        budget_tokens: Tokens in a period.
        budget_cost: Money in a period, in the unit of the configured prices.
        period: The period of both budgets.

    Raises:
        InvalidRequestError: A number is negative, not finite, or no number; the message names it.
    """

    requests: int | None = None
    tokens: int | None = None
    concurrent: int | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None
    period: Period = Period.TOTAL

    def __post_init__(self) -> None:
        for name in ("requests", "tokens", "concurrent", "budget_tokens"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value <= LARGEST):
                raise InvalidRequestError(f"The limit {name} must be a whole number from 0, or None for no limit.")
        if self.budget_cost is not None:
            nano(self.budget_cost, "The limit budget_cost")
        if not isinstance(self.period, Period):
            raise InvalidRequestError(f"The period must be one of {', '.join(Period)}.")

    def rules(self) -> tuple[Rule, ...]:
        """Return the limits that there are."""
        cost = None if self.budget_cost is None else nano(self.budget_cost, "The limit budget_cost")
        found: tuple[tuple[str, Kind, int | None, int], ...] = (
            ("concurrent", "concurrent", self.concurrent, REQUESTS),
            ("requests", "rate", self.requests, REQUESTS),
            ("tokens", "rate", self.tokens, TOKENS),
            (f"budget_tokens.{self.period}", "budget", self.budget_tokens, TOKENS),
            (f"budget_cost.{self.period}", "budget", cost, COST),
        )
        return tuple(
            Rule(meter, kind, limit, unit, self.period) for meter, kind, limit, unit in found if limit is not None
        )


def nano(amount: float, what: str) -> int:
    """Return an amount of money in billionths of its unit.

    Raises:
        InvalidRequestError: It is negative, not finite, above four billion, or no number. ``what`` begins the message.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
        raise InvalidRequestError(f"{what} must be a finite number.")
    if not 0 <= amount <= LARGEST // NANO:
        raise InvalidRequestError(f"{what} must be from 0 to {LARGEST // NANO}.")
    return round(amount * NANO)
