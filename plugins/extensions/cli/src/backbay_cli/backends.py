"""``backbay backends``: what is installed, from metadata alone; no plugin is imported."""

from __future__ import annotations

from .jsonable import print_json
from .options import JsonFlag


def backends(*, json: JsonFlag = False) -> None:
    """List the installed backends, from metadata alone.

    Name, distribution, version, state, and where it is or why it cannot be used. No plugin is loaded; doctor does that.
    """
    from backbay import inspect

    records = inspect(load=False)
    if json:
        print_json({"backends": records})
        return
    from .tables import shorten, show

    rows = [
        (record.name, record.distribution, record.version, str(record.state), record.reason or shorten(record.location))
        for record in records
    ]
    show(("backend", "distribution", "version", "state", "reason or location"), rows)
