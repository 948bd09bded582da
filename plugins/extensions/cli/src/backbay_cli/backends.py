"""``backbay backends``: what is installed, from metadata alone; no plugin is imported. And what could be installed."""

from __future__ import annotations

from typing import Annotated

import typer

from .jsonable import print_json
from .options import JsonFlag
from .terminal import say_folded

Available = Annotated[
    bool, typer.Option("--available", help="List those that are not installed, with the line that installs each.")
]


def backends(*, available: Available = False, json: JsonFlag = False) -> None:
    """List the installed backends, from metadata alone.

    Name, distribution, version, state, and where it is or why it cannot be used. No plugin is loaded; doctor does that.

    With --available: the backends of the Backbay project that are not installed, from a list that this version of the
    command line has.
    """
    from backbay import inspect

    records = inspect(load=False)
    if available:
        _show_available({record.name for record in records}, json=json)
        return
    if json:
        print_json({"backends": records})
        return
    from .tables import shorten, show

    rows = [
        (record.name, record.distribution, record.version, str(record.state), record.reason or shorten(record.location))
        for record in records
    ]
    show(("backend", "distribution", "version", "state", "reason or location"), rows)


def _show_available(installed: set[str], *, json: bool) -> None:
    from .available import listed
    from .tables import show

    found = [entry for entry in listed() if entry.name not in installed]
    if json:
        print_json({"available": [{**entry.fields, "install": entry.install} for entry in found]})
    elif not found:
        say_folded("All backends that this version of the command line knows are installed.", dimmed=True)
    else:
        rows = [
            (entry.name, entry.label, entry.speaks, entry.can, entry.key, entry.address, entry.install)
            for entry in found
        ]
        show(("backend", "for", "speaks", "can", "key", "base URL", "install"), rows)
