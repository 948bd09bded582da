"""The command line of Backbay: every command is the function of its name in the module of its name."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code, one of those in ``backbay_cli.exits``.

    Args:
        arguments: What stands after the program's name; ``None`` for those of this process.
    """
    from .app import run

    return run(arguments)
