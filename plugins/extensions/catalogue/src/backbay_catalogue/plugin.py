"""What this distribution adds to others: commands, and names for ``connect``.

It is loaded with the hooks of every program, so it imports next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay.hooks import hookimpl

if TYPE_CHECKING:
    import typer

    from backbay import Provider


@hookimpl()
def register_commands(app: typer.Typer) -> None:
    """Add the commands; ``app`` is the command line's."""
    from .commands import add

    add(app)


@hookimpl()
def find_provider(name: str) -> Provider | None:
    """Return the saved provider of a name, or of an alias, or ``None``."""
    from .catalogue import Catalogue

    with Catalogue() as catalogue:
        return catalogue.find(name)
