"""What is said of a model: which values there are, who may say them, and what counts when several do."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from backbay import Capability, InvalidRequestError, Support

CAPABILITIES = "capabilities."
"""The prefix of a capability's name among the values: ``"capabilities.tools"``."""

TEXTS = {"display_name": 200, "description": 2000, "model_use": 40, "owned_by": 200, "status": 40}
"""Values that are text, and how many characters of one are kept."""

COUNTS = frozenset({"context_window", "max_output_tokens"})
"""Values that are numbers of tokens."""

PRICES = frozenset({"input_price", "output_price", "cached_price"})
"""Values that are US dollars for a million tokens: of the prompt, of the answer, and of a prompt that was cached."""

_MOST_TOKENS = 10**10
_HIGHEST_PRICE = 1e6


class Source(enum.StrEnum):
    """Who said a value, the least first. See ``outweighs``."""

    ASSUMED = "assumed"
    """Nobody: a new row has to have something."""
    IMPORTED = "imported"
    """A collection of data, such as genai-prices."""
    DECLARED = "declared"
    """The backend's package."""
    REFRESHED = "refreshed"
    """The vendor's own list of models."""
    PROBED = "probed"
    """A trial of the model itself."""
    PERSON = "person"
    """Somebody who wrote it."""


_RANK: dict[str, int] = {str(source): rank for rank, source in enumerate(Source)}
_CAPABILITIES = frozenset(f"{CAPABILITIES}{name}" for name in Capability)
_SUPPORTS = frozenset(map(str, Support))

Value = str | int | float | None
"""A value; ``None`` is unknown."""


def outweighs(new: str, old: str, *, pinned: bool) -> bool:
    """Whether a value that ``new`` says takes the place of another one that ``old`` said.

    What a vendor says now takes the place of whatever there was, unless a person pinned that; what it does not say
    takes the place of nothing. A probe does not take the place of what a person wrote.
    """
    if new == Source.PERSON:
        return True
    if pinned:
        return False
    return new == Source.REFRESHED or _RANK[new] >= _RANK[old]


def is_stronger(new: str, old: str) -> bool:
    """Whether ``new`` is the better authority for one and the same value."""
    return _RANK[new] > _RANK[old]


def usable(name: str, value: object) -> Value:
    """Return a value from elsewhere as it is kept; ``None`` if it is no such value, which then counts as not said."""
    try:
        return checked(name, value)
    except InvalidRequestError:
        return None


def checked(name: str, value: object) -> Value:
    """Return a value as it is kept.

    Raises:
        InvalidRequestError: There is no value of that name, or it cannot be this.
    """
    if value is None and not name.startswith(CAPABILITIES):
        return None
    if name in TEXTS:
        return _text(name, value)
    if name in COUNTS:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_TOKENS:
            return value
        raise InvalidRequestError(f"{name} is a number of tokens from 1 to {_MOST_TOKENS:,}, not {_shown(value)}.")
    if name in PRICES:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _HIGHEST_PRICE:
            return float(value)
        raise InvalidRequestError(
            f"{name} is US dollars for a million tokens, from 0 to {_HIGHEST_PRICE:,.0f}, not {_shown(value)}."
        )
    return _support(name, value)


def _text(name: str, value: object) -> str:
    kept = storable(value) if isinstance(value, str) else None
    if not kept or not kept.strip():
        raise InvalidRequestError(f"{name} is some text, not {_shown(value)}.")
    return kept[: TEXTS[name]]


def _support(name: str, value: object) -> str:
    if name not in _CAPABILITIES:
        known = ", ".join([*TEXTS, *sorted(COUNTS), *sorted(PRICES), f"{CAPABILITIES}tools"])
        raise InvalidRequestError(f"A model has no value {name!r}.", hint=f"There are {known}, and so on.")
    if not isinstance(value, str) or value not in _SUPPORTS:
        raise InvalidRequestError(
            f"{name} is one of {', '.join(Support)}, not {_shown(value)}.", hint="As in tools=full."
        )
    return str(value)


def storable(text: str) -> str | None:
    """Return text that any database can keep; ``None`` where it has a null character, or half of a surrogate pair."""
    if "\0" in text:
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text


def now() -> str:
    """Return the time as it is kept: ISO 8601, UTC, to the microsecond, so that two of one second have an order."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def price(value: object, *, times: float = 1.0) -> float | None:
    """Return a price of a vendor's, text or number, in US dollars for a million tokens; ``None`` if it is none.

    Args:
        value: What the vendor says.
        times: What makes it a price for a million tokens.
    """
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value) * times
    except ValueError:
        return None
    # Per token there are many digits, and binary fractions that nobody meant.
    return float(f"{found:.10g}") if math.isfinite(found) and 0 <= found <= _HIGHEST_PRICE else None


def said(values: Mapping[str, object]) -> dict[str, Value]:
    """Return those of ``values`` that say something."""
    found = {name: usable(name, value) for name, value in values.items() if value is not None}
    return {name: value for name, value in found.items() if value is not None}


def _shown(value: object) -> str:
    return ascii(value) if len(repr(value)) <= 40 else f"a {type(value).__name__}"
