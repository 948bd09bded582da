"""Hooks around every call: pluggy's, in the entry-point group ``backbay.hooks``, called only where somebody listens.

A hook that raises while it looks on (``after_response``, ``on_error``, ``on_event``, ``observe_call`` and what that
returns) never harms the call: its failure is a warning. What ``before_request`` raises stops the call before any I/O.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from ..capabilities import Capability
from .observing import HookWarning, Observation, Observer, follow

if TYPE_CHECKING:
    import pluggy

    from ..attempt import Call
    from ..backend import Backend
    from ..errors import BackbayError
    from ..events import Event
    from ..request import Request
    from ..response import Response
    from ..secrets import SecretHolder
    from ..stream import Listener

__all__ = [
    "GROUP",
    "HookWarning",
    "Observation",
    "Observer",
    "SavedProvider",
    "Specifications",
    "add",
    "anybody",
    "before_request",
    "failures",
    "first",
    "follow",
    "hookimpl",
    "listener",
    "load",
    "manager",
    "observe",
    "remove",
]

GROUP = "backbay.hooks"


class SavedProvider(Protocol):
    """What ``find_provider`` gives: ``backbay.provider.Provider``, or what binds as it does."""

    def backend(self, model: str | None = None, /, **arguments: object) -> Backend:
        """Return a backend; the arguments are those of ``connect``, over what is saved."""


_manager: pluggy.PluginManager | None = None
_loaded = False
looking: Mapping[str, Sequence[pluggy.HookImpl]] | None = None
"""Implementations of the hooks that look at calls, by hook; ``None`` until somebody asked. Each call asks, and pluggy
copies its lists each time. To be read alone: a job, which must cost nothing more, reads it in place of a call."""
_silent: Listener | None = None
# Reports to nobody, and is never changed.
failures: dict[str, str] = {}
"""Why a distribution's hooks could not be loaded, by entry-point name."""


class Specifications:
    """The hooks that a plugin may implement, each marked with ``backbay.hooks.hookimpl()``."""

    def before_request(self, backend: Backend, request: Request) -> Request | None:
        """Return another request to send, or ``None`` to leave it. Each sees what the one before it returned."""

    def after_response(self, backend: Backend, request: Request, response: Response) -> None:
        """See a whole answer, streamed or not."""

    def on_error(self, backend: Backend, request: Request, error: BackbayError) -> None:
        """See the error that a call ends with."""

    def on_event(self, backend: Backend, request: Request, event: Event) -> None:
        """See each event of a stream. Keep it quick: it runs for every chunk."""

    def observe_call(
        self, backend: Backend, operation: Capability, model: str | None, request: Request | None
    ) -> Observer | None:
        """Return what looks on at one call that is about to be made; ``None`` to leave it alone.

        It is called in the context of whoever made the call, in a copy of it for a blocking one: context variables are
        the caller's. A backend made of backends is not observed, each that it asks is.

        Args:
            backend: The backend that is asked.
            operation: What is asked of it: ``GENERATE``, ``COMPLETE_RAW``, ``EMBEDDINGS``, ``RERANK`` or ``EXECUTE``.
            model: The model asked for, or ``None``.
            request: The request as it goes out; ``None`` for embeddings, rankings and jobs, which have none.
        """

    def register_commands(self, app: object) -> None:
        """Add commands to the command line, a ``typer.Typer``."""

    def find_provider(self, name: str) -> SavedProvider | None:
        """Return what is saved under a name that no backend has, or ``None``. ``connect`` asks; the first counts."""

    def open_credential(self, source: str) -> SecretHolder | None:
        """Return the credential that ``"kind:name"`` names, or ``None`` if it is another plugin's. The first counts."""


_OF_OBSERVERS = ("backend", "operation", "model", "request")
_OF_CALLS = ("before_request", "after_response", "on_error", "on_event", "observe_call")
_SEEN = (*_OF_CALLS, "register_commands", "find_provider", "open_credential")


def hookimpl() -> pluggy.HookimplMarker:
    """Return the marker for implementations, as in ``@hookimpl()``; it is ``pluggy.HookimplMarker("backbay")``."""
    import pluggy

    return pluggy.HookimplMarker("backbay")


def manager() -> pluggy.PluginManager:
    """Return the plugin manager, made when first asked for."""
    global _manager
    if _manager is None:
        import pluggy

        mark = pluggy.HookspecMarker("backbay")
        for name in _SEEN:
            mark(getattr(Specifications, name))
        _manager = _manager_class()("backbay")
        _manager.add_hookspecs(Specifications)
    return _manager


def _manager_class() -> type[pluggy.PluginManager]:
    import pluggy

    class Manager(pluggy.PluginManager):
        """Forgets who looks at calls, whenever that may have changed."""

        def register(self, plugin: object, name: str | None = None) -> str | None:
            try:
                return super().register(plugin, name)
            finally:
                _forget()

        def unregister(self, plugin: object | None = None, name: str | None = None) -> object | None:
            try:
                return cast("object | None", super().unregister(plugin, name))
            finally:
                _forget()

    return Manager


