"""Adds ``backbay conform`` to the command line.

It is loaded with the hooks of every program, so it imports next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay.hooks import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl()
def register_commands(app: typer.Typer) -> None:
    """Add the command; ``app`` is the command line's."""
    from .conform import conform

    app.command("conform")(conform)
