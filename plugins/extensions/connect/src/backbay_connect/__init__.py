"""Keys in the system's keyring or in a file of one's own, and sign-in by OAuth.

Names here are loaded when first used, since this package's hook is loaded by every program.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .keystore import KeyStore as KeyStore
    from .ledger import Saved as Saved
    from .places import KeyFileWarning as KeyFileWarning
    from .registrations import OAuthRegistration as OAuthRegistration
    from .registrations import load_registrations as load_registrations
    from .signing import SignedIn as SignedIn
    from .signing import sign_in as sign_in
    from .signing import sign_out as sign_out

_MODULE_OF = {
    "KeyFileWarning": "places",
    "KeyStore": "keystore",
    "OAuthRegistration": "registrations",
    "Saved": "ledger",
    "SignedIn": "signing",
    "load_registrations": "registrations",
    "sign_in": "signing",
    "sign_out": "signing",
}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        value: object = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
