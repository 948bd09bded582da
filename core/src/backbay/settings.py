"""How one backend object is set up: what ``connect`` was told, checked and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import ConfigurationError
from .limits import NO_LIMITS, Limits
from .retry import RetryPolicy
from .secrets import Secret

if TYPE_CHECKING:
    from .http.transport import Transport
    from .spec import BackendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The set-up of one backend object.

    Attributes:
        api_key: The key, or ``None``.
        base_url: The API's address, or ``None`` for the spec's.
        wire: The wire to speak, or ``None`` for the spec's first.
        limits: Limits of every call that sets none.
        retry: When a failed attempt is made again.
        defaults: Options that every call starts from, over the spec's.
        capabilities: Support that is other than the spec says, by capability.
        transport: What moves the bytes, or ``None`` for the default one.
        config: What only this backend, or its wire, knows.
        declared: The whole declaration, where the backend's spec is what it says of one wire; else ``None``.
    """

    api_key: Secret | None = None
    base_url: str | None = None
    wire: str | None = None
    limits: Limits = NO_LIMITS
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    defaults: Mapping[str, object] = field(default_factory=dict)
    capabilities: Mapping[str, str] = field(default_factory=dict)
    transport: Transport | None = None
    config: Mapping[str, object] = field(default_factory=dict)
    declared: BackendSpec | None = None


def refuse_unknown(given: Mapping[str, object], known: Mapping[str, str], *, backend: str) -> None:
    """Raise ``ConfigurationError`` if ``given`` has a name that is not in ``known`` (name: explanation)."""
    for name in given:
        if name in known:
            continue
        import difflib

        near = difflib.get_close_matches(name, known, n=1)
        listed = "; ".join(f"{key}: {text}" for key, text in sorted(known.items()))
        raise ConfigurationError(
            f"connect() has no argument {name!r} for {backend}.",
            backend=backend,
            hint=f"Did you mean {near[0]}?" if near else f"There are {listed}.",
        )
