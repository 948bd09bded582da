"""Rows of the database as values: providers, and models with who said what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from backbay import ConfigurationError, Provider

from .facts import CAPABILITIES, Source, Value

VALUES = (
    *("display_name", "description", "model_use", "owned_by", "context_window", "max_output_tokens"),
    *("input_price", "output_price", "cached_price", "status"),
)
"""The columns that have values of a model."""

PROVIDER_FIELDS = (
    *("name", "backend_name", "vendor", "base_url", "vendor_base_url", "wire", "model", "credential"),
    *("config", "defaults", "broker"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who said a value, and when.

    Attributes:
        source: Who.
        at: When it was said first, ISO 8601 and UTC.
        detail: More about who, such as the collection that it was imported from; or ``None``.
        pinned: Whether a person wants it to stay, whatever a vendor says.
    """

    source: Source
    at: str
    detail: str | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of a provider. A value that is ``None`` is unknown.

    Attributes:
        provider: The provider's name.
        handle: What to ask for, exactly as the vendor says it; make it safe before it is shown.
        display_name: A name for people.
        description: What it is.
        model_use: What it is for.
        owned_by: Who made it.
        context_window: Tokens of prompt and answer together.
        max_output_tokens: Tokens of one answer at most.
        input_price: US dollars for a million tokens of the prompt.
        output_price: US dollars for a million tokens of the answer.
        cached_price: US dollars for a million tokens of the prompt that came from a cache.
        status: A word of whoever keeps the catalogue; ``"active"`` at first.
        capabilities: Support by capability, where somebody said it of this model or its backend declares it.
        config: What a call through this entry needs to know.
        provenance: Who said each value, by its name; a capability's is ``"capabilities.NAME"``. Those that the
            backend's package declares are not in it.
        created_at: When it was first listed.
        missing_since: Since when the vendor does not list it any more; ``None`` while it does.
    """

    provider: str
    handle: str
    display_name: str | None = None
    description: str | None = None
    model_use: str | None = None
    owned_by: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    cached_price: float | None = None
    status: str = "active"
    capabilities: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    created_at: str = ""
    missing_since: str | None = None

    @property
    def reference(self) -> str:
        """What ``connect`` takes for it."""
        return f"{self.provider}:{self.handle}"

    def said_by(self, name: str) -> Source | None:
        """Return who said a value, by its name as in ``provenance``; ``None`` where nobody did."""
        if name in self.provenance:
            return self.provenance[name].source
        declared = name.startswith(CAPABILITIES) and name.removeprefix(CAPABILITIES) in self.capabilities
        return Source.DECLARED if declared else None


def provider_of(row: Row[Any]) -> Provider:
    """Return the provider of a row."""
    fields = {name: getattr(row, name) for name in PROVIDER_FIELDS}
    return Provider(**{**fields, "config": json.loads(row.config), "defaults": json.loads(row.defaults)})


def provider_row(provider: Provider) -> dict[str, object]:
    """Return what a provider's row has, but for its dates.

    Raises:
        ConfigurationError: It has a key itself, which is never stored, or settings that are no JSON.
    """
    if provider.credential is not None and not isinstance(provider.credential, str):
        raise ConfigurationError(
            f"The provider {provider.name} has a key, and a catalogue keeps none.",
            hint="Save where the key is, as in credential='env:OPENAI_API_KEY'.",
        )
    row = {name: getattr(provider, name) for name in PROVIDER_FIELDS}
    try:
        for name in ("config", "defaults"):
            row[name] = json.dumps(row[name], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"The provider {provider.name} has settings that are no JSON, and cannot be saved."
        ) from None
    return row


def provenance_of(text: str) -> dict[str, Provenance]:
    """Return a row's provenance."""
    return {
        name: Provenance(
            source=Source(each["by"]), at=each["at"], detail=each.get("of"), pinned=each.get("pinned", False)
        )
        for name, each in json.loads(text).items()
    }


def model_of(row: Row[Any], provider: str, declared: Mapping[str, str] | None = None) -> Model:
    """Return the model of a row.

    Args:
        row: The row.
        provider: The provider's name.
        declared: What the backend's package declares for this model; what was said of the model itself counts more.
    """
    own = json.loads(row.capabilities)
    return Model(
        provider=provider,
        handle=row.handle,
        **{name: getattr(row, name) for name in VALUES},
        capabilities={**(declared or {}), **own},
        config=json.loads(row.config),
        provenance=provenance_of(row.provenance),
        created_at=row.created_at,
        missing_since=row.missing_since,
    )


def values_of(row: Row[Any]) -> dict[str, Value]:
    """Return the values of a row by their names, capabilities among them."""
    own = {f"{CAPABILITIES}{name}": support for name, support in json.loads(row.capabilities).items()}
    return {**{name: getattr(row, name) for name in VALUES}, **own}
