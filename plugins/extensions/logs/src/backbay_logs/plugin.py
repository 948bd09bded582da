"""What this distribution adds to every program: nothing at all, unless calls are to be logged.

The object ``hooks`` is made once, when the first call of a program loads hooks.
"""

from __future__ import annotations

from .switch import is_on


class Nothing:
    """Has no hooks, so that calls do not know of it."""


def _hooks() -> object:
    try:
        if not is_on():
            return Nothing()
        from .observing import recorder
        from .switch import settings

        return recorder(settings())
    except (OSError, ValueError) as failure:
        import warnings

        from .errors import LogWarning

        said = f"Calls are not logged: the switch cannot be read ({failure}). `backbay logs on` writes it anew."
        warnings.warn(said, LogWarning, stacklevel=2)
        return Nothing()


hooks = _hooks()
