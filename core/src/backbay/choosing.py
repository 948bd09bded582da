"""Which of the entry points that claim a name the name means, and what to say where it means none."""

from __future__ import annotations

from .errors import AmbiguousBackendError, DisabledBackendError, ReservedBackendError, UnknownBackendError
from .known import KNOWN
from .selection import ALLOW_VARIABLE, PIN_VARIABLE, allow_list, is_name, normalised, pins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .installed import Entry

    Claims = Mapping[str, Sequence[Entry]]
    """Entry points by name; what was registered in this process comes first, the last such before the others."""


def choose(name: str, distribution: str | None, claims: Claims) -> Entry:
    """Return the entry point that ``name`` means.

    A registration of this process comes first, then what is built in, then the pinned distribution, then the only one.

    Args:
        name: The backend's name.
        distribution: The distribution that it must come from; ``None`` if any may.
        claims: What there is.

    Raises:
        UnknownBackendError: Nothing has the name, or not in that distribution.
        DisabledBackendError: ``BACKBAY_PLUGINS`` leaves out what has it.
        AmbiguousBackendError: Several distributions have it.
        ReservedBackendError: It is a name of the Backbay project's, and another distribution than the project's has it.
        ConfigurationError: ``BACKBAY_PIN`` cannot be read.
    """
    found: Sequence[Entry] = [entry for entry in claims.get(name, ()) if not entry.shadowed]
    if distribution is None:
        first = next((entry for entry in found if entry.distribution is None), None) or next(
            (entry for entry in found if entry.built_in), None
        )
        if first is not None:
            return first
    if not found:
        raise _unknown(name, claims)
    found = _from_distribution(name, distribution, found)
    allowed = [entry for entry in found if entry.allowed(allow_list())]
    if not allowed:
        raise _disabled(name, found)
    if len(allowed) > 1:
        raise _ambiguous(name, allowed)
    if distribution is None and name not in pins() and usurped(allowed[0]):
        raise _reserved(name, allowed[0])
    return allowed[0]


def usurped(entry: Entry) -> bool:
    """Whether an entry point has a name that belongs to another distribution than its own, by the project's table."""
    rightful = KNOWN.get(entry.name)
    if rightful is None or entry.distribution is None or entry.built_in:
        return False
    return entry.distribution.key != normalised(rightful)


def refuse_model(reference: str, parts: tuple[str, str | None]) -> None:
    """Raise ``UnknownBackendError`` if a reference with a model stands where a name alone belongs."""
    name, model = parts
    if model is not None:
        raise UnknownBackendError(
            f"{reference!r} is a backend and a model, and only the backend's name belongs here.",
            backend=name,
            hint=f"Resolve {name!r}, or connect({reference!r}).",
        )


def _from_distribution(name: str, distribution: str | None, found: Sequence[Entry]) -> Sequence[Entry]:
    """Return those of ``found`` that come from the distribution that is asked for, or pinned; all if none is."""
    wanted = pins().get(name) if distribution is None else normalised(distribution)
    if wanted is None:
        return found
    chosen = [entry for entry in found if entry.distribution is not None and entry.distribution.key == wanted]
    if not chosen:
        who = f"{name}@{distribution}" if distribution is not None else f"{PIN_VARIABLE}={name}={wanted}"
        raise UnknownBackendError(
            f"{who} names a distribution that has no backend {name!r}; it comes from {_origins(found)}.",
            backend=name,
            hint=f"Install {wanted}, or correct {PIN_VARIABLE}." if distribution is None else None,
        )
    return chosen


def _unknown(name: str, claims: Claims) -> UnknownBackendError:
    import difflib

    allow = allow_list()
    installed = {
        other
        for other, found in claims.items()
        if is_name(other) and any(not entry.shadowed and entry.allowed(allow) for entry in found)
    }
    near = difflib.get_close_matches(name.lower(), sorted(installed | KNOWN.keys()), n=1)
    if name in KNOWN:
        hint = f"Install it: pip install {KNOWN[name]}"
    elif not near:
        hint = "Install the distribution that has it, or correct the name."
    elif near[0] in installed:
        hint = f"Did you mean {near[0]!r}?"
    else:
        hint = f"Did you mean {near[0]!r}? Install it: pip install {KNOWN[near[0]]}"
    return UnknownBackendError(
        f"No installed plugin has the backend {name!r}. Installed are {', '.join(sorted(installed))}.", hint=hint
    )


def _disabled(name: str, found: Sequence[Entry]) -> DisabledBackendError:
    owner = found[0].distribution
    return DisabledBackendError(
        f"The backend {name!r} of {_origins(found)} is installed, and {ALLOW_VARIABLE} does not list it.",
        backend=name,
        hint=f"Add {name} or {owner.name if owner else name} to {ALLOW_VARIABLE}, or unset it to allow every plugin.",
    )


def _ambiguous(name: str, found: Sequence[Entry]) -> AmbiguousBackendError:
    keys = sorted(entry.distribution.key for entry in found if entry.distribution is not None)
    return AmbiguousBackendError(
        f"{len(found)} distributions have the backend {name!r}: {_origins(found)}.",
        backend=name,
        hint=f"Name one, {' or '.join(f'{name}@{key}' for key in keys)}; set {PIN_VARIABLE}={name}={keys[0]}; "
        "or uninstall the others.",
    )


def _reserved(name: str, found: Entry) -> ReservedBackendError:
    owner = found.distribution.name if found.distribution else name
    return ReservedBackendError(
        f"The backend name {name!r} belongs to {KNOWN[name]}, and {found.origin} claims it.",
        backend=name,
        hint=f"Install {KNOWN[name]} and uninstall {owner}. If {owner} is what you want, say so: "
        f"{name}@{owner}, or {PIN_VARIABLE}={name}={owner}.",
    )


def _origins(found: Sequence[Entry]) -> str:
    return " and ".join(sorted(entry.origin for entry in found))
