"""Reads JSON objects of clients of OpenAI's API field by field: what is not known, or is of a wrong type, is refused.

The words for what is wrong (``unknown_parameter``, ``invalid_type`` ...) are OpenAI's own codes. Source: recorded
answers of the API, and its reference (read 2026-11-21).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from backbay.errors import InvalidRequestError, UnsupportedError

FORBIDDEN = frozenset(
    "apibase baseurl apikey apitype apiversion apiurl azureendpoint endpoint headers extraheaders defaultheaders "
    "extrabody extraquery authorization organization organisation project proxy proxies customllmprovider "
    "awsaccesskeyid awssecretaccesskey awssessiontoken vertexcredentials accesstoken mockresponse".split()
)
"""Names, in lower case and without ``_`` and ``-``, of what says where a request goes, or as whom. Clients do not."""


class FieldError(InvalidRequestError):
    """A field of a client's request is wrong. ``param`` names it, as in ``messages[0].content``."""

    param: str | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"param": self.param})


class UnsupportedFieldError(UnsupportedError):
    """A field of a client's request is right, and cannot be carried. ``param`` names it."""

    param: str | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), {"param": self.param})


def wrong(param: str, message: str, code: str = "invalid_value", hint: str | None = None) -> FieldError:
    """Return the error of a field that is wrong.

    Args:
        param: The field.
        message: What is wrong.
        code: OpenAI's word for it.
        hint: What to do instead.
    """
    error = FieldError(message, code=code, hint=hint)
    error.param = param
    return error


def unsupported(param: str, message: str, hint: str | None = None) -> UnsupportedFieldError:
    """Return the error of a field that cannot be carried, as in ``wrong``."""
    error = UnsupportedFieldError(message, code="unsupported_parameter", hint=hint)
    error.param = param
    return error


def refuse_forbidden(body: Mapping[str, object], path: str = "", *, deep: bool = False) -> None:
    """Refuse fields that say where a request goes, or as whom. Costs a microsecond; for relayed bodies as well.

    Args:
        body: The client's JSON, or an object in it.
        path: Where the object is; ``""`` is the body itself.
        deep: Whether to look into objects and lists inside.

    Raises:
        InvalidRequestError: There is one; the message names it.
    """
    for name, value in body.items():
        if re.sub("[_-]", "", name).lower() in FORBIDDEN:
            raise wrong(
                _at(path, name),
                f"The field {_at(path, name)!r} is not for clients.",
                "unknown_parameter",
                "Addresses, headers and credentials of backends are set in the gateway's configuration.",
            )
        if deep:
            for inner in value if isinstance(value, list) else (value,):
                if isinstance(inner, Mapping):
                    refuse_forbidden(inner, _at(path, name), deep=True)


class Fields:
    """One JSON object of a request. A field that is absent, or ``null``, reads as ``None``.

    Args:
        value: The JSON value that ought to be an object.
        path: Where it is in the request; ``""`` is the request itself.
        known: Names of all fields that it may have; ``None`` takes, and leaves out, any others.

    Raises:
        FieldError: It is no object, or has a field that is not known; the message names the nearest one.
    """

    def __init__(self, value: object, path: str, known: Collection[str] | None) -> None:
        if not isinstance(value, Mapping):
            raise wrong(path or "body", f"{path or 'The request'} is {_kind(value)}; give an object.", "invalid_type")
        self._values: Mapping[str, Any] = value
        self.path = path
        if known is not None:
            for name in value:
                if name not in known:
                    refuse_forbidden(value, path)
                    raise self._unknown(name, known)

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return _at(self.path, name)

    def any(self, name: str) -> object:
        """Return a field's value as it is."""
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a string."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._type(name, "a string")
        return value

    def need_text(self, name: str) -> str:
        """Return a string that must be there, and not be empty."""
        value = self.text(name)
        if not value:
            what = "is empty" if value == "" else "is missing"
            raise wrong(self.at(name), f"{self.at(name)} {what}; give a string.", "missing_required_parameter")
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._type(name, "true or false")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number from ``low`` to ``high``."""
        value = self._values.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self._type(name, "a number")
        if value is not None and not low <= value <= high:
            raise wrong(self.at(name), f"{self.at(name)} is {value}; it must be from {low:g} to {high:g}.")
        return value

    def whole(self, name: str, low: int, high: int = (1 << 53)) -> int | None:
        """Return a whole number from ``low`` to ``high``."""
        value = self._values.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._type(name, "a whole number")
        if value is not None and not low <= value <= high:
            limits = f"at least {low}" if value < low else f"at most {high}"
            raise wrong(self.at(name), f"{self.at(name)} is out of range; it must be {limits}.")
        return value

    def choice(self, name: str, words: Collection[str]) -> str | None:
        """Return one of ``words``."""
        value = self.text(name)
        if value is not None and value not in words:
            near = difflib.get_close_matches(value, words, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else None
            listed = ", ".join(repr(word) for word in words)
            raise wrong(self.at(name), f"{self.at(name)} is {value[:50]!r}; it may be {listed}.", hint=hint)
        return value

    def listed(self, name: str) -> list[Any] | None:
        """Return a list."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, list):
            raise self._type(name, "a list")
        return value

    def fields(self, name: str, known: Collection[str] | None) -> Fields | None:
        """Return an object, to be read as this one is."""
        value = self._values.get(name)
        return None if value is None else Fields(value, self.at(name), known)

    def need_fields(self, name: str, known: Collection[str] | None) -> Fields:
        """Return an object that must be there, to be read as this one is."""
        found = self.fields(name, known)
        if found is None:
            raise wrong(self.at(name), f"{self.at(name)} is missing; give an object.", "missing_required_parameter")
        return found

    def mapping(self, name: str) -> dict[str, Any] | None:
        """Return an object as it is."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._type(name, "an object")
        return value

    def _type(self, name: str, wanted: str) -> FieldError:
        found = _kind(self._values[name])
        return wrong(self.at(name), f"{self.at(name)} is {found}; it must be {wanted}.", "invalid_type")

    def _unknown(self, name: str, known: Collection[str]) -> FieldError:
        near = difflib.get_close_matches(name[:100], sorted(known), n=1)
        return wrong(
            self.at(name[:100]),
            f"The field {self.at(name[:100])!r} is not known.",
            "unknown_parameter",
            f"Did you mean {near[0]!r}?" if near else None,
        )


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")
