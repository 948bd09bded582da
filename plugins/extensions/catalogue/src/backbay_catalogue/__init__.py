"""Saved providers, and a catalogue of their models: capabilities, windows and prices, each with who said it and when.

Names here are loaded when first used, since this package's hooks are loaded by every program.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .catalogue import Catalogue as Catalogue
    from .errors import CatalogueError as CatalogueError
    from .facts import Source as Source
    from .listing import Refreshed as Refreshed
    from .rows import Model as Model
    from .rows import Provenance as Provenance
    from .search import Query as Query

_MODULE_OF = {
    "Catalogue": "catalogue",
    "CatalogueError": "errors",
    "Model": "rows",
    "Provenance": "rows",
    "Query": "search",
    "Refreshed": "listing",
    "Source": "facts",
}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        value: object = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
