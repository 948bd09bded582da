"""The commands ``backbay providers`` and ``backbay catalogue``."""

from __future__ import annotations

import typer

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Add the commands to the command line's app."""
    from . import catalogue, providers

    app.add_typer(providers.app, name="providers")
    app.add_typer(catalogue.app, name="catalogue")
