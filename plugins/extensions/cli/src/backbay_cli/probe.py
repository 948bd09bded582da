"""Loads one plugin and says what it found, as one line of JSON: the process that ``backbay doctor`` starts for each.

    python -m backbay_cli.probe backend NAME@DISTRIBUTION
    python -m backbay_cli.probe hooks NAME@DISTRIBUTION

Whatever a plugin prints goes to standard error, and the process ends at once when the line is written, so that nothing
that the plugin left behind (threads, exit handlers) can hold it up.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from .surroundings import effects, surroundings

MARK = "backbay-probe:"
"""What the line begins with, so that it is known from anything else."""


def main(kind: str, name: str) -> None:
    """Write the line for one plugin, and end the process."""
    out = os.dup(1)
    os.dup2(2, 1)
    before = surroundings()
    start = time.perf_counter()
    try:
        found = _backend(name) if kind == "backend" else _hooks(name)
    except BaseException as failure:  # noqa: BLE001 (a plugin may raise anything, SystemExit too)
        found = {"ok": False, "reason": _reason(failure)}
    found["seconds"] = time.perf_counter() - start
    found["effects"] = effects(before, surroundings())
    os.write(out, (MARK + json.dumps(found) + "\n").encode("ascii"))
    os._exit(0)


def _backend(name: str) -> dict[str, Any]:
    from backbay import resolve

    spec = resolve(name)
    for what, path in (("backend", spec.backend), ("codec", spec.codec)):
        if path is not None:
            _import(what, path)
    return {
        "ok": True,
        "reason": None,
        "label": spec.label,
        "requires_credential": spec.requires_credential,
        "credential_env": list(spec.credential_env),
        "base_url_env": list(spec.base_url_env),
        "header_env": sorted(spec.header_env.values()),
    }


def _import(what: str, path: str) -> None:
    from importlib import import_module

    module, _, attribute = path.partition(":")
    try:
        getattr(import_module(module), attribute)
    except BaseException as failure:
        raise ImportError(f"its {what} {path} does not load: {_reason(failure)}") from failure


def _hooks(name: str) -> dict[str, Any]:
    from backbay.discovery import hook_entry_points

    name, _, owner = name.partition("@")
    for entry in hook_entry_points():
        if entry.name == name and owner in ("", entry.distribution.name if entry.distribution else ""):
            entry.load()
            return {"ok": True, "reason": None}
    raise LookupError(f"there are no hooks {name!r}")


def _reason(failure: BaseException) -> str:
    from backbay import BackbayError, BackendImportError

    if isinstance(failure, BackendImportError) and failure.__cause__ is not None:
        # Who failed is said beside it; what counts is why.
        failure = failure.__cause__
    said = failure.message if isinstance(failure, BackbayError) else str(failure)
    return f"{type(failure).__name__}: {said}" if said else type(failure).__name__


if __name__ == "__main__":
    main(*sys.argv[1:3])
