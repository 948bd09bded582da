"""``backbay gateway keys``: make, list, show, limit and revoke keys, and what they used.

A gateway that runs takes every change: at once from a SQLite file, within a second from PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from backbay.errors import InvalidRequestError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .keys.key import Key
    from .keys.limits import KeyLimits

_LIMITS = "Limits"
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="BACKBAY_GATEWAY_DATABASE",
        help="sqlite:///PATH or postgresql://...; else a file in your data folder.",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, errors too.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="A key's id.", show_default=False)]
Requests = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Requests in any minute, or none.", rich_help_panel=_LIMITS)
]
Tokens = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Tokens in any minute, or none.", rich_help_panel=_LIMITS)
]
Concurrent = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Requests open at once, or none.", rich_help_panel=_LIMITS)
]
BudgetTokens = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Tokens in a period, or none.", rich_help_panel=_LIMITS)
]
BudgetCost = Annotated[
    str | None,
    typer.Option(
        metavar="AMOUNT", help="Money in a period, in the unit of your prices, or none.", rich_help_panel=_LIMITS
    ),
]
PeriodName = Annotated[
    str | None,
    typer.Option("--period", metavar="NAME", help="Of budgets: day, month or total (UTC).", rich_help_panel=_LIMITS),
]

keys_app = typer.Typer(no_args_is_help=True, help="Keys of the gateway's clients, and what they may use.")


@keys_app.command()
def create(
    *,
    label: Annotated[str, typer.Option(metavar="TEXT", help="A name for people.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A model, or a glob such as openai:*. Repeatable.")
    ] = None,
    provider: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A vendor, such as openai. Repeatable.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A span such as 30d, or a date; else never.")
    ] = None,
    requests: Requests = None,
    tokens: Tokens = None,
    concurrent: Concurrent = None,
    budget_tokens: BudgetTokens = None,
    budget_cost: BudgetCost = None,
    period: PeriodName = None,
    database: DatabaseUrl = None,
    json: JsonFlag = False,
) -> None:
    """Make a key, and print it: on standard output, this once. Only a digest of it is stored."""
    from .keys import printing, registry, words
    from .keys.key import KeyRequest
    from .keys.limits import KeyLimits

    now = time.time()
    limits = _changed(
        KeyLimits(),
        requests=requests,
        tokens=tokens,
        concurrent=concurrent,
        budget_tokens=budget_tokens,
        budget_cost=budget_cost,
        period=period,
    )
    request = KeyRequest(
        label=label,
        models=model or None,
        providers=provider or None,
        expires=words.moment(expires, "--expires", now),
        limits=limits,
    )
    with _opened(database) as connection:
        new = registry.create(connection, request, now)
    if json:
        printing.document({"key": new.text, **_document(new.key, now)})
        return
    printing.note(f"The key {new.key.id}; it is shown this once:")
    printing.put(new.text)


@keys_app.command("list")
def list_keys(*, database: DatabaseUrl = None, json: JsonFlag = False) -> None:
    """List the keys, revoked ones too."""
    from .keys import printing, registry, words

    now = time.time()
    with _opened(database, reading=True) as connection:
        found = registry.everything(connection)
    if json:
        printing.document({"keys": [_document(key, now) for key in found]})
        return
    if not found:
        printing.note("There is no key yet; `backbay gateway keys create` makes one.")
        return
    rows = [
        (key.id, key.state(now), words.date(key.created), words.date(key.expires), key.label, words.limits(key.limits))
        for key in found
    ]
    printing.show(("id", "state", "created", "expires", "label", "limits"), rows)


@keys_app.command()
def show(key: KeyId, *, database: DatabaseUrl = None, json: JsonFlag = False) -> None:
    """Show one key, and what is left of its limits."""
    from .keys import printing, registry, remaining, words

    now, key_id = time.time(), words.key_id(key)
    with _opened(database, reading=True) as connection:
        found = registry.get(connection, key_id)
        left = remaining.read(connection, found, now)
    if json:
        printing.document({**_document(found, now), "remaining": [one.as_json() for one in left]})
        return
    for name, value in (
        ("id", found.id),
        ("label", found.label or "-"),
        ("state", found.state(now)),
        ("created", words.date(found.created)),
        ("expires", words.date(found.expires) or "never"),
        ("models", "all" if found.models is None else " ".join(found.models)),
        ("providers", "all" if found.providers is None else " ".join(found.providers)),
    ):
        printing.put(f"{name:10} {value}")
    if left:
        printing.put("")
        rows = [(one.meter, one.limit, one.used, one.reserved, one.lapsed, one.left) for one in left]
        headings = ("limit", "of", "used", "reserved", "lapsed", "left")
        printing.show(headings, rows, right=headings[1:])


@keys_app.command()
def revoke(key: KeyId, *, database: DatabaseUrl = None, json: JsonFlag = False) -> None:
    """Revoke a key, for good."""
    from .keys import printing, registry, words

    now, key_id = time.time(), words.key_id(key)
    with _opened(database) as connection:
        found = registry.revoke(connection, key_id, now)
    if json:
        printing.document(_document(found, now))
        return
    printing.put(f"The key {found.id} is revoked, since {words.date(found.revoked)}.")


@keys_app.command()
def limits(
    key: KeyId,
    *,
    requests: Requests = None,
    tokens: Tokens = None,
    concurrent: Concurrent = None,
    budget_tokens: BudgetTokens = None,
    budget_cost: BudgetCost = None,
    period: PeriodName = None,
    database: DatabaseUrl = None,
    json: JsonFlag = False,
) -> None:
    """Change limits of a key: those that are named; the word none takes one away. Without any, show them."""
    from .keys import printing, registry, words

    now, key_id = time.time(), words.key_id(key)
    with _opened(database) as connection:
        found = registry.get(connection, key_id)
        wanted = _changed(
            found.limits,
            requests=requests,
            tokens=tokens,
            concurrent=concurrent,
            budget_tokens=budget_tokens,
            budget_cost=budget_cost,
            period=period,
        )
        if wanted != found.limits:
            found = registry.set_limits(connection, key_id, wanted, now)
    if json:
        printing.document(_document(found, now))
        return
    printing.put(f"{found.id}: {words.limits(found.limits)}")


@keys_app.command()
def usage(
    key: Annotated[str | None, typer.Argument(metavar="[ID]", help="A key's id; else all keys.")] = None,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A span such as 7d, or a date; else from the beginning.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sum by key, model or server; by key if none is named.")
    ] = None,
    database: DatabaseUrl = None,
    json: JsonFlag = False,
) -> None:
    """Show what was used: from the ledger, which has every settled request."""
    from .keys import ledger, printing, registry, words

    columns: dict[str, ledger.Column] = {"key": "key_id", "model": "model", "server": "served_by"}
    by = by or ("key" if key is None else "model")
    if by not in columns:
        raise InvalidRequestError(f"--by takes {', '.join(columns)}.")
    now = time.time()
    key_id = None if key is None else words.key_id(key)
    start = words.moment(since, "--since", now, past=True) or 0.0
    with _opened(database, reading=True) as connection:
        if key_id is not None:
            registry.get(connection, key_id)
        found = ledger.sums(connection, by=columns[by], key_id=key_id, since=start)
    if json:
        printing.document({"by": by, "since": words.iso(start), "rows": [row.as_json() for row in found]})
        return
    headings = (by, "requests", "input", "output", "charged", "cost", "unknown")
    rows = [
        (u.name, u.requests, u.input_tokens, u.output_tokens, u.charged_tokens, f"{u.charged_cost:.6f}", u.unknown)
        for u in found
    ]
    printing.show(headings, rows, right=headings[1:])


@contextmanager
def _opened(url: str | None, *, reading: bool = False) -> Iterator[Connection]:
    from .keys.database import Database

    store = Database(url)
    try:
        with store.transaction(reading=reading) as connection:
            yield connection
    finally:
        store.close()


def _changed(
    before: KeyLimits,
    *,
    requests: str | None,
    tokens: str | None,
    concurrent: str | None,
    budget_tokens: str | None,
    budget_cost: str | None,
    period: str | None,
) -> KeyLimits:
    from .keys import words
    from .keys.limits import KeyLimits, Period

    if period is not None and period not in list(Period):
        raise InvalidRequestError(f"--period takes {', '.join(Period)}.")
    return KeyLimits(
        requests=words.whole(requests, "--requests", before.requests),
        tokens=words.whole(tokens, "--tokens", before.tokens),
        concurrent=words.whole(concurrent, "--concurrent", before.concurrent),
        budget_tokens=words.whole(budget_tokens, "--budget-tokens", before.budget_tokens),
        budget_cost=words.money(budget_cost, "--budget-cost", before.budget_cost),
        period=before.period if period is None else Period(period),
    )


def _document(key: Key, now: float) -> dict[str, object]:
    from .keys import words

    limit = key.limits
    return {
        "id": key.id,
        "label": key.label,
        "state": key.state(now),
        "created": words.iso(key.created),
        "expires": words.iso(key.expires),
        "revoked": words.iso(key.revoked),
        "models": None if key.models is None else list(key.models),
        "providers": None if key.providers is None else list(key.providers),
        "limits": {
            "requests": limit.requests,
            "tokens": limit.tokens,
            "concurrent": limit.concurrent,
            "budget_tokens": limit.budget_tokens,
            "budget_cost": limit.budget_cost,
            "period": str(limit.period),
        },
    }
