"""A JSON object as bytes, of which one member is read or changed while every other byte stays as it came.

A relay must not write a caller's JSON anew: numbers, escapes, white space and the order of keys may mean something to
whoever signs, counts or caches them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic_core import from_json

from .errors import InvalidRequestError


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


# Numbers stay text: they are only walked over, and Python would refuse integers of more than 4300 digits.
_decode = json.JSONDecoder(parse_constant=_no_number, parse_int=str, parse_float=str).raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")
_ESCAPED = re.compile(rb"\\u00[67]")
_PLAIN_TEXT = re.compile(rb'[ \t\n\r]*:[ \t\n\r]*"([^"\\]*)"')
_BLANK = frozenset(" \t\n\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the object.

    Attributes:
        value: Its value, decoded; a number is its text.
        begin: Where its key begins, in characters.
        start: Where its value begins.
        end: Where its value ends.
    """

    value: object
    begin: int
    start: int
    end: int


class JSONBody:
    """The bytes of one JSON object.

    Args:
        data: The object, in UTF-8.

    Attributes:
        data: As given.
    """

    __slots__ = ("_escaped", "_members", "_object", "_single", "_text", "_twice", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text: str | None = None
        self._members: dict[str, Member] | None = None
        self._twice: frozenset[str] = frozenset()
        self._object: dict[str, object] | None = None
        # Names of which it is known whether two members can have them.
        self._single: dict[str, bool] = {}
        self._escaped: bool | None = None

    @classmethod
    def of(cls, value: Mapping[str, object]) -> JSONBody:
        """Return ``value``, which stays as it is, as JSON.

        Raises:
            InvalidRequestError: It holds what JSON or UTF-8 cannot: NaN, infinity, half of a surrogate pair, an object.
        """
        try:
            return cls(json.dumps(dict(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())
        except UnicodeEncodeError:
            raise InvalidRequestError("The request has half of a surrogate pair, which is no text.") from None
        except (ValueError, TypeError, RecursionError) as failure:
            raise InvalidRequestError(f"The request cannot be written as JSON: {failure}.") from None

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by key; of several with one key the last.

        Raises:
            InvalidRequestError: The bytes are no JSON object in UTF-8; says where they are none.
        """
        if self._members is None:
            listed = self._walk()
            self._members = dict(listed)
            if len(listed) > len(self._members):
                counted = Counter(key for key, _ in listed)
                self._twice = frozenset(key for key, count in counted.items() if count > 1)
        return self._members

    @property
    def parsed(self) -> dict[str, object]:
        """The object as Python has it, not to be changed: numbers are numbers; of members with one name the last holds.

        Raises:
            InvalidRequestError: The bytes are no JSON object in UTF-8, or one that is nested some 200 levels deep.
        """
        if self._object is None:
            try:
                found = from_json(self.data, allow_inf_nan=False, cache_strings="keys")
            except ValueError as failure:
                raise InvalidRequestError(f"The request is no JSON: {failure}.") from None
            if not isinstance(found, dict):
                raise InvalidRequestError("The request is no JSON object.")
            self._object = found
        return self._object

    def get(self, name: str) -> object:
        """Return the value of a member; ``None`` if there is none. A number is its text.

        Raises:
            InvalidRequestError: The bytes are no JSON object, or have two members of this name: of two readers each
                could take another one.
        """
        if self._members is None:
            once = self._single.get(name)
            if self._once(name) if once is None else once:
                quick = self.parsed.get(name)
                if quick is None or isinstance(quick, str | bool):
                    return quick
        found = self.members.get(name)
        if name in self._twice:
            raise InvalidRequestError(f"The request has {name!r} twice.", hint="Leave one of the two out.")
        return None if found is None else found.value

    def check(self) -> None:
        """Read it, as quickly as can be.

        Raises:
            InvalidRequestError: The bytes are no JSON object in UTF-8; says where they are none.
        """
        if self._members is None and not self._read():
            _ = self.members

    def _read(self) -> bool:
        """Return whether the quick reader takes it; it tells neither where members stand, nor which are there twice."""
        try:
            return self.parsed is not None
        except InvalidRequestError:
            return False

    def _once(self, name: str) -> bool:
        """Whether no two members can have this name: it is there once, and no letter of a key is escaped."""
        found = self._single.get(name)
        if found is None:
            key = _key(name)
            plain = key is not None and self.data.count(key) <= 1 and not self._escapes_letters()
            found = self._single[name] = plain and self._read()
        return found

    def _escapes_letters(self) -> bool:
        """Whether a letter from a to z may be written as its number: they are 61 to 7A."""
        if self._escaped is None:
            # The first question costs a thirtieth of the second, and its answer is no for most large data.
            self._escaped = b"\\" in self.data and _ESCAPED.search(self.data) is not None
        return self._escaped

    def with_(self, name: str, value: str) -> JSONBody:
        """Return this object with a member that is ``value``, in its place or else at the front; the rest as it is."""
        if self.get(name) == value:
            return self
        quick = self._with_other(name, value) if self._members is None else None
        if quick is not None:
            return quick
        text, found = self._decoded(), self.members.get(name)
        said = json.dumps(value, ensure_ascii=False)
        if found is not None:
            return _body(text[: found.start] + said + text[found.end :])
        opened = text.index("{") + 1
        comma = "," if self.members else ""
        return _body(f"{text[:opened]}{json.dumps(name, ensure_ascii=False)}:{said}{comma}{text[opened:]}")

    def _with_other(self, name: str, value: str) -> JSONBody | None:
        """Return it with another text as a member, where that can be told without a look at all of it."""
        if not self._once(name) or not isinstance(self.parsed.get(name), str):
            return None
        # There is such a member, and the name stands there once: it is the member's.
        key = _key(name)
        assert key is not None
        found = _PLAIN_TEXT.match(self.data, self.data.index(key) + len(key))
        if found is None or not value.isprintable():
            return None
        begin, end = found.span(1)
        said = json.dumps(value, ensure_ascii=False)[1:-1].encode()
        view = memoryview(self.data)
        other = JSONBody(b"".join((view[:begin], said, view[end:])))
        other._object = {**self.parsed, name: value}
        other._single, other._escaped = dict(self._single), self._escaped
        return other

    def without(self, name: str) -> JSONBody:
        """Return this object without a member; the rest as it is."""
        self.get(name)  # Raises where there are two.
        found = self.members.get(name)
        if found is None:
            return self
        text = self._decoded()
        behind = _SPACE.match(text, found.end)
        assert behind is not None
        if text[behind.end()] == ",":
            after = _SPACE.match(text, behind.end() + 1)
            assert after is not None
            return _body(text[: found.begin] + text[after.end() :])
        before = text[: found.begin].rstrip(" \t\n\r").removesuffix(",")
        return _body(before + text[found.end :])

    def _decoded(self) -> str:
        if self._text is None:
            if self.data.startswith(_BOM):
                raise InvalidRequestError("The request begins with a byte order mark, which JSON may not have.")
            try:
                self._text = self.data.decode()
            except UnicodeDecodeError as failure:
                raise InvalidRequestError(f"The request is no UTF-8 at byte {failure.start}.") from None
        return self._text

    def _walk(self) -> list[tuple[str, Member]]:
        text = self._decoded()
        try:
            return _members(text)
        except (ValueError, IndexError, RecursionError) as failure:
            said = f": {failure}" if isinstance(failure, ValueError) else ""
            raise InvalidRequestError(
                f"The request is no JSON object{said}.", hint="Give one whole JSON object, in UTF-8."
            ) from None


@lru_cache(maxsize=64)
def _key(name: str) -> bytes | None:
    """Return a name as a key of JSON; ``None`` if it is not of small letters alone."""
    return b'"%b"' % name.encode() if name.isascii() and name.isalpha() and name.islower() else None


def _body(text: str) -> JSONBody:
    try:
        return JSONBody(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequestError("The model's name has half of a surrogate pair, which is no text.") from None


def _members(text: str) -> list[tuple[str, Member]]:
    """Return the members of an object in order; ``ValueError`` or ``IndexError`` if it is none."""
    found: list[tuple[str, Member]] = []
    place = _after(text, 0, "{")
    if text[place] == "}":
        _end(text, place + 1)
        return found
    while True:
        begin = place
        if text[begin] != '"':
            raise ValueError(f"a key is expected at character {begin}")
        key, place = _decode(text, begin)
        start = _after(text, place, ":")
        value, end = _decode(text, start)
        found.append((key, Member(value, begin, start, end)))
        place = _skip(text, end)
        if text[place] == "}":
            _end(text, place + 1)
            return found
        place = _after(text, place, ",")


def _skip(text: str, place: int) -> int:
    if text[place : place + 1] not in _BLANK:
        return place
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _after(text: str, place: int, mark: str) -> int:
    """Return where something follows ``mark``, which must be next but for white space."""
    place = _skip(text, place)
    if text[place] != mark:
        raise ValueError(f"{mark!r} is expected at character {place}")
    return _skip(text, place + 1)


def _end(text: str, place: int) -> None:
    if _skip(text, place) != len(text):
        raise ValueError(f"something follows it at character {place}")
