"""What bounds a run."""

from __future__ import annotations

from dataclasses import dataclass

from .budget import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What bounds a run.

    Attributes:
        concurrency: Calls at once, at most.
        per_minute: Requests a minute at most; ``None`` for no limit.
        tokens_per_minute: Tokens a minute at most; ``None`` for no limit.
        max_tokens: Tokens that the batch may use, all runs together; ``None`` for no limit.
        max_cost: US dollars, likewise.
        price: What a call costs; ``None`` if it is not known.
        tries: How often a line is asked for whose error may pass, each with the backend's own retries.
        stop_after: How many lines may fail one after another before the run stops; 0 for any number.
        patience: Seconds for which the vendor may have too many calls, with nothing answered, before the run stops.
    """

    concurrency: int = 64
    per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    price: Price | None = None
    tries: int = 3
    stop_after: int = 100
    patience: float = 900.0
