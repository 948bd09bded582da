"""A vendor's list of models laid over the catalogue: read whole first, then written in one transaction.

A crash, or an error, at any point leaves the catalogue as it was. What the vendor does not say takes the place of
nothing; a model that it no longer lists is marked, and never removed. An empty list says nothing at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from backbay import InferenceModelSpec, ModelInfo, TooLargeError

from . import raw, schema
from .errors import CatalogueError
from .facts import CAPABILITIES, Source, Value, now, said, storable
from .merging import fresh, merged

MOST_MODELS = 500_000
"""Entries of one list at most; a longer one is refused whole."""

_AT_ONCE = 500
"""Rows that are looked at together: memory does not grow with the list."""

Progress = Callable[[int], None]
"""Called with how many models have been looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """How a refresh came out.

    Attributes:
        provider: The provider's name.
        listed: Models that the vendor listed, each once.
        added: Those that were not there before.
        changed: Those of which something is different now, returned ones among them.
        missing: Those that were there, and that the vendor does not list any more; they are marked now.
        left_out: Those that cannot be kept, since their names are too long or are no text.
        superseded: Whether a list that was begun later was written before; then nothing was written.
    """

    provider: str
    listed: int
    added: int = 0
    changed: int = 0
    missing: int = 0
    left_out: int = 0
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of one model."""

    handle: str
    values: dict[str, Value]
    config: dict[str, object] = field(default_factory=dict)


def write(
    connection: Connection,
    provider: str,
    found: list[ModelInfo | InferenceModelSpec],
    *,
    begun: str,
    broker: str = "",
    progress: Progress | None = None,
) -> Refreshed:
    """Lay a whole list over a provider's models, in the transaction of ``connection``.

    Args:
        connection: Where to write.
        provider: The provider's name.
        found: What the vendor lists: all of it. It is empty afterwards, so that memory shrinks on the way. Of several
            entries of one name the first counts.
        begun: When the list was begun, as ``facts.now`` says it.
        broker: The name under which each model is listed as well.
        progress: Called with how many entries were looked at.

    Raises:
        CatalogueError: There is no such provider.
    """
    owner, last = _owner(connection, provider)
    total = len(found)
    if last is not None and begun < last <= _soon():
        return Refreshed(provider=provider, listed=total, superseded=True)
    at = now()
    found.reverse()  # taken from its end, which is cheap
    names: set[str] = set()
    added = changed = left_out = 0
    while found:
        part, refused = _take(found, names, broker)
        new, old = _lay_over(connection, owner, part, at)
        added, changed, left_out = added + new, changed + old, left_out + refused
        if progress is not None:
            progress(total - len(found))
    missing = _mark_missing(connection, owner, names, at) if names else 0
    table = schema.providers
    connection.execute(update(table).where(table.c.id == owner).values(listed_at=begun))
    return Refreshed(
        provider=provider, listed=len(names), added=added, changed=changed, missing=missing, left_out=left_out
    )


def check(found: Sequence[object]) -> None:
    """Raise ``TooLargeError`` if a list is longer than ``MOST_MODELS``."""
    if len(found) > MOST_MODELS:
        raise TooLargeError(f"The vendor lists {len(found):,} models, and a catalogue takes {MOST_MODELS:,} at most.")


def _take(found: list[ModelInfo | InferenceModelSpec], names: set[str], broker: str) -> tuple[Sequence[Listed], int]:
    """Take some entries off the end of ``found``; return those of new names, and how many cannot be kept."""
    part: list[Listed] = []
    refused = 0
    while found and len(part) < _AT_ONCE:
        each = _listed(found.pop())
        if each is None:
            refused += 1
            continue
        for one in _names(each, broker):
            if one.handle not in names:
                names.add(one.handle)
                part.append(one)
    return part, refused


def _listed(each: ModelInfo | InferenceModelSpec) -> Listed | None:
    handle = each.handle if isinstance(each, InferenceModelSpec) else each.id
    if not handle or len(handle) > schema.LONGEST_HANDLE or storable(handle) is None:
        return None
    if isinstance(each, ModelInfo):
        values: dict[str, object] = {
            **(raw.read(each.raw) if each.raw else {}),
            "display_name": each.label,
            "context_window": each.context_window,
            "max_output_tokens": each.max_output_tokens,
            "owned_by": each.owned_by,
        }
        return Listed(handle, said(values))
    stated = each.upsert_defaults()
    support = stated.pop("capabilities", {})
    config = stated.pop("config", {})
    if not each.display_name:
        del stated["display_name"]
    if each.model_use == InferenceModelSpec(handle).model_use:
        del stated["model_use"]  # the default, which says nothing
    stated |= {f"{CAPABILITIES}{name}": value for name, value in dict(support).items()}  # type: ignore[call-overload]
    return Listed(handle, said(stated), dict(config))  # type: ignore[call-overload]


def _names(each: Listed, broker: str) -> Iterable[Listed]:
    """Yield the entry, and where there is a broker the one under its name, which says what the vendor knows it by."""
    yield each
    handle = f"{broker}/{each.handle}"
    if not broker or len(handle) > schema.LONGEST_HANDLE:
        return
    name = f"{each.values.get('display_name') or each.handle} ({broker})"
    values = {**each.values, **said({"display_name": name})}
    yield Listed(handle, values, {"provider_model": each.handle})


def _owner(connection: Connection, provider: str) -> tuple[int, str | None]:
    """Return a provider's id, and when its last list was begun; others who write to it wait until we are done."""
    table = schema.providers
    found = connection.execute(
        select(table.c.id, table.c.listed_at).where(table.c.name == provider).with_for_update()
    ).first()
    if found is None:
        raise CatalogueError(f"There is no provider {provider!r}.", code="unknown_provider")
    return found.id, found.listed_at


