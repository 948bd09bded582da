"""The secret that seals what vendors want back through a client: the same in all workers, and after a restart."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from backbay.errors import ConfigurationError

from .keys import address

VARIABLE = "BACKBAY_GATEWAY_SEAL"
"""Names the variable that may have the secret, for gateways on several machines that serve the same clients."""

_LEAST = 32


def seal_secret(database: str | None) -> bytes | None:
    """Return the secret; ``None`` where there is no place to keep one, so that each start makes its own.

    It is in the variable, or in a file beside the key store, readable by its owner only, and made when first needed.

    Args:
        database: URL of the key store; ``None`` for the default one.

    Raises:
        ConfigurationError: The variable's value is too short, or the file cannot be read or made.
    """
    given = os.environ.get(VARIABLE, "")
    if given:
        if len(given) < _LEAST:
            raise ConfigurationError(f"{VARIABLE} has {len(given)} characters; a secret has {_LEAST} at least.")
        return given.encode()
    path = _path(database)
    if path is None:
        return None
    try:
        return _kept(path)
    except OSError as failure:
        raise ConfigurationError(
            f"{path} cannot be read or made: {failure.strerror}.", hint=f"Set {VARIABLE}, or make the folder writable."
        ) from None


def _path(database: str | None) -> Path | None:
    url = address.read(database)
    return Path(f"{url.database}.seal") if url.drivername == "sqlite" else None


def _kept(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        if len(found) < _LEAST:
            raise ConfigurationError(f"{path} is too short to be a secret; remove it, and another is made.") from None
        return found
    made = secrets.token_bytes(_LEAST)
    with os.fdopen(number, "wb") as file:
        file.write(made)
    return made
