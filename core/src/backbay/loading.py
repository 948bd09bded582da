"""Loads one plugin apart from all others, checks what it gives, and remembers the outcome, good or bad."""

from __future__ import annotations

from importlib import import_module

from .errors import BackendImportError, IncompatibleBackendError, PluginContractError, RegistryError
from .selection import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .installed import Entry
    from .spec import BackendSpec

_SHOWN = 500
"""Characters of a plugin's own words that a message repeats."""


class Failure:
    """Why a plugin did not load."""

    __slots__ = ("backend", "cause", "hint", "kind", "message")

    def __init__(
        self, kind: type[RegistryError], backend: str, message: str, hint: str | None, cause: BaseException | None
    ) -> None:
        self.kind = kind
        self.backend = backend
        self.message = message
        self.hint = hint
        self.cause = cause

    def error(self) -> RegistryError:
        """Return a fresh error for it, so that no two callers share a traceback."""
        error = self.kind(self.message, backend=self.backend, hint=self.hint)
        error.__cause__ = self.cause
        return error


_outcomes: dict[tuple[object, ...], BackendSpec | Failure] = {}


def load(entry: Entry) -> BackendSpec:
    """Return the spec that ``entry`` names; its module is imported if it was not loaded before.

    No lock is held while it is imported: the import system has its own, and knows of deadlocks.

    Raises:
        IncompatibleBackendError: It is made for another version of Backbay or edition of the protocol.
        PluginContractError: It is no ``BackendSpec``, or one of another name.
        BackendImportError: Importing it raised anything but ``KeyboardInterrupt``; the cause is chained. The failure is
            remembered, and the import is not tried again before ``registry.refresh``.
        KeyboardInterrupt: Somebody interrupted the import.
    """
    outcome = _outcomes.get(entry.identity)
    if outcome is None:
        outcome = _attempt(entry)
        if isinstance(outcome, Failure):
            # Where two threads were at it, or a plugin resolves itself while it is imported, a success stays.
            outcome = _outcomes.setdefault(entry.identity, outcome)
        else:
            _outcomes[entry.identity] = outcome
    if isinstance(outcome, Failure):
        raise outcome.error()
    return outcome


def load_attribute(path: str, *, what: str, backend: str) -> object:
    """Return what a spec's import path (``"package.module:name"``) names.

    Args:
        path: The import path.
        what: What it is to the spec, for the error: ``"codec"``.
        backend: The spec's name, for the error.

    Raises:
        BackendImportError: Importing it raised anything but ``KeyboardInterrupt``, or it is not there.
        KeyboardInterrupt: Somebody interrupted the import.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        raise BackendImportError(
            f"{backend} names {path} as its {what}, and it cannot be loaded: {describe(failure)}.", backend=backend
        ) from failure


def remembered(entry: Entry) -> BackendSpec | Failure | None:
    """Return how loading ``entry`` went, or ``None`` if that was not tried yet."""
    return _outcomes.get(entry.identity)


def keep(entry: Entry, spec: BackendSpec) -> None:
    """Take ``spec`` for what ``entry`` names."""
    _outcomes[entry.identity] = spec


def forget(entry: Entry | None = None) -> None:
    """Forget how loading ``entry`` went; ``None``: forget every failure, so that each is tried again."""
    if entry is not None:
        _outcomes.pop(entry.identity, None)
        return
    for identity, outcome in list(_outcomes.items()):
        if isinstance(outcome, Failure):
            _outcomes.pop(identity, None)


def describe(failure: BaseException) -> str:
    """Return an exception's class and words in one line of bounded length. Never raises."""
    try:
        words = " ".join(str(failure).split())[:_SHOWN]
    except Exception:  # noqa: BLE001 - its __str__ is a plugin's code as well
        words = ""
    return f"{type(failure).__name__}: {words}" if words else type(failure).__name__


def misnamed(entry: Entry) -> str | None:
    """Return why the entry point's name cannot be a backend's, or ``None`` if it can."""
    if is_name(entry.name):
        return None
    return f"a backend's name is lower-case letters, digits and hyphens, not {entry.name!r}"


def _attempt(entry: Entry) -> BackendSpec | Failure:
    problem = misnamed(entry)
    if problem is not None:
        message = f"{entry.origin} has an entry point that cannot be resolved: {problem}."
        return Failure(PluginContractError, entry.name, message, None, None)
    try:
        return _checked(entry, entry.load())
    except KeyboardInterrupt:
        raise
    except RegistryError as failure:
        if failure.backend == entry.name and isinstance(failure, IncompatibleBackendError | PluginContractError):
            return Failure(type(failure), entry.name, failure.message, failure.hint, None)
        return _import_failure(entry, failure)
    except BaseException as failure:  # noqa: BLE001 - a SystemExit of a plugin must not end the program
        return _import_failure(entry, failure)


def _import_failure(entry: Entry, failure: BaseException) -> Failure:
    owner = entry.distribution.name if entry.distribution else None
    return Failure(
        BackendImportError,
        entry.name,
        f"The plugin of {entry.name!r}, {entry.value!r} of {entry.origin}, failed to import: {describe(failure)}.",
        f"Repair it, upgrade it (pip install --upgrade {owner}) or uninstall it." if owner else None,
        failure,
    )


def _checked(entry: Entry, found: object) -> BackendSpec:
    from .spec import PROTOCOL, BackendSpec

    if not isinstance(found, BackendSpec):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"a {type(found).__name__}"
        raise PluginContractError(
            f"{entry.value!r} of {entry.origin} is {what}, expected a backbay.BackendSpec.",
            backend=entry.name,
            hint="An entry point names the spec object itself, not a class or a function that makes one.",
        )
    if found.protocol != PROTOCOL:
        raise IncompatibleBackendError(
            f"{entry.value!r} of {entry.origin} is written for edition {found.protocol!r} of the plugin protocol; "
            f"this Backbay speaks edition {PROTOCOL}.",
            backend=entry.name,
            hint="Upgrade backbay." if found.protocol > PROTOCOL else "Upgrade the plugin.",
        )
    if found.name != entry.name:
        raise PluginContractError(
            f"{entry.value!r} of {entry.origin} is the spec of {found.name!r}, expected {entry.name!r}: "
            "the entry point and the spec must have one name.",
            backend=entry.name,
        )
    return found
