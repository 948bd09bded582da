"""The tables. Every name begins with ``backbay_``, so that a database may hold other things as well.

Dates are text in ISO 8601 and UTC, to the second, which sorts as it should in every database. Prices are US dollars for
a million tokens. ``NULL`` is unknown, never zero.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

REVISIONS = ("r0001",)
"""Every revision of the schema that this version knows, the oldest first."""

VERSION_TABLE = "backbay_catalogue_version"
LONGEST_HANDLE = 512
"""Characters of a model's name; a longer one is left out."""

metadata = MetaData()

providers = Table(
    "backbay_providers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("backend_name", Text, nullable=False),
    Column("vendor", Text, nullable=False, server_default=""),
    Column("base_url", Text),
    Column("vendor_base_url", Text),
    Column("wire", Text),
    Column("model", Text),
    Column("credential", Text),
    Column("config", Text, nullable=False, server_default="{}"),
    Column("defaults", Text, nullable=False, server_default="{}"),
    Column("broker", Text, nullable=False, server_default=""),
    Column("created_at", String(32), nullable=False),
    Column("listed_at", String(32)),
)

models = Table(
    "backbay_models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("provider_id", Integer, ForeignKey("backbay_providers.id", ondelete="CASCADE"), nullable=False),
    Column("handle", String(LONGEST_HANDLE), nullable=False),
    Column("display_name", Text),
    Column("description", Text),
    Column("model_use", Text),
    Column("owned_by", Text),
    Column("context_window", BigInteger),
    Column("max_output_tokens", BigInteger),
    Column("input_price", Float(53)),
    Column("output_price", Float(53)),
    Column("cached_price", Float(53)),
    Column("capabilities", Text, nullable=False, server_default="{}"),
    Column("config", Text, nullable=False, server_default="{}"),
    Column("status", Text, nullable=False, server_default="active"),
    Column("provenance", Text, nullable=False, server_default="{}"),
    Column("created_at", String(32), nullable=False),
    Column("missing_since", String(32)),
    UniqueConstraint("provider_id", "handle", name="backbay_models_of_a_provider"),
)

aliases = Table(
    "backbay_aliases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("provider_id", Integer, ForeignKey("backbay_providers.id", ondelete="CASCADE"), nullable=False),
    Column("handle", String(LONGEST_HANDLE), nullable=False),
    Column("created_at", String(32), nullable=False),
)
