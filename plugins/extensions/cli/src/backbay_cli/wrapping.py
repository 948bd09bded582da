"""Backends made of a backend, which other distributions bring: found when an option asks for one, and not before.

The entry-point group ``backbay.wrappers`` names functions that take a backend, and keyword arguments of their own, and
return one that is made of it. The backend that was given stays the caller's to close.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from backbay import Backend, ConfigurationError
from backbay.selection import allow_list, normalised

GROUP = "backbay.wrappers"


def wrapped(backend: Backend, name: str, option: str, **arguments: object) -> Backend:
    """Return a backend made of another.

    Args:
        backend: The other.
        name: Which wrapper: the name of its entry point, and of its distribution after ``backbay-``.
        option: The option that asked for it, for the messages.
        arguments: What the wrapper takes besides.

    Raises:
        ConfigurationError: No installed distribution has it, or it cannot be loaded.
        BackbayError: As the wrapper raises.
    """
    from importlib.metadata import entry_points

    found = [entry for entry in entry_points(group=GROUP, name=name) if _allowed(name)]
    if not found:
        hint = f"pip install backbay-{name}" if _allowed(name) else "BACKBAY_PLUGINS leaves it out."
        raise ConfigurationError(f"{option} needs the distribution backbay-{name}.", hint=hint)
    try:
        wrap = cast("Callable[..., Backend]", found[0].load())
    except Exception as failure:
        raise ConfigurationError(
            f"{option}: {found[0].value} cannot be loaded: {type(failure).__name__}: {failure}"
        ) from failure
    return wrap(backend, **arguments)


def _allowed(name: str) -> bool:
    allow = allow_list()
    return allow is None or normalised(name) in allow or normalised(f"backbay-{name}") in allow