def _lay_over(connection: Connection, owner: int, part: Sequence[Listed], at: str) -> tuple[int, int]:
    table = schema.models
    wanted = [each.handle for each in part]
    there = {
        row.handle: row
        for row in connection.execute(select(table).where(table.c.provider_id == owner, table.c.handle.in_(wanted)))
    }
    new, changed = [], []
    for each in part:
        row = there.get(each.handle)
        if row is None:
            new.append(_new_row(owner, each, at))
        elif change := _change(row, each, at):
            changed.append({**_as_it_is(row), **change, "row_id": row.id})
    if new:
        connection.execute(insert(table), new)
    if changed:
        connection.execute(update(table).where(table.c.id == bindparam("row_id")), changed)
    return len(new), len(changed)


def _new_row(owner: int, each: Listed, at: str) -> dict[str, object]:
    return {
        "provider_id": owner,
        "handle": each.handle,
        **fresh(each.handle, each.values, source=Source.REFRESHED, at=at),
        "config": json.dumps(each.config),
        "created_at": at,
    }


def _change(row: Any, each: Listed, at: str) -> dict[str, object]:  # noqa: ANN401 (a row has the columns of its table)
    change = merged(row, each.values, source=Source.REFRESHED, at=at)
    if row.missing_since is not None:
        change["missing_since"] = None
    config = json.dumps(each.config)
    if each.config and config != row.config:
        change["config"] = config
    return change


def _as_it_is(row: Any) -> dict[str, object]:  # noqa: ANN401 (likewise)
    """Return the columns that a change may have, so that one statement serves for all."""
    kept = ("id", "provider_id", "handle", "created_at")
    return {name: value for name, value in row._mapping.items() if name not in kept}  # noqa: SLF001 (a public name)


def _mark_missing(connection: Connection, owner: int, listed: set[str], at: str) -> int:
    table = schema.models
    there = connection.execute(
        select(table.c.id, table.c.handle).where(table.c.provider_id == owner, table.c.missing_since.is_(None))
    )
    gone = [{"row_id": row.id, "since": at} for row in there if row.handle not in listed]
    if gone:
        statement = update(table).where(table.c.id == bindparam("row_id")).values(missing_since=bindparam("since"))
        connection.execute(statement, gone)
    return len(gone)


def _soon() -> str:
    """Return a time a little ahead: a list that claims to be from later was dated by a clock that was wrong."""
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    return ahead.isoformat(timespec="microseconds").replace("+00:00", "Z")
