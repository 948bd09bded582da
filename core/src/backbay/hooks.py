"""Hooks around every call: pluggy's, in the entry-point group ``backbay.hooks``, called only where somebody listens.

A hook that raises while it looks on (``after_response``, ``on_error``, ``on_event``) never harms the call: its failure
is a warning. What ``before_request`` raises stops the call before any I/O.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import pluggy

    from .backend import Backend
    from .errors import BackbayError
    from .events import Event
    from .request import Request
    from .response import Response
    from .secrets import SecretHolder
    from .stream import Listener

GROUP = "backbay.hooks"


class HookWarning(UserWarning):
    """A hook failed; the call went on."""


class SavedProvider(Protocol):
    """What ``find_provider`` gives: ``backbay.provider.Provider``, or what binds as it does."""

    def backend(self, model: str | None = None, /, **arguments: object) -> Backend:
        """Return a backend; the arguments are those of ``connect``, over what is saved."""


_manager: pluggy.PluginManager | None = None
_loaded = False
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

    def register_commands(self, app: object) -> None:
        """Add commands to the command line, a ``typer.Typer``."""

    def find_provider(self, name: str) -> SavedProvider | None:
        """Return what is saved under a name that no backend has, or ``None``. ``connect`` asks; the first counts."""

    def open_credential(self, source: str) -> SecretHolder | None:
        """Return the credential that ``"kind:name"`` names, or ``None`` if it is another plugin's. The first counts."""


_OF_CALLS = ("before_request", "after_response", "on_error", "on_event")
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
        _manager = pluggy.PluginManager("backbay")
        _manager.add_hookspecs(Specifications)
    return _manager


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
    from .discovery import hook_entry_points

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
    from .errors import BackbayError

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


def anybody() -> bool:
    """Whether a hook is there that looks at calls."""
    load()
    return _manager is not None and any(getattr(_manager.hook, name).get_hookimpls() for name in _OF_CALLS)


def before_request(backend: Backend, request: Request) -> Request:
    """Let each hook see and replace the request."""
    if not anybody():
        return request
    from .errors import PluginContractError
    from .request import Request

    for implementation in manager().hook.before_request.get_hookimpls():
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


def listener(backend: Backend, request: Request) -> Listener:
    """Return what a stream has to report, which is only what somebody listens to."""
    from .stream import Listener

    hook = manager().hook

    def quietly(name: str, **facts: object) -> None:
        try:
            getattr(hook, name)(backend=backend, request=request, **facts)
        except Exception as failure:  # noqa: BLE001 (a hook that looks on never harms the call)
            warnings.warn(f"a {name} hook raised {type(failure).__name__}: {failure}", HookWarning, stacklevel=2)

    def wanted(name: str) -> bool:
        return bool(getattr(hook, name).get_hookimpls())

    return Listener(
        on_event=(lambda event: quietly("on_event", event=event)) if wanted("on_event") else None,
        on_response=(lambda response: quietly("after_response", response=response))
        if wanted("after_response")
        else None,
        on_error=(lambda error: quietly("on_error", error=error)) if wanted("on_error") else None,
    )
