"""What both groups of commands share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

import typer

from backbay import Provider

from ..rows import Model

Where = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="FILE|URL", help="The catalogue, instead of BACKBAY_CATALOGUE or your own folder's."
    ),
]

MISSING = "gone"


def split(reference: str) -> tuple[str, str]:
    """Split ``PROVIDER:MODEL``.

    Raises:
        BadParameter: It is none.
    """
    provider, colon, handle = reference.partition(":")
    if not colon or not provider or not handle:
        raise typer.BadParameter(f"{reference!r} is no PROVIDER:MODEL.")
    return provider, handle


def provider_document(provider: Provider) -> dict[str, object]:
    """Return a saved provider as JSON has it. Where its key is is no secret; the key is not in it."""
    return {
        "name": provider.name,
        "backend": provider.backend_name,
        "vendor": provider.vendor or None,
        "base_url": provider.base_url,
        "vendor_base_url": provider.vendor_base_url,
        "wire": provider.wire,
        "model": provider.model,
        "credential": provider.credential if isinstance(provider.credential, str) else None,
        "config": provider.config,
        "defaults": provider.defaults,
        "broker": provider.broker or None,
    }


def model_document(model: Model, aliases: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return a model as JSON has it."""
    found = {each.name: getattr(model, each.name) for each in fields(model)}
    found["provenance"] = {
        name: {"source": str(each.source), "at": each.at, "detail": each.detail, "pinned": each.pinned}
        for name, each in sorted(model.provenance.items())
    }
    if aliases is not None:
        found["aliases"] = sorted(name for name, reference in aliases.items() if reference == model.reference)
    return found
