"""What alembic runs: the steps, on the connection and in the transaction that ``database`` has opened."""

from __future__ import annotations

from alembic import context

from backbay_catalogue import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
    # SQLite cannot change a column in place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
