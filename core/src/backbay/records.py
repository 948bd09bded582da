"""What has become of each plugin, and why."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import loading, provenance
from .choosing import choose
from .errors import IncompatibleBackendError, RegistryError
from .installed import Entry
from .loading import Failure
from .selection import ALLOW_VARIABLE, allow_list

if TYPE_CHECKING:
    from .choosing import Claims


class PluginState(enum.StrEnum):
    """What has become of a plugin."""

    OK = "ok"
    """Nothing is known against it; where plugins were loaded, it loaded."""
    BROKEN = "broken"
    """It fails to import, or is not what an entry point of a backend must be."""
    INCOMPATIBLE = "incompatible"
    """It is made for another version of Backbay, or another edition of the protocol."""
    SHADOWED = "shadowed"
    """Its name means something else, or, where several distributions claim it, nothing until one is chosen."""
    DISABLED = "disabled"
    """``BACKBAY_PLUGINS`` leaves it out."""


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin, as ``inspect`` found it.

    Attributes:
        name: The backend name that it registers.
        distribution: Who ships it; ``None`` if the program itself called ``register``.
        version: The distribution's version, or ``None`` if its metadata does not say.
        location: Where it is installed: a folder, or the project's folder if the installation is editable.
        state: What has become of it.
        reason: Why it is not ``ok``; ``None`` if it is.
        value: Its entry point, ``package.module:attribute``.
        record_hash: The SHA-256 of what the distribution's RECORD says of its files, which is that of the wheel that
            was installed, on every machine; ``None`` if there is no RECORD.
        direct_url: The URL or folder that it was installed from, without credentials; ``None`` if from an index.
    """

    name: str
    distribution: str | None
    version: str | None
    location: str | None
    state: PluginState
    reason: str | None
    value: str
    record_hash: str | None = None
    direct_url: str | None = None


def record(entry: Entry, claims: Claims, *, load: bool) -> PluginRecord:
    """Return what there is to say of ``entry``; ``claims`` are all entry points by name, ``load`` as in ``inspect``."""
    state, reason = _standing(entry, claims) or _health(entry, load=load)
    owner = entry.distribution
    return PluginRecord(
        name=entry.name,
        distribution=owner.name if owner else None,
        version=owner.version if owner else None,
        location=owner.location if owner else None,
        state=state,
        reason=reason,
        value=entry.value,
        record_hash=provenance.record_hash(owner) if owner else None,
        direct_url=provenance.direct_url(owner) if owner else None,
    )


def _standing(entry: Entry, claims: Claims) -> tuple[PluginState, str] | None:
    """Return what keeps ``entry`` from being what its name means, or ``None`` if nothing does."""
    if entry.distribution is not None and entry.distribution.shadowed_by is not None:
        return PluginState.SHADOWED, f"its distribution is earlier on sys.path too: {entry.distribution.shadowed_by}"
    if not entry.allowed(allow_list()):
        return PluginState.DISABLED, f"{ALLOW_VARIABLE} lists neither {entry.name!r} nor its distribution"
    try:
        chosen = choose(entry.name, None, claims)
    except RegistryError as error:
        return PluginState.SHADOWED, f"{error.message} {error.hint or ''}".rstrip()
    if chosen is entry:
        return None
    return PluginState.SHADOWED, f"{entry.name!r} means the backend of {chosen.origin}"


def _health(entry: Entry, *, load: bool) -> tuple[PluginState, str | None]:
    if load:
        try:
            loading.load(entry)
        except RegistryError as error:
            kind = PluginState.INCOMPATIBLE if isinstance(error, IncompatibleBackendError) else PluginState.BROKEN
            return kind, error.message
        return PluginState.OK, None
    outcome = loading.remembered(entry)
    if isinstance(outcome, Failure):
        incompatible = issubclass(outcome.kind, IncompatibleBackendError)
        return PluginState.INCOMPATIBLE if incompatible else PluginState.BROKEN, outcome.message
    problem = loading.misnamed(entry)
    if problem is not None:
        return PluginState.BROKEN, problem
    reason = entry.incompatibility()
    return (PluginState.INCOMPATIBLE, reason) if reason else (PluginState.OK, None)
