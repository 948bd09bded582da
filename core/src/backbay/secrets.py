"""A value that may be used and must never be shown."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from typing import NoReturn, Protocol, runtime_checkable
from urllib.parse import quote

from .errors import InvalidCredentialError

_TELLING = 8
"""Characters of a key's beginning that say more than whose key it is."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Characters that are written as they are in JSON, in a URL, and in a program.


@runtime_checkable
class SecretHolder(Protocol):
    """Anything that gives a secret when asked, such as ``pydantic.SecretStr``."""

    def get_secret_value(self) -> str:
        """Return the secret itself."""


class Secret:
    """A credential. ``repr``, ``str`` and ``format`` show nothing of it; it cannot be pickled or copied.

    Args:
        value: The credential. Printable ASCII without white space, since it goes into an HTTP header.
        source: Where it came from (``"argument"``, ``"env:OPENAI_API_KEY"``); shown to people.

    Raises:
        InvalidCredentialError: The value is empty, or has white space, a control or a non-ASCII character.
    """

    __slots__ = ("_read", "source")

    def __init__(self, value: str, *, source: str = "argument") -> None:
        self.source = source
        problem = _problem(value, source)
        if problem is not None:
            # Not kept in this frame either, for tracebacks that show local variables.
            value = ""
            raise problem
        # A closure, so that neither vars() nor __slots__ lists the value.
        self._read: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """Return the credential. Call it only where the header is written."""
        return self._read()

    get_secret_value = reveal

    def __repr__(self) -> str:
        return f"Secret(*** from {self.source})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Secret cannot be pickled or copied; pass the Backend's name and let each process find its key"
        )


def as_secret(value: str | SecretHolder, *, source: str = "argument") -> Secret:
    """Return ``value`` as a ``Secret``; a ``SecretStr`` and its like are unwrapped."""
    if isinstance(value, Secret):
        return value
    try:
        if not isinstance(value, str) and isinstance(value, SecretHolder):
            return Secret(value.get_secret_value(), source=source)
        return Secret(value, source=source)
    finally:
        del value  # Likewise.


def redact(text: str, value: str) -> str:
    """Return ``text`` with ``***`` for the credential ``value``: plain, escaped as in JSON or a URL, or cut at the end.

    A placeholder of less than 4 characters, as some local servers want one, is no secret and stays.
    """
    if len(value) < 4:
        return text
    begin = value[:4]
    if _PLAIN.fullmatch(begin) and begin not in text:
        return text  # However the rest is written, it would begin with these.
    in_json = json.dumps(value)[1:-1]
    for form in (quote(value, safe=""), in_json.replace("/", "\\/"), in_json, repr(value)[1:-1], value):
        text = text.replace(form, "***")
    whole = text.rstrip("\u2026")
    for length in range(len(value) - 1, _TELLING - 1, -1):
        if whole.endswith(value[:length]):
            return f"{whole[:-length]}***"
    return text


def _problem(value: object, source: str) -> InvalidCredentialError | None:
    if not isinstance(value, str):
        return InvalidCredentialError(f"The key from {source} is a {type(value).__name__}, not a string.")
    if not value:
        return InvalidCredentialError(f"The key from {source} is empty.", hint="Unset it, or give the key.")
    for position, character in enumerate(value):
        if not "!" <= character <= "~":
            return InvalidCredentialError(
                f"The key from {source} has {_describe(character)} at position {position} of {len(value)}; "
                "a key is printable ASCII without white space.",
                hint="Copy the key again, without quotes or a line end.",
            )
    return None


def _describe(character: str) -> str:
    if character in "\r\n":
        return "a line end"
    if character.isspace():
        return "white space"
    return "a control character" if ord(character) < 128 else "a character outside ASCII"
