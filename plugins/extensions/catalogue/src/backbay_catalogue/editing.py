"""Values of one model, written by a person or a probe."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from backbay import InvalidRequestError

from . import providers, search
from .facts import CAPABILITIES, Source, Value, checked, now, storable
from .merging import fresh, merged
from .rows import Model
from .schema import LONGEST_HANDLE, models


def check(handle: str, values: Mapping[str, object]) -> dict[str, Value]:
    """Return the values as they are kept.

    Raises:
        InvalidRequestError: There is no such value, or it cannot be this; or nothing can have that name.
    """
    if storable(handle) is None or not 0 < len(handle) <= LONGEST_HANDLE:
        raise InvalidRequestError(f"A model's name is text of 1 to {LONGEST_HANDLE} characters.")
    found: dict[str, Value] = {}
    for name, value in values.items():
        # Also a value that is taken away must be one that there is.
        empty = value is None and name.startswith(CAPABILITIES)
        kept = checked(name, "unknown" if empty else value)
        found[name] = None if empty else kept
    return found


def edit(
    connection: Connection,
    provider: str,
    handle: str,
    values: Mapping[str, Value],
    *,
    source: Source,
    pinned: bool,
    create: bool,
) -> Model:
    """Write checked values; return the model as it is then. Errors as ``Catalogue.edit`` raises."""
    owner = providers.row(connection, provider).id
    at = now()
    if create:
        there = select(models.c.id).where(models.c.provider_id == owner, models.c.handle == handle)
        if connection.execute(there).first() is None:
            row = {"provider_id": owner, "handle": handle, "created_at": at}
            connection.execute(insert(models).values(**row, **fresh(handle, {}, source=Source.ASSUMED, at=at)))
    found = providers.model_row(connection, owner, provider, handle)
    change = merged(found, values, source=source, at=at, pinned=pinned)
    if change:
        connection.execute(update(models).where(models.c.id == found.id).values(**change))
    model = search.one(connection, provider, handle)
    assert model is not None
    return model
