"""Commands that other distributions add, through the ``register_commands`` hook. None of them can break the others."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import typer

from backbay import hooks

from .terminal import warn


def add_commands(app: typer.Typer, taken: Collection[str]) -> None:
    """Let each plugin's hook add commands to ``app``; warn of those that fail, and of names that are taken.

    A hook gets an app of its own first, so that one that fails halfway, or whose command cannot be built, adds nothing.
    """
    with warnings.catch_warnings():
        # Said below, in our own words.
        warnings.simplefilter("ignore", hooks.HookWarning)
        hooks.load()
    for name, reason in hooks.failures.items():
        warn(f"the hooks {name!r} were left out: {reason}")
    names = set(taken)
    for implementation in hooks.manager().hook.register_commands.get_hookimpls():
        trial = typer.Typer()
        try:
            given = {"app": trial}
            implementation.function(*(given[argument] for argument in implementation.argnames))
            added = _names(trial)
        except BaseException as failure:
            if isinstance(failure, KeyboardInterrupt):
                raise
            warn(f"the commands of {implementation.plugin_name!r} were left out: {type(failure).__name__}: {failure}")
            continue
        if clash := sorted(names & added):
            warn(f"the commands of {implementation.plugin_name!r} were left out: {', '.join(clash)} exists already")
            continue
        names |= added
        app.registered_commands.extend(trial.registered_commands)
        app.registered_groups.extend(trial.registered_groups)


def _names(trial: typer.Typer) -> set[str]:
    """Return the names of the app's commands; building them finds those that cannot be built."""
    # With a callback, an app of one command stays a group.
    trial.callback()(_nothing)
    return set(typer.main.get_group(trial).commands)


def _nothing() -> None:
    """Do nothing before a command."""
