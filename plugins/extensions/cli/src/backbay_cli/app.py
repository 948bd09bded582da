"""The commands put together, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from . import errors, exits
from .terminal import prepare_streams

COMMANDS = ("backends", "detect", "doctor", "models", "chat", "health", "new", "version")
"""The built-in commands: each is the function of its name in the module of its name. A plugin cannot replace one."""


_DEBUG = "--debug"


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the app. If ``arguments`` call a built-in command, it has that alone, and no plugin is loaded for it."""
    app = typer.Typer(
        name="backbay",
        help="Use any LLM inference vendor by name.",
        epilog=exits.HELP,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_everywhere)
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name in COMMANDS:
        if called == name or called not in COMMANDS:
            function = getattr(import_module(f".{name}", __package__), name)
            app.command(name, epilog=exits.HELP)(function)
    if called not in COMMANDS:
        from .extensions import add_commands

        add_commands(app, COMMANDS, called)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Errors are printed, never raised."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    end = words.index("--") if "--" in words else len(words)
    in_json = "--json" in words[:end]
    errors.debug.set(_DEBUG in words[:end])
    words = [word for word in words[:end] if word != _DEBUG] + words[end:]
    try:
        command = typer.main.get_command(build(words))
        result = command.main(args=words or ["--help"], prog_name="backbay", standalone_mode=False)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except typer.Abort:
        return exits.INTERRUPTED
    except typer.TyperException as failure:
        return errors.report_usage(failure, in_json=in_json)
    except Exception as failure:  # noqa: BLE001 (a defect becomes a message too)
        return errors.report(failure, in_json=in_json)
    if not words:
        return exits.USAGE
    return result if isinstance(result, int) else exits.OK


def _everywhere(
    *,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show a traceback with an error, as BACKBAY_DEBUG=1 does. Takes any place.")
    ] = False,
) -> None:
    """Use any LLM inference vendor by name."""
    # ``run`` has taken it out of the words already; it stands here for --help.
    if debug:
        errors.debug.set(debug)
