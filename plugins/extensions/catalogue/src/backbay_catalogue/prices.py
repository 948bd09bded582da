"""Prices and context windows from genai-prices, as far as nobody better has said them.

The package brings its data along; nothing is fetched. Source: https://github.com/pydantic/genai-prices, whose prices
are US dollars for a million tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, select, update

from backbay import ConfigurationError, Provider

from . import schema
from .facts import Source, Value, now, price, said
from .merging import merged
from .rows import provider_of

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

_NAMES = {
    "bedrock": "aws",
    "copilot": "github-copilot",
    "moonshot": "moonshotai",
    "vertex": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
}
"""What genai-prices calls a vendor, where that is not what its backend is called."""

_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How an import came out.

    Attributes:
        source: The package and its version.
        as_of: The newest date that its data names, or ``None``.
        known: Models that the package knows.
        changed: Those of which something is different now.
    """

    source: str
    as_of: str | None
    known: int
    changed: int


def import_prices(connection: Connection, provider: str | None = None) -> Imported:
    """Lay the prices and windows of genai-prices over the catalogue, in the transaction of ``connection``.

    A value that a vendor, a probe or a person said stays.

    Args:
        connection: Where to write.
        provider: The provider whose models are looked at; ``None`` for all.

    Raises:
        ConfigurationError: genai-prices is not installed.
    """
    snapshot = _snapshot()
    source, as_of = f"genai-prices {version('genai-prices')}", _newest(snapshot)
    detail = f"{source}, as of {as_of}" if as_of else source
    table, owners = schema.models, schema.providers
    known = changed = 0
    at = now()
    wanted = select(owners) if provider is None else select(owners).where(owners.c.name == provider)
    for owner in connection.execute(wanted).all():
        changes = []
        for row in connection.execute(select(table).where(table.c.provider_id == owner.id)).all():
            found = _look_up(snapshot, provider_of(owner), row.handle)
            known += found is not None
            if found and (change := merged(row, found, source=Source.IMPORTED, at=at, detail=detail)):
                changes.append({**change, "row_id": row.id})
        for start in range(0, len(changes), _AT_ONCE):
            statement = update(table).where(table.c.id == bindparam("row_id"))
            connection.execute(statement, changes[start : start + _AT_ONCE])
        changed += len(changes)
    return Imported(source=source, as_of=as_of, known=known, changed=changed)


def _snapshot() -> DataSnapshot:
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        raise ConfigurationError(
            "Prices come from genai-prices, which is not installed.",
            hint="Install it: pip install 'backbay-catalogue[prices]'",
        ) from None
    return get_snapshot()


def _look_up(snapshot: DataSnapshot, provider: Provider, handle: str) -> dict[str, Value] | None:
    """Return what the package says of a model; ``None`` if it does not know it."""
    name = provider.vendor or provider.backend_name.partition("@")[0]
    native = provider.native_model(handle) or handle
    try:
        _, model = snapshot.find_provider_model(native, None, _NAMES.get(name, name), None)
    except LookupError:
        return None
    prices = model.get_prices(datetime.now(UTC))
    return said(
        {
            "display_name": model.name,
            "context_window": model.context_window,
            "input_price": _base(prices, "input_mtok"),
            "output_price": _base(prices, "output_mtok"),
            "cached_price": _base(prices, "cache_read_mtok"),
        }
    )


def _base(prices: object, name: str) -> float | None:
    """Return a price; where it rises with the length of the prompt, that of a short one."""
    found: Any = getattr(prices, name, None)
    found = getattr(found, "base", found)
    return None if found is None else price(str(found))


def _newest(snapshot: DataSnapshot) -> str | None:
    """Return the newest day that the data names as past: the package says no date of its own."""
    today = datetime.now(UTC).date().isoformat()
    return max((day for day in _dates(snapshot.providers) if day <= today), default=None)


def _dates(providers: Iterable[Any]) -> Iterator[str]:
    for each in providers:
        yield from _DATE.findall(each.price_comments or "")
        for model in each.models:
            yield from _DATE.findall(model.price_comments or "")
            for one in model.prices if isinstance(model.prices, list) else ():
                start = getattr(one.constraint, "start_date", None)
                if start is not None:
                    yield start.isoformat()
