"""Commands that other distributions add. None of them can break the others, nor replace one that is built in.

A distribution names a function under the entry-point group ``backbay.commands``, which nothing but this program loads;
a plugin that has hooks anyway may use the hook ``register_commands`` instead. Either is called with a ``typer.Typer``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import typer

from backbay import hooks
from backbay.discovery import command_entry_points
from backbay.installed import Entry

from .terminal import warn


def add_commands(app: typer.Typer, taken: Collection[str]) -> None:
    """Let each plugin add commands to ``app``; warn of those that fail, and of names that are taken.

    A plugin gets an app of its own first: one that fails halfway, or whose command cannot be built, adds nothing.
    """
    names = set(taken)
    for plugin, register in _registering():
        trial = typer.Typer()
        try:
            register(trial)
            added = _names(trial)
        except BaseException as failure:
            if isinstance(failure, KeyboardInterrupt):
                raise
            warn(f"the commands of {plugin!r} were left out: {type(failure).__name__}: {failure}")
            continue
        if clash := sorted(names & added):
            warn(f"the commands of {plugin!r} were left out: {', '.join(clash)} exists already")
            continue
        names |= added
        app.registered_commands.extend(trial.registered_commands)
        app.registered_groups.extend(trial.registered_groups)


def _registering() -> Iterator[tuple[str, Callable[[typer.Typer], object]]]:
    """Yield what adds commands, by the name of its plugin."""
    for entry in command_entry_points():
        yield entry.name, partial(_load_and_call, entry)
    with warnings.catch_warnings():
        # Said below, in our own words.
        warnings.simplefilter("ignore", hooks.HookWarning)
        hooks.load()
    for name, reason in hooks.failures.items():
        warn(f"the hooks {name!r} were left out: {reason}")
    for found in hooks.manager().hook.register_commands.get_hookimpls():
        yield found.plugin_name, partial(_call_hook, found.function, found.argnames)


def _load_and_call(entry: Entry, app: typer.Typer) -> None:
    register = entry.load()
    if not callable(register):
        raise TypeError(f"{entry.value} is no function")
    register(app)


def _call_hook(function: Callable[..., object], arguments: Sequence[str], app: typer.Typer) -> None:
    given = {"app": app}
    function(*(given[argument] for argument in arguments))


def _names(trial: typer.Typer) -> set[str]:
    """Return the names of the app's commands; building them finds those that cannot be built."""
    # With a callback, an app of one command stays a group.
    trial.callback()(_nothing)
    return set(typer.main.get_group(trial).commands)


def _nothing() -> None:
    """Do nothing before a command."""
