"""Adds ``backbay serve`` and ``backbay gateway`` to the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register_commands(app: typer.Typer) -> None:
    """Add the commands; ``app`` is the command line's."""
    import typer

    from .keys_command import keys_app
    from .serve_command import schema, serve

    gateway = typer.Typer(no_args_is_help=True, help="The gateway's own set-up.")
    gateway.add_typer(keys_app, name="keys")
    gateway.command("schema")(schema)
    app.add_typer(gateway, name="gateway")
    app.command("serve")(serve)
