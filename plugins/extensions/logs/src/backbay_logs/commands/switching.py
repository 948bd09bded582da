"""``backbay logs on``, ``off`` and ``status``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backbay import ConfigurationError
from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag
from backbay_cli.tables import as_size, show
from backbay_cli.terminal import say_folded, warn

from ..log import Log
from ..switch import VARIABLE, Settings, default_file, switch_file, switched, turn
from .shared import current, size

MaxSize = Annotated[
    str | None, typer.Option("--max-size", metavar="SIZE", help="What the log may take, as in 100M; the oldest go.")
]
Data = Annotated[
    bool | None, typer.Option("--data/--no-data", help="Log images and other files whole, not by size and hash alone.")
]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=exits.HELP)(on)
    app.command(epilog=exits.HELP)(off)
    app.command(epilog=exits.HELP)(status)


def on(
    *,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Where; instead of your own.")] = None,
    max_size: MaxSize = None,
    data: Data = None,
    json: JsonFlag = False,
) -> None:
    """Log the calls of all programs that begin from now on."""
    before = _before()
    found = Settings(
        on=True,
        file=(before.file if file is None else file.expanduser().absolute()),
        max_bytes=before.max_bytes if max_size is None else size(max_size),
        data=before.data if data is None else data,
    )
    Log(found.file).count()  # which says so if it is no log
    _turn(found)
    if json:
        print_json(_document(current()))
        return
    say_folded(f"Calls of programs that begin from now on are logged in {found.file}.", dimmed=True)
    _warn_of_variable(wanted=True)


def off(*, json: JsonFlag = False) -> None:
    """Log no more. What is logged stays; `backbay logs clear` removes it."""
    _turn(_before()._replace(on=False))
    if json:
        print_json(_document(current()))
        return
    say_folded("Programs that begin from now on log nothing.", dimmed=True)
    _warn_of_variable(wanted=False)


def status(*, json: JsonFlag = False) -> None:
    """Show whether calls are logged, where, and how much there is."""
    found = current()
    if json:
        print_json(_document(found))
        return
    count, taken = Log(found.file).count()
    who = {"environment": f"{VARIABLE} says so", "switch": f"in {switch_file()}", "nobody": "nobody asked for it"}
    rows = [
        ("logging", f"{'on' if found.on else 'off'} ({who[found.source]})"),
        ("file", str(found.file)),
        ("records", f"{count:,}"),
        ("size", f"{as_size(taken)} of {as_size(found.max_bytes)}"),
        ("files", "whole" if found.data else "size and hash"),
    ]
    show(("about", "value"), rows)


def _before() -> Settings:
    """Return what the switch says now; what it says at first if it cannot be read, since it is written anew."""
    try:
        return switched()
    except (OSError, ValueError):
        return Settings(on=False, file=default_file())


def _turn(found: Settings) -> None:
    try:
        turn(found)
    except OSError as failure:
        raise ConfigurationError(
            f"{switch_file()} cannot be written: {failure.strerror}.", hint=f"Or set {VARIABLE} to the log's file."
        ) from None


def _warn_of_variable(*, wanted: bool) -> None:
    found = current()
    if found.source == "environment" and found.on is not wanted:
        warn(f"{VARIABLE} is set, and says otherwise wherever it is.")


def _document(found: Settings) -> dict[str, object]:
    count, taken = Log(found.file).count()
    about = {"on": found.on, "source": found.source, "file": str(found.file), "data": found.data}
    return {**about, "records": count, "bytes": taken, "max_bytes": found.max_bytes}
