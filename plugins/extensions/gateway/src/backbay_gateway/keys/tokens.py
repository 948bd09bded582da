"""The text of a virtual key: ``bb_<id>_<secret>``. What is stored of it is the id and a digest of the secret."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from base64 import urlsafe_b64encode

PREFIX = "bb_"
_ID_LENGTH = 12
_SECRET_BYTES = 32
_ID_LETTERS = string.ascii_lowercase + string.digits
_AT = len(PREFIX)
_AT_SECRET = _AT + _ID_LENGTH + 1
_WHOLE = _AT_SECRET + 43
_ID = re.compile(r"[a-z0-9]{12}")


def make() -> tuple[str, str, bytes]:
    """Return a new key as ``(id, whole key, digest)``. The whole key is shown once, and never stored."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    secret = urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).rstrip(b"=").decode()
    return key_id, f"{PREFIX}{key_id}_{secret}", digest(secret)


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret (32 bytes). It is 256 random bits, so that a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


def split(presented: str) -> tuple[str, str] | None:
    """Return ``(id, secret)`` of a key, or ``None`` if it has not a key's form, its length first of all."""
    # No expression: what that costs depends on the characters. What is in the parts is for the look-up to say.
    if (
        len(presented) != _WHOLE
        or not presented.isascii()
        or presented[:_AT] != PREFIX
        or presented[_AT_SECRET - 1] != "_"
    ):
        return None
    return presented[_AT : _AT_SECRET - 1], presented[_AT_SECRET:]


def id_of(text: str) -> str | None:
    """Return the id in what a person typed, an id or a whole key; ``None`` if it is neither."""
    parts = split(text)
    found = text if parts is None else parts[0]
    return found if _ID.fullmatch(found) else None
