"""The system's own keyring: one of four products, each by its class, and never what else claims to be a keyring.

The library that speaks to them would let a variable, a file or any installed package choose another one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from backbay.errors import BackbayError, ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "backbay"
LIMIT = 5.0
"""Seconds that a keyring may take, which is long enough for none to ask a person for a password."""

PRODUCTS = {
    "darwin": {"macOS Keychain": "keyring.backends.macOS.Keyring"},
    "win32": {"Windows Credential Manager": "keyring.backends.Windows.WinVaultKeyring"},
}
"""The keyrings of a platform, by product; the first that is there is used."""

FREEDESKTOP = {
    "Secret Service": "keyring.backends.SecretService.Keyring",
    "KWallet": "keyring.backends.kwallet.DBusKeyring",
}
"""Those of every other platform."""

_FILE_HINT = "--file keeps it in a file that only you can read."


class SystemKeyring:
    """Passwords of the service ``backbay``. Each method takes at most ``limit`` seconds.

    Every method raises ``ConfigurationError``; ``code`` says what is wrong: ``"keyring_absent"``, ``"keyring_locked"``,
    ``"keyring_hangs"`` or ``"keyring_failed"``.

    Args:
        limit: Seconds.
    """

    def __init__(self, *, limit: float = LIMIT) -> None:
        self._limit = limit

    def product(self) -> str:
        """Return the name of the product that is used."""
        return self._within(lambda: _load()[0])

    def read(self, name: str) -> str | None:
        """Return what is kept under a name, or ``None``."""
        found = self._within(lambda: _load()[1].get_password(SERVICE, name))
        return found if isinstance(found, str) else None

    def write(self, name: str, secret: Callable[[], str]) -> str:
        """Keep what ``secret`` returns under a name, in place of what was there; return the product."""

        def store() -> str:
            product, backend = _load()
            backend.set_password(SERVICE, name, secret())
            return product

        return self._within(store)

    def remove(self, name: str) -> None:
        """Remove what is kept under a name, if it is there."""

        def delete() -> None:
            _, backend = _load()
            if backend.get_password(SERVICE, name) is not None:
                backend.delete_password(SERVICE, name)

        self._within(delete)

    def _within(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` gives, on a thread that is left to itself when the limit is over."""
        outcome: list[Callable[[], T]] = []

        def answer() -> None:
            try:
                with _our_errors():
                    value = ask()
            except BackbayError as failure:
                outcome.append(_raiser(failure))
            else:
                outcome.append(lambda: value)

        thread = threading.Thread(target=answer, name="backbay-keyring", daemon=True)
        thread.start()
        thread.join(self._limit)
        if not outcome:
            raise ConfigurationError(
                f"The system's keyring did not answer within {self._limit:g} s.",
                code="keyring_hangs",
                hint=f"It may be asking for a password: unlock it, and try again. {_FILE_HINT}",
            )
        return outcome[0]()


def _load() -> tuple[str, KeyringBackend]:
    """Return the first keyring of this platform that is there."""
    from keyring.core import load_keyring

    tried = []
    for product, path in PRODUCTS.get(sys.platform, FREEDESKTOP).items():
        try:
            return product, load_keyring(path)
        except Exception as failure:  # noqa: BLE001 (what it raises where it cannot work depends on why, as without a D-Bus)
            tried.append(f"{product} ({type(failure).__name__})")
    raise ConfigurationError(
        f"There is no keyring on this system that Backbay uses: {', '.join(tried)} cannot be used.",
        code="keyring_absent",
        hint=_FILE_HINT,
    )


@contextmanager
def _our_errors() -> Iterator[None]:
    """Turn what a keyring raises into our errors. Its words are left out: nobody knows what they repeat."""
    from keyring.errors import InitError, KeyringLocked

    try:
        yield
    except BackbayError:
        raise
    except (KeyringLocked, InitError):
        raise ConfigurationError(
            "The system's keyring is locked.", code="keyring_locked", hint=f"Unlock it, and try again. {_FILE_HINT}"
        ) from None
    except Exception as failure:  # noqa: BLE001 (each product has errors of its own)
        raise ConfigurationError(
            f"The system's keyring failed: {type(failure).__name__}.",
            code="keyring_failed",
            hint=f"It may be locked, or take no secret of this size. {_FILE_HINT}",
        ) from None


def _raiser(failure: BaseException) -> Callable[[], Any]:
    def raise_it() -> None:
        raise failure

    return raise_it
