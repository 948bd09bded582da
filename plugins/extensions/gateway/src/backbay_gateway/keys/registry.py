"""The rows of keys: made, read, changed and revoked. Every value is a bound parameter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Row, func, select

from backbay.errors import InvalidRequestError

from . import schema, tokens
from .key import Key, KeyRequest, NewKey
from .limits import NANO, KeyLimits, Period, Rule, nano

_k = schema.keys.c


def create(connection: Connection, request: KeyRequest, now: float) -> NewKey:
    """Make a key. Its whole text is in what is returned, and nowhere else."""
    revision = _next_revision(connection)
    key_id, whole, digest = tokens.make()
    key = request.made(key_id, digest, now)
    row: dict[str, object] = {
        "id": key.id,
        "digest": digest,
        "label": key.label,
        "created": key.created,
        "expires": key.expires,
        "models": _packed(key.models),
        "providers": _packed(key.providers),
        "revision": revision,
    }
    connection.execute(schema.keys.insert(), {**row, **_limits_row(key.limits)})
    return NewKey(key, whole)


def create_first(connection: Connection, request: KeyRequest, now: float) -> NewKey | None:
    """Make a key if there is none at all, not even a revoked one; of several processes at once, one makes it."""
    # Holding the row of the revision, so that the others wait here until this one has ended.
    connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "revision").with_for_update())
    if connection.execute(select(_k.id).limit(1)).first() is not None:
        return None
    return create(connection, request, now)


def everything(connection: Connection) -> list[Key]:
    """Return all keys, the oldest first."""
    return [_key(row) for row in connection.execute(select(schema.keys).order_by(_k.created, _k.id))]


def find(connection: Connection, key_id: str, *, lock: bool = False) -> Key | None:
    """Return a key, or ``None``; with ``lock``, nobody else changes or counts it until the transaction ends."""
    query = select(schema.keys).where(_k.id == key_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _key(row)


def get(connection: Connection, key_id: str, *, lock: bool = False) -> Key:
    """Return a key.

    Raises:
        InvalidRequestError: There is none with that id.
    """
    key = find(connection, key_id, lock=lock)
    if key is None:
        raise InvalidRequestError(f"No key has the id {key_id}.", hint="`backbay gateway keys list` shows them.")
    return key


def revision(connection: Connection) -> int:
    """Return the number of changes that keys have seen."""
    return int(connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "revision")).scalar_one())


def changed(connection: Connection, since: int) -> list[Key]:
    """Return the keys that were made or changed after a revision."""
    return [_key(row) for row in connection.execute(select(schema.keys).where(_k.revision > since))]


def revoke(connection: Connection, key_id: str, now: float) -> Key:
    """Revoke a key for good; one that is revoked already keeps its date.

    Raises:
        InvalidRequestError: There is none with that id.
    """
    number = _next_revision(connection)
    key = get(connection, key_id, lock=True)
    if key.revoked is not None:
        return key
    connection.execute(schema.keys.update().where(_k.id == key_id).values(revoked=now, revision=number))
    return replace(key, revoked=now)


def set_limits(connection: Connection, key_id: str, limits: KeyLimits, now: float) -> Key:
    """Give a key other limits. A budget that is new counts what the ledger has of its period.

    Raises:
        InvalidRequestError: There is no key with that id.
    """
    number = _next_revision(connection)
    key = get(connection, key_id, lock=True)
    row: dict[str, object] = {**_limits_row(limits), "revision": number}
    connection.execute(schema.keys.update().where(_k.id == key_id).values(row))
    before = {rule.meter for rule in key.limits.rules()}
    for rule in limits.rules():
        if rule.kind == "budget" and rule.meter not in before:
            _count_again(connection, key_id, rule, rule.window(now))
    return replace(key, limits=limits)


def _count_again(connection: Connection, key_id: str, rule: Rule, window: int) -> None:
    # Whatever was counted while there was such a budget before has gaps: the ledger has none.
    book, table = schema.ledger.c, schema.used
    column = book.charged_cost if rule.meter.startswith("budget_cost") else book.charged_tokens
    total = select(func.coalesce(func.sum(column), 0)).where(book.key_id == key_id, book.at >= window)
    lost = schema.lapsed.c
    died = select(func.coalesce(func.sum(lost.amount), 0)).where(
        lost.key_id == key_id, lost.meter == rule.meter, lost.window == window
    )
    amount = int(connection.execute(total).scalar_one()) + int(connection.execute(died).scalar_one())
    row = {"key_id": key_id, "meter": rule.meter, "window": window}
    connection.execute(table.delete().where(*(table.c[name] == value for name, value in row.items())))
    connection.execute(table.insert(), {**row, "amount": amount})


def _next_revision(connection: Connection) -> int:
    # First in each transaction that changes keys: the lock on this row puts them in order.
    meta = schema.meta
    query = meta.update().where(meta.c.name == "revision").values(value=meta.c.value + 1).returning(meta.c.value)
    return int(connection.execute(query).scalar_one())


def _limits_row(limits: KeyLimits) -> Mapping[str, object]:
    cost = None if limits.budget_cost is None else nano(limits.budget_cost, "The limit budget_cost")
    return {
        "requests": limits.requests,
        "tokens": limits.tokens,
        "concurrent": limits.concurrent,
        "budget_tokens": limits.budget_tokens,
        "budget_cost": cost,
        "period": str(limits.period),
    }


def _key(row: Row[tuple[object, ...]]) -> Key:
    return Key(
        id=row.id,
        label=row.label,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        models=_unpacked(row.models),
        providers=_unpacked(row.providers),
        limits=KeyLimits(
            requests=row.requests,
            tokens=row.tokens,
            concurrent=row.concurrent,
            budget_tokens=row.budget_tokens,
            budget_cost=None if row.budget_cost is None else row.budget_cost / NANO,
            period=Period(row.period),
        ),
        digest=bytes(row.digest),
    )


def _packed(names: Sequence[str] | None) -> str | None:
    return None if names is None else json.dumps(list(names))


def _unpacked(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))
