"""Adds ``backbay conform`` to the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register_commands(app: typer.Typer) -> None:
    """Add the command; ``app`` is the command line's."""
    from .conform import conform

    app.command("conform")(conform)
