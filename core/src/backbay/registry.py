"""Which backends there are, and the spec behind a name.

Names come from metadata, so listing them imports nothing; resolving one imports that plugin and no other. What a plugin
does wrong is its own state, and no other plugin's trouble.
"""

from __future__ import annotations

import itertools
import os
import sys

from . import discovery, loading
from .choosing import choose, refuse_model
from .errors import ConfigurationError
from .installed import CORE, Distribution, Entry
from .selection import ALLOW_VARIABLE, PIN_VARIABLE, allow_list, is_name, split, split_distribution

TYPE_CHECKING = False  # What a lookup does not need is loaded where it is needed: all of it takes longer than a lookup.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from .records import PluginRecord
    from .spec import BackendSpec

__all__ = [
    "Registration",
    "inspect",
    "names",
    "refresh",
    "register",
    "resolve",
    "split",
]

_TARGET = r"[^\W\d][\w.]*:[^\W\d][\w.]*"


class Registration:
    """What ``register`` added. Take it back with ``unregister()``, or by leaving a ``with`` block."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def unregister(self) -> None:
        """Take the registration back; whatever it replaced is there again. May be called again."""
        _registered[:] = [other for other in _registered if other is not self]
        loading.forget(self.entry)
        _forget_names()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unregister()


_registered: list[Registration] = []
_marks = itertools.count(1)


class _Memory:
    """What was resolved, under the settings and the ``sys.path`` that it was resolved under."""

    resolved: tuple[tuple[object, ...], dict[str, BackendSpec]] = ((), {})


def names() -> tuple[str, ...]:
    """Return the names that ``resolve`` may be asked for, sorted. Reads metadata only; no plugin is imported.

    Names that ``BACKBAY_PLUGINS`` leaves out are not among them; a plugin that turns out to be broken is.
    """
    allow = allow_list()
    usable = (entry for entry in _entries() if not entry.shadowed and entry.allowed(allow))
    return tuple(sorted({entry.name for entry in usable if not loading.misnamed(entry)}))


def inspect(*, load: bool = True) -> tuple[PluginRecord, ...]:
    """Return a record of every plugin, by name, and by distribution where several have one name.

    Args:
        load: Import each plugin that its metadata lets through, apart from the others, to see whether it works.
            ``False``: say what metadata and earlier loads tell, and import nothing.

    Raises:
        ConfigurationError: ``BACKBAY_PIN`` cannot be read.
        KeyboardInterrupt: Somebody interrupted the import of a plugin.
    """
    from .records import record

    claims = _by_name()
    return tuple(record(entry, claims, load=load) for name in sorted(claims) for entry in _ordered(claims[name]))


def resolve(name: str) -> BackendSpec:
    """Return the spec of a backend. Imports that one plugin and no other, and only the first time.

    Args:
        name: ``"name"``, or ``"name@distribution"`` where several distributions have that name.

    Raises:
        UnknownBackendError: No installed plugin has the name; says what is near, and how to install what is known.
        AmbiguousBackendError: Several distributions claim it, and neither the name nor ``BACKBAY_PIN`` says which.
        ReservedBackendError: The name belongs to another distribution than the one that claims it, and neither the name
            nor ``BACKBAY_PIN`` says that this one is meant.
        DisabledBackendError: ``BACKBAY_PLUGINS`` leaves it out.
        IncompatibleBackendError: The plugin is made for another version of Backbay.
        BackendImportError: The plugin failed to import; the cause is chained.
        PluginContractError: What the plugin registers is no spec of that name.
        ConfigurationError: ``name`` is no name, or ``BACKBAY_PIN`` cannot be read.
    """
    situation = (os.environ.get(ALLOW_VARIABLE), os.environ.get(PIN_VARIABLE), tuple(sys.path))
    remembered, specs = _Memory.resolved
    if remembered != situation:
        specs = {}
        _Memory.resolved = (situation, specs)
    given: object = name
    spec = specs.get(name) if isinstance(given, str) else None
    if spec is None:
        refuse_model(name, split(name))
        wanted, distribution = split_distribution(name)
        spec = specs[name] = loading.load(choose(wanted, distribution, _claims(wanted)))
    return spec


def register(name: str, target: str | BackendSpec, *, replace: bool = False) -> Registration:
    """Add a backend to this process, as if a distribution registered it. ``BACKBAY_PLUGINS`` does not apply to it.

    Args:
        name: The backend's name: lower-case letters, digits and hyphens.
        target: Import path of the spec, ``"package.module:attribute"``, which is imported when the name is first
            resolved; or the spec itself.
        replace: Take the name even if an installed plugin, or an earlier call, has it.

    Returns:
        What undoes it: call ``unregister()``, or use it in a ``with`` statement.

    Raises:
        ConfigurationError: The name or the target cannot be right, or the name is taken.
    """
    _check_target(name, target)
    taken = [entry for entry in _by_name().get(name, ()) if not entry.shadowed]
    if taken and not replace:
        raise ConfigurationError(
            f"The backend name {name!r} is taken by {' and '.join(entry.origin for entry in _ordered(taken))}.",
            backend=name,
            hint="Choose another name, or pass replace=True.",
        )
    value = target if isinstance(target, str) else f"BackendSpec({target.name!r})"
    registration = Registration(Entry(name, value, mark=next(_marks)))
    if not isinstance(target, str):
        loading.keep(registration.entry, target)
    _registered.append(registration)
    _forget_names()
    return registration


def refresh() -> None:
    """Look again at what is installed, and give plugins that failed another chance. What was loaded stays loaded."""
    discovery.refresh()
    loading.forget()
    _forget_names()


def _forget_names() -> None:
    _Memory.resolved = ((), {})


def _entries() -> list[Entry]:
    """Return every claim to a name: what was registered last comes first."""
    found = [registration.entry for registration in reversed(list(_registered))]
    installed = discovery.entries()
    if not any(entry.built_in for entry in installed):
        found.append(_manual())
    return [*found, *installed]


def _manual() -> Entry:
    """Return the built-in backend where Backbay's own metadata is missing, as in a bare folder of sources."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 (pathlib loads much)
    return Entry("manual", "backbay.manual:spec", Distribution(folder, folder, lambda _: None, key=CORE))


def _by_name() -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in _entries():
        found.setdefault(entry.name, []).append(entry)
    return found


def _claims(name: str) -> dict[str, list[Entry]]:
    """Return the claims to a name; those to every name if nobody has it, since what is near is said then."""
    registered = [registration.entry for registration in reversed(list(_registered)) if registration.entry.name == name]
    found = [*registered, *discovery.entries_named(name)]
    # What is built in may have no metadata.
    return _by_name() if name == "manual" or all(entry.shadowed for entry in found) else {name: found}


def _ordered(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.distribution.key if entry.distribution else "")


def _check_target(name: object, target: object) -> None:
    import re

    from .spec import BackendSpec

    if not isinstance(name, str) or not is_name(name):
        raise ConfigurationError(f"A backend's name is lower-case letters, digits and hyphens, not {name!r}.")
    if isinstance(target, BackendSpec):
        if target.name != name:
            raise ConfigurationError(f"The spec of {target.name!r} cannot be registered as {name!r}.", backend=name)
    elif not isinstance(target, str):
        raise ConfigurationError(
            f"register({name!r}) got a {type(target).__name__}, expected 'package.module:attribute' or a BackendSpec.",
            backend=name,
        )
    elif not re.fullmatch(_TARGET, target):
        raise ConfigurationError(
            f"register({name!r}) got {target!r}, expected an import path like 'package.module:attribute'.", backend=name
        )
