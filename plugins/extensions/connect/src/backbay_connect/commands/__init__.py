"""Adds ``backbay connect``, ``backbay disconnect`` and ``backbay keys`` to the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register_commands(app: typer.Typer) -> None:
    """Add the commands; ``app`` is the command line's."""
    from backbay_cli import exits

    from .connecting import connect, disconnect
    from .keys import app as keys

    app.command("connect", epilog=exits.HELP)(connect)
    app.command("disconnect", epilog=exits.HELP)(disconnect)
    app.add_typer(keys)
