"""The settings of a wire: which there are, and whether a vendor's or a caller's values fit."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ConfigurationError

Quirks = Mapping[str, tuple[object, ...]]
"""What a wire's settings may be, by name: values, or classes of values; the first is the default."""


def checked(known: Quirks, given: Mapping[str, object], *, backend: str, wire: str) -> dict[str, object]:
    """Return every setting of a wire, the defaults with ``given`` laid over them.

    Raises:
        ConfigurationError: A name or a value is wrong; the message says what there is.
    """
    found = {name: values[0] for name, values in known.items()}
    for name, value in given.items():
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            listed = f"There are {', '.join(known)}." if known else "It has none."
            raise ConfigurationError(
                f"{backend}: the {wire} wire has no setting {name!r}.",
                hint=f"Did you mean {near[0]}?" if near else listed,
            )
        if not any(isinstance(value, c) if isinstance(c, type) else value is c or value == c for c in known[name]):
            listed = ", ".join(f"a {c.__name__}" if isinstance(c, type) else repr(c) for c in known[name])
            raise ConfigurationError(f"{backend}: {name} is {value!r}; it may be {listed}.")
        found[name] = value
    return found
