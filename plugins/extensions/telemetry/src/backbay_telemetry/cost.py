"""What a call cost, and whose word that is. Unknown is ``None``, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backbay.backend import Backend
    from backbay.response import Embeddings, Ranking, Response, Usage

SOURCE = "genai-prices"

_VENDORS: Mapping[str, str] = {
    "bedrock": "aws",
    "copilot": "github-copilot",
    "moonshot": "moonshotai",
    "voyage": "voyageai",
    "xai": "x-ai",
}
# What genai-prices calls a vendor that Backbay calls otherwise.


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost, by the list prices of the day.

    Attributes:
        amount: The sum, not rounded. What a vendor deducts, adds or gives for nothing is not in it.
        currency: ISO 4217 code: ``"USD"``.
        source: Whose prices these are: ``"genai-prices"``.
        version: The version of the source, with the time of its newest prices if they were fetched after it.
    """

    amount: Decimal
    currency: str
    source: str
    version: str


def cost_of(backend: Backend, answer: Response | Embeddings | Ranking, *, at: datetime | None = None) -> Cost | None:
    """Return what an answer cost.

    Args:
        backend: The backend that was asked.
        answer: What it gave.
        at: When it was asked, since prices change; ``None`` for now.

    Returns:
        ``None`` if that is not known: genai-prices is not installed, or has no price of the model; the vendor gave no
        usage; the backend stands at another address than the vendor's own, is a local engine, or is one that
        ``fallback`` or ``route`` made, where several may have been paid.
    """
    if backend.spec.native or backend.id != backend.spec.name or answer.usage is None:
        return None
    for model in dict.fromkeys((answer.model, backend.model)):
        found = None if model is None else price(backend.spec.name, model, answer.usage, at=at)
        if found is not None:
            return found
    return None


def price(vendor: str, model: str, usage: Usage, *, at: datetime | None = None) -> Cost | None:
    """Return what a model's tokens cost at a vendor.

    Args:
        vendor: The name of the backend, as in ``connect("openai:...")``.
        model: The model, as the vendor names it.
        usage: The tokens. Their number must be known for each direction that the model has a price for.
        at: When they were used; ``None`` for now.

    Returns:
        ``None`` if genai-prices is not installed or does not know, or if a number of tokens is not known.
    """
    library = _library()
    if library is None:
        return None
    counted = {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cached,
        "cache_write_tokens": usage.cache_written,
    }
    known = {name: count for name, count in counted.items() if count is not None}
    try:
        found = library.calc_price(
            library.Usage(**known), model, provider_id=_VENDORS.get(vendor, vendor), genai_request_timestamp=at
        )
    except (LookupError, ValueError):  # No such vendor or model; or counts that contradict each other.
        return None
    for priced, count in (("input_mtok", usage.input), ("output_mtok", usage.output)):
        rate = getattr(found.model_price, priced, None)
        if (rate is None and count) or (rate and count is None):
            return None
    fetched = found.auto_update_timestamp
    version = library.__version__ if fetched is None else f"{library.__version__}+{fetched:%Y-%m-%dT%H:%M:%SZ}"
    return Cost(found.total_price, "USD", SOURCE, version)


@cache
def _library() -> ModuleType | None:
    """Return genai-prices; ``None`` if it is not installed. Its import takes some tenths of a second."""
    try:
        import genai_prices
    except ImportError:
        return None
    return genai_prices
