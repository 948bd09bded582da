"""What the person's own settings say about plugins: which are allowed, and which distribution a name belongs to."""

from __future__ import annotations

import os

from .errors import ConfigurationError

ALLOW_VARIABLE = "BACKBAY_PLUGINS"
"""Names the variable with the exact allow-list: distributions or entry-point names, separated by commas."""

PIN_VARIABLE = "BACKBAY_PIN"
"""Names the variable that decides names which several distributions claim: ``acme=backbay-acme,...``."""


def normalised(distribution: str) -> str:
    """Return a distribution's name in the form that two spellings of it share.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/ (PEP 503).
    """
    # Without re, which takes longer to import than a lookup takes.
    name = distribution.replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name.lower()


def is_name(text: str) -> bool:
    """Whether a text can be a backend's name: lower-case ASCII letters and digits, in words with hyphens between.

    No two such names look alike, since each is its own normal form (PEP 503).
    """
    return text.isascii() and all(word.isalnum() and word == word.lower() for word in text.split("-"))


def allow_list() -> frozenset[str] | None:
    """Return the allowed distributions and names, normalised; ``None``: all are; empty: only what is built in is."""
    text = os.environ.get(ALLOW_VARIABLE)
    if text is None:
        return None
    return frozenset(normalised(item) for item in _items(text))


def pins() -> dict[str, str]:
    """Return the normalised distribution that each pinned backend name belongs to.

    Raises:
        ConfigurationError: ``BACKBAY_PIN`` is not a list of ``name=distribution``.
    """
    found = {}
    for item in _items(os.environ.get(PIN_VARIABLE, "")):
        name, _, distribution = (part.strip() for part in item.partition("="))
        if not name or not distribution:
            raise ConfigurationError(
                f"{PIN_VARIABLE} has the item {item!r}, which is not name=distribution.",
                hint=f"Write it like {PIN_VARIABLE}=acme=backbay-acme,other=backbay-other, or unset it.",
            )
        found[name] = normalised(distribution)
    return found


def split(reference: str) -> tuple[str, str | None]:
    """Split ``"vendor:model"`` at the first colon into the backend's name and the model.

    The name may be ``name@distribution``. Without a colon the model is ``None``.

    Raises:
        ConfigurationError: ``reference`` is no string, or its name or its model is empty.
    """
    if not isinstance(reference, str):
        raise ConfigurationError(
            f"A backend is named by a string, not by {type(reference).__name__}.", hint='Write "vendor:model".'
        )
    name, colon, model = reference.partition(":")
    if not name.strip():
        raise ConfigurationError(f"{reference!r} names no backend.", hint='Write "vendor:model".')
    if colon and not model.strip():
        raise ConfigurationError(
            f"{reference!r} has a colon and no model after it.",
            backend=name,
            hint=f'Write "{name}:model", or "{name}" to name the model in each call.',
        )
    return name, model if colon else None


def split_distribution(name: str) -> tuple[str, str | None]:
    """Split ``"name@distribution"`` into the name and the distribution, which is ``None`` if none is given."""
    name, at, distribution = name.partition("@")
    return name, distribution if at else None


def _items(text: str) -> list[str]:
    return [item for item in (part.strip() for part in text.split(",")) if item]
