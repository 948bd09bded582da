"""What requests cost, by the configured prices. Unknown is ``None``, never 0."""

from __future__ import annotations

from collections.abc import Iterable

from backbay.response import Usage

from .config import Price
from .routing.strategies import Target

_MILLION = 1_000_000


def price_of(target: Target) -> Price | None:
    """Return the price of a target's model, or ``None`` if none is configured."""
    prices = target.upstream.config.prices
    return prices.get(target.model) or prices.get("*")


def most(targets: Iterable[Target], prompt: int, answer: int) -> float | None:
    """Return the most that a request may cost at any of the targets; ``None`` if the price of one is not known."""
    found = 0.0
    for target in targets:
        price = price_of(target)
        if price is None:
            return None
        found = max(found, (prompt * price.input + answer * price.output) / _MILLION)
    return found


def cost(target: Target, usage: Usage | None) -> float | None:
    """Return what an answer cost; ``None`` if its price, or how many tokens it had, is not known."""
    price = price_of(target)
    if price is None or usage is None or usage.input is None or usage.output is None:
        return None
    cached = min(usage.cached or 0, usage.input) if price.cached is not None else 0
    paid = (usage.input - cached) * price.input + cached * (price.cached or 0.0) + usage.output * price.output
    return max(0.0, paid / _MILLION)
