"""A virtual key as it is stored, without its secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from backbay.errors import InvalidRequestError

from .limits import KeyLimits

_LONGEST_LABEL = 100
_LONGEST_NAME = 200
_MOST_NAMES = 1000


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is known of a key.

    Attributes:
        id: Its public part; it may be shown.
        label: A person's name for it; ``""`` if none was given.
        created: Seconds since 1970.
        expires: Seconds since 1970 from which on it is refused; ``None`` if it does not expire.
        revoked: Seconds since 1970 when it was revoked; ``None`` if it was not.
        models: Names or globs (``*`` and ``?``) of the models that it may use; ``None`` for all, ``()`` for none.
        providers: Vendors that it may use, such as ``openai``; ``None`` for all, ``()`` for none.
        limits: How much it may use.
        digest: SHA-256 of its secret; never shown.
    """

    id: str
    label: str
    created: float
    expires: float | None = None
    revoked: float | None = None
    models: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)
    digest: bytes = field(default=b"", repr=False, compare=False)

    def may(self, model: str, *, alias: str | None = None) -> bool:
        """Return whether the key may use a model, ``vendor:model``.

        An alias has no vendor, so that ``providers`` cannot refuse it; they refuse the models behind it.

        Args:
            model: The model's name.
            alias: The name that the client wrote, if that was an alias. A key that may use the alias needs no
                further leave of ``models`` for what is behind it.
        """
        vendor, colon, _ = model.partition(":")
        if colon and self.providers is not None and vendor not in self.providers:
            return False
        return self._named(model) or (alias is not None and self._named(alias))

    def may_begin(self, model: str) -> bool:
        """Return whether a request that names ``model`` can be admitted.

        An alias that ``models`` does not name is not refused yet: ``may`` decides about each model behind it.
        """
        return ":" not in model or self.may(model)

    def state(self, now: float) -> str:
        """Return ``revoked``, ``expired`` or ``active``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"

    def _named(self, model: str) -> bool:
        return self._pattern is None or self._pattern.fullmatch(model) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return None if self.models is None else _globs(self.models)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made.

    Attributes:
        key: What is stored of it.
        text: The whole key, ``bb_...``. This is the only time that it can be shown.
    """

    key: Key
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """What a new key is to be; the attributes are those of ``Key``.

    Raises:
        InvalidRequestError: The label, a model, a vendor or the expiry cannot be; the message says which and why.
    """

    label: str = ""
    expires: float | None = None
    models: Sequence[str] | None = None
    providers: Sequence[str] | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)

    def __post_init__(self) -> None:
        if len(self.label) > _LONGEST_LABEL or not self.label.isprintable():
            raise InvalidRequestError(f"A label is at most {_LONGEST_LABEL} printable characters on one line.")
        for what, names in (("model", self.models), ("provider", self.providers)):
            for name in names or ():
                if not name or len(name) > _LONGEST_NAME or not name.isprintable() or " " in name:
                    raise InvalidRequestError(f"{name[:_LONGEST_NAME]!r} is no name of a {what}.")
            if len(names or ()) > _MOST_NAMES:
                raise InvalidRequestError(f"A key can name {_MOST_NAMES} of a kind at most; use a glob: openai:*.")
        for name in self.providers or ():
            if ":" in name or "*" in name:
                raise InvalidRequestError(
                    f"{name!r} is no provider: that is a vendor's name alone, such as openai.",
                    hint="A model, or a glob of models, goes to --model.",
                )

    def made(self, key_id: str, digest: bytes, now: float) -> Key:
        """Return the key, made ``now``.

        Raises:
            InvalidRequestError: It would be expired already.
        """
        if self.expires is not None and not now < self.expires < 1e11:
            raise InvalidRequestError("The key would be expired already: give a time that is still to come.")
        return Key(
            id=key_id,
            label=self.label,
            created=now,
            expires=self.expires,
            models=_tuple(self.models),
            providers=_tuple(self.providers),
            limits=self.limits,
            digest=digest,
        )

    @classmethod
    def plain(cls, label: str = "") -> Self:
        """Return one for a key without limits."""
        return cls(label=label)


def _tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(dict.fromkeys(names))


def _globs(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return one expression for all; nothing but ``*`` and ``?`` is special, since names of models have brackets."""
    # A run of stars is one star: many would make the expression slow.
    parts = (re.escape(re.sub(r"\*+", "*", pattern)).replace(r"\*", ".*").replace(r"\?", ".") for pattern in patterns)
    return re.compile("|".join(parts) or r"(?!)", re.DOTALL)
