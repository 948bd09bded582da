"""The tables of the key store, and the steps that lead to them from each older version.

Times are seconds since 1970, money is in billionths of its unit, a window is what ``limits`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Double, Index, LargeBinary, MetaData, String, Table, Text

from backbay.errors import ConfigurationError

metadata = MetaData()

meta = Table(
    "gateway_meta",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""``schema`` is the version of the tables; ``revision`` grows with every change of a key."""

keys = Table(
    "gateway_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("label", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    Column("models", Text),
    Column("providers", Text),
    Column("requests", BigInteger),
    Column("tokens", BigInteger),
    Column("concurrent", BigInteger),
    Column("budget_tokens", BigInteger),
    Column("budget_cost", BigInteger),
    Column("period", String(8), nullable=False),
    Column("revision", BigInteger, nullable=False),
)
"""The keys, one row each; rows are never deleted. ``revision`` is that of the row's last change."""

used = Table(
    "gateway_used",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("meter", String(24), primary_key=True),
    Column("window", BigInteger, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""What was used of a limit in a window, for good."""

leases = Table(
    "gateway_leases",
    metadata,
    Column("process", String(32), primary_key=True),
    Column("key_id", String(12), primary_key=True),
    Column("meter", String(24), primary_key=True),
    Column("window", BigInteger, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("seen", Double, nullable=False),
)
"""What a process may give to requests without asking again. ``seen`` is when it last showed that it is alive."""

lapsed = Table(
    "gateway_lapsed",
    metadata,
    Column("process", String(32), primary_key=True),
    Column("key_id", String(12), primary_key=True),
    Column("meter", String(24), primary_key=True),
    Column("window", BigInteger, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""What processes that died held of budgets. It is counted as used, since their requests may have used it."""

processes = Table(
    "gateway_processes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("batch", BigInteger, nullable=False),
    Column("seen", Double, nullable=False),
)
"""The number of the last batch that each process wrote, so that one is never written twice."""

ledger = Table(
    "gateway_ledger",
    metadata,
    Column("process", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("at", Double, nullable=False),
    Column("key_id", String(12), nullable=False),
    Column("model", Text, nullable=False),
    Column("served_by", Text),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("charged_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger),
    Column("charged_cost", BigInteger, nullable=False),
    Column("status", String(32), nullable=False),
    Index("gateway_ledger_key", "key_id", "at"),
)
"""One row a settled request. Tokens and cost are what the backend reported, ``charged_`` what was counted."""


def _first(connection: Connection) -> None:
    metadata.create_all(connection)


STEPS: Final[tuple[Callable[[Connection], None], ...]] = (_first,)
"""What makes version 1 from nothing, 2 from 1, and so on. A step is never changed after a release."""

VERSION: Final = len(STEPS)


def upgrade(connection: Connection) -> None:
    """Bring the tables to ``VERSION``, in the transaction that ``connection`` is in.

    Raises:
        ConfigurationError: They are of a newer version than this program knows.
    """
    meta.create(connection, checkfirst=True)
    found = connection.execute(meta.select().where(meta.c.name == "schema")).one_or_none()
    version = 0 if found is None else int(found.value)
    if version > VERSION:
        raise ConfigurationError(
            f"The key store has version {version} of its tables, and this backbay-gateway knows {VERSION}.",
            hint="Upgrade backbay-gateway, or use another database.",
        )
    if version == VERSION:
        return
    for step in STEPS[version:]:
        step(connection)
    if found is None:
        connection.execute(meta.insert(), [{"name": "schema", "value": VERSION}, {"name": "revision", "value": 0}])
    else:
        connection.execute(meta.update().where(meta.c.name == "schema").values(value=VERSION))
