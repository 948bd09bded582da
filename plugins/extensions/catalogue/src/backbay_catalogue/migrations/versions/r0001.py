"""The first tables: providers, models and aliases. What they were then; ``schema`` has what they are now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    """Take the step."""
    _providers()
    _models()
    op.create_table(
        "backbay_aliases",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("provider_id", sa.Integer, sa.ForeignKey("backbay_providers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("handle", sa.String(512), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )


def _providers() -> None:
    op.create_table(
        "backbay_providers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("backend_name", sa.Text, nullable=False),
        sa.Column("vendor", sa.Text, nullable=False, server_default=""),
        sa.Column("base_url", sa.Text),
        sa.Column("vendor_base_url", sa.Text),
        sa.Column("wire", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("credential", sa.Text),
        sa.Column("config", sa.Text, nullable=False, server_default="{}"),
        sa.Column("defaults", sa.Text, nullable=False, server_default="{}"),
        sa.Column("broker", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("listed_at", sa.String(32)),
    )


def _models() -> None:
    op.create_table(
        "backbay_models",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("provider_id", sa.Integer, sa.ForeignKey("backbay_providers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("handle", sa.String(512), nullable=False),
        sa.Column("display_name", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("model_use", sa.Text),
        sa.Column("owned_by", sa.Text),
        sa.Column("context_window", sa.BigInteger),
        sa.Column("max_output_tokens", sa.BigInteger),
        sa.Column("input_price", sa.Float(53)),
        sa.Column("output_price", sa.Float(53)),
        sa.Column("cached_price", sa.Float(53)),
        sa.Column("capabilities", sa.Text, nullable=False, server_default="{}"),
        sa.Column("config", sa.Text, nullable=False, server_default="{}"),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("provenance", sa.Text, nullable=False, server_default="{}"),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("missing_since", sa.String(32)),
        sa.UniqueConstraint("provider_id", "handle", name="backbay_models_of_a_provider"),
    )