def _forget() -> None:
    global looking
    looking = None


def add(plugin: object) -> None:
    """Register an object or module with hooks, for this process."""
    manager().register(plugin)


def remove(plugin: object) -> None:
    """Take back what ``add`` registered."""
    manager().unregister(plugin)


def load(*, quiet: bool = False) -> None:
    """Load the installed hooks, once. A distribution whose hooks fail to import is left out and recorded.

    Args:
        quiet: Record it in ``failures`` alone, and do not warn.
    """
    global _loaded
    if _loaded:
        return
    _loaded = True
    from ..discovery import hook_entry_points

    for entry in hook_entry_points():
        try:
            manager().register(entry.load(), name=entry.name)
        except BaseException as failure:
            if isinstance(failure, KeyboardInterrupt):
                raise
            failures[entry.name] = f"{type(failure).__name__}: {failure}"
            if not quiet:
                warnings.warn(f"hooks {entry.name!r} were left out: {failures[entry.name]}", HookWarning, stacklevel=2)


def first(hook: str, argument: str) -> object:
    """Return the first answer that is not ``None`` of a hook with one argument; ``None`` if there is none.

    A hook that fails is left out with a warning; what it raises as a ``BackbayError`` is its answer. Hooks that cannot
    be loaded are left to ``failures``.
    """
    load(quiet=True)
    if _manager is None:
        return None  # Nobody has hooks, and pluggy stays where it is.
    from ..errors import BackbayError

    for implementation in getattr(_manager.hook, hook).get_hookimpls():
        try:
            found = cast("object", implementation.function(argument))
        except BackbayError:
            raise
        except Exception as failure:  # noqa: BLE001 (one plugin's defect is not the others')
            warnings.warn(f"a {hook} hook raised {type(failure).__name__}: {failure}", HookWarning, stacklevel=2)
            continue
        if found is not None:
            return found
    return None


def _of_calls() -> Mapping[str, Sequence[pluggy.HookImpl]]:
    """Return the implementations of the hooks that look at calls, by hook; only of those that have any."""
    global looking
    found = looking
    if found is None:
        load()
        known = {} if _manager is None else {name: getattr(_manager.hook, name).get_hookimpls() for name in _OF_CALLS}
        found = looking = {name: listed for name, listed in known.items() if listed}
    return found


def anybody() -> bool:
    """Whether a hook is there that looks at calls."""
    return bool(_of_calls())


def before_request(backend: Backend, request: Request) -> Request:
    """Let each hook see and replace the request."""
    implementations = _of_calls().get("before_request")
    if not implementations:
        return request
    from ..errors import PluginContractError
    from ..request import Request

    for implementation in implementations:
        given = {"backend": backend, "request": request}
        changed = implementation.function(*(given[name] for name in implementation.argnames))
        if changed is None:
            continue
        if not isinstance(changed, Request):
            raise PluginContractError(
                f"The before_request hook of {implementation.plugin_name} returned a {type(changed).__name__}; "
                "it may return a Request, or None."
            )
        request = changed
    return request


def observe(
    backend: Backend, operation: Capability, model: str | None, request: Request | None = None
) -> Observation | None:
    """Return all that look on at a call which is about to be made; ``None`` if nobody does."""
    observers: list[Observer] = []
    for implementation in _of_calls().get("observe_call", ()):
        try:
            if implementation.argnames == _OF_OBSERVERS:  # Which is the way of all that are in a hurry.
                observer = implementation.function(backend, operation, model, request)
            else:
                given = {"backend": backend, "operation": operation, "model": model, "request": request}
                observer = implementation.function(*[given[name] for name in implementation.argnames])
        except Exception as failure:  # noqa: BLE001 (who looks on never harms the call)
            said = f"an observe_call hook raised {type(failure).__name__}: {failure}"
            warnings.warn(said, HookWarning, stacklevel=2)
            continue
        if observer is not None:
            observers.append(cast("Observer", observer))
    return Observation(observers) if observers else None


def listener(
    backend: Backend, request: Request, operation: Capability = Capability.GENERATE, call: Call | None = None
) -> Listener:
    """Return what a call has to report, which is only what somebody listens to.

    Args:
        backend: The backend that is asked.
        request: The request as it goes out.
        operation: What is asked of the backend.
        call: The call, for its count of attempts; ``None`` if that is not to be told.
    """
    global _silent
    found = _of_calls()
    observation = observe(backend, operation, request.model, request) if "observe_call" in found else None
    if observation is None and _silent is not None and len(found) == ("observe_call" in found):
        return _silent  # Nothing to build for a call that nobody looks at after all.
    from .listening import Observed, listener

    if _silent is None:
        _silent = listener(manager().hook, (), backend, request)
    plain = listener(manager().hook, found, backend, request)
    return plain if observation is None else Observed(plain, observation, call)
