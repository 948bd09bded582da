"""The commands ``backbay logs``."""

from __future__ import annotations

import typer

__all__ = ["register_commands"]


def register_commands(app: typer.Typer) -> None:
    """Add the commands to the command line's app."""
    from . import reading, switching

    logs = typer.Typer(help="A log of calls, off until asked for.", no_args_is_help=True)
    switching.add(logs)
    reading.add(logs)
    app.add_typer(logs, name="logs")
