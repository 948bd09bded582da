"""Counts and prices as people read them."""

from __future__ import annotations

UNKNOWN = "\N{EN DASH}"
"""What stands for a value that is unknown."""


def number(value: int | None) -> str | None:
    """Return a count for people."""
    return None if value is None else f"{value:,}"


def dollars(value: float | None) -> str | None:
    """Return a price for people, in dollars for a million tokens: two digits at least, and four at most if they do."""
    if value is None:
        return None
    whole, _, digits = f"{value:.4f}".rstrip("0").partition(".")
    text = f"{whole}.{digits.ljust(2, '0')}"
    return text if value == 0 or float(text) else f"{value:.2g}"
