"""A key in an environment variable, read where it is used."""

from __future__ import annotations

import os

from backbay import MissingCredentialError, Secret


def key_in(variable: str) -> Secret:
    """Return the key in an environment variable.

    Raises:
        MissingCredentialError: The variable is not set, or is empty.
        InvalidCredentialError: The key could never be sent.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise MissingCredentialError(f"The environment variable {variable} is not set here.", hint="Set it to the key.")
    return Secret(value, source=f"env:{variable}")
