"""Commands that other distributions add. None of them can break the others, nor replace one that is built in.

A distribution names a function under the entry-point group ``backbay.commands``, which nothing but this program loads;
a plugin that has hooks anyway may use the hook ``register_commands`` instead. Either is called with a ``typer.Typer``.
An entry point that has the name of its command is loaded alone when that command is called; a function that adds
several commands may stand under the name of each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import typer

from backbay import hooks
from backbay.discovery import command_entry_points
from backbay.installed import Entry

from .terminal import warn

Register = Callable[[typer.Typer], object]


def add_commands(app: typer.Typer, taken: Collection[str], called: str | None = None) -> None:
    """Let each plugin add commands to ``app``; warn of those that fail, and of names that are taken.

    A plugin gets an app of its own first: one that fails halfway, or whose command cannot be built, adds nothing.

    Args:
        app: The app.
        taken: Names of the commands that it has.
        called: The command that is called: where a distribution has an entry point of its name that adds it, nothing
            else is loaded. ``None`` for all.
    """
    entries = _each_once(command_entry_points(), called)
    told: set[str] = set()
    alone = typer.Typer()
    own = [(entry.name, partial(_load_and_call, entry)) for entry in entries if entry.name == called]
    if called is not None and called in _add(alone, taken, own, told):
        _move(alone, app)
        return
    every = ((entry.name, partial(_load_and_call, entry)) for entry in entries)
    _add(app, taken, chain(every, _from_hooks()), told)


def _add(app: typer.Typer, taken: Collection[str], plugins: Iterable[tuple[str, Register]], told: set[str]) -> set[str]:
    """Let plugins add commands; return the names of all commands that there are then."""
    names = set(taken)
    for plugin, register in plugins:
        trial = typer.Typer()
        try:
            register(trial)
            added = _names(trial)
        except BaseException as failure:
            if isinstance(failure, KeyboardInterrupt):
                raise
            _warn(f"the commands of {plugin!r} were left out: {type(failure).__name__}: {failure}", told)
            continue
        if clash := sorted(names & added):
            _warn(f"the commands of {plugin!r} were left out: {', '.join(clash)} exists already", told)
            continue
        names |= added
        _move(trial, app)
    return names


def _warn(said: str, told: set[str]) -> None:
    if said not in told:
        told.add(said)
        warn(said)


def _move(trial: typer.Typer, app: typer.Typer) -> None:
    app.registered_commands.extend(trial.registered_commands)
    app.registered_groups.extend(trial.registered_groups)


def _each_once(entries: Iterable[Entry], called: str | None) -> list[Entry]:
    """Return entry points without those that name the same function, of which the one of the called name is kept."""
    kept: dict[str, Entry] = {}
    for entry in entries:
        if entry.value not in kept or entry.name == called:
            kept[entry.value] = entry
    return list(kept.values())


def _from_hooks() -> Iterator[tuple[str, Register]]:
    """Yield the hooks that add commands, by the name of their plugin."""
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
