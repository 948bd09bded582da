"""What a person types for a limit, a time or a key, and how these are shown."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from backbay.errors import InvalidRequestError

from . import tokens
from .limits import KeyLimits

NONE = "none"
"""The word that takes a limit away."""

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"(\d{1,6})([mhdw])")


def key_id(text: str) -> str:
    """Return the id in what was typed: an id, or a whole key.

    Raises:
        InvalidRequestError: It is neither. The message does not repeat it: it may be most of a key.
    """
    found = tokens.id_of(text)
    if found is None:
        raise InvalidRequestError(
            "What was given is no key's id: that is 12 letters and digits.",
            hint="`backbay gateway keys list` shows them.",
        )
    return found


def whole(text: str | None, option: str, before: int | None) -> int | None:
    """Return a limit: a whole number, ``None`` for the word ``none``, or ``before`` where nothing was given.

    Raises:
        InvalidRequestError: It is neither.
    """
    if text is None:
        return before
    if text == NONE:
        return None
    cleaned = text.replace("_", "").replace(",", "")
    if not (cleaned.isascii() and cleaned.isdigit() and len(cleaned) < 20):
        raise InvalidRequestError(f"{option} takes a whole number, or none for no limit.")
    return int(cleaned)


def money(text: str | None, option: str, before: float | None) -> float | None:
    """Return a limit in money, likewise; ``2.50`` is a number.

    Raises:
        InvalidRequestError: It is no number, negative, or not finite.
    """
    if text is None:
        return before
    if text == NONE:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount >= 0):
        raise InvalidRequestError(f"{option} takes an amount such as 2.50, or none for no limit.")
    return amount


def moment(text: str | None, option: str, now: float, *, past: bool = False) -> float | None:
    """Return a time: ``30d`` from now (or before it, if ``past``), or a date as ISO 8601 writes it, in UTC.

    Raises:
        InvalidRequestError: It is neither.
    """
    if text is None or text == NONE:
        return None
    span = _SPAN.fullmatch(text)
    if span is not None:
        seconds = int(span[1]) * _UNITS[span[2]]
        return now - seconds if past else now + seconds
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"{option} takes a span such as 30d, 12h or 45m, or a date such as 2030-01-31."
        ) from None


def date(at: float | None) -> str | None:
    """Return a time for people, in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def iso(at: float | None) -> str | None:
    """Return a time for programs."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def limits(given: KeyLimits) -> str:
    """Return limits on one line."""
    said = [
        f"{number} {unit}"
        for number, unit in (
            (given.requests, "requests/min"),
            (given.tokens, "tokens/min"),
            (given.concurrent, "at once"),
            (given.budget_tokens, f"tokens {_each(given)}"),
            (given.budget_cost, f"money {_each(given)}"),
        )
        if number is not None
    ]
    return ", ".join(said) or "no limit"


def _each(given: KeyLimits) -> str:
    return "in all" if given.period == "total" else f"a {given.period}"
