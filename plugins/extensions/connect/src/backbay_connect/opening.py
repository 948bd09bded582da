"""What is saved as a credential: a key as it is, or a sign-in whose tokens renew themselves, once for everybody."""

from __future__ import annotations

import threading
import warnings
from typing import cast

from backbay.errors import BackbayError
from backbay.http.sealing import unshown
from backbay.secrets import Secret, SecretHolder

from .endpoints import refresh
from .keystore import KeyStore
from .ledger import Place, Saved, lock
from .places import KeyFileWarning
from .tokens import Tokens
from .web import LIMIT, run

_locks: dict[str, threading.Lock] = {}
_locks_lock = threading.Lock()


@unshown
def open_saved(kind: str, name: str, store: KeyStore | None = None) -> SecretHolder | None:
    """Return the credential that is saved under a name, or ``None``.

    Args:
        kind: ``"keyring"`` or ``"keyfile"`` for that place alone; ``"saved"`` for the first that has it; ``"oauth"``
            likewise, and only for a sign-in.
        name: The name.
        store: Where to look; ``None`` for the usual places.

    Raises:
        ConfigurationError: It is there and cannot be had.
    """
    store = store or KeyStore()
    place = cast("Place", kind) if kind in ("keyring", "keyfile") else None
    found = store.find(name, place)
    if found is None or (kind == "oauth" and found.kind != "oauth"):
        return None
    secret = store.read(found)
    return OAuthCredential(store, found, Tokens.load(secret)) if found.kind == "oauth" else secret


class OAuthCredential:
    """A sign-in as core takes it: an access token that is renewed before it is read.

    However many threads and processes find it old, one asks the vendor, and the others take what it got. The old
    tokens stay stored until the new ones are.

    Args:
        store: Where it is saved.
        saved: What it is saved as.
        tokens: What was read.
    """

    kind = "oauth"
    __slots__ = ("_saved", "_store", "tokens")

    def __init__(self, store: KeyStore, saved: Saved, tokens: Tokens) -> None:
        self._store = store
        self._saved = saved
        self.tokens = tokens

    def __repr__(self) -> str:
        return f"OAuthCredential(*** from {self._saved.source})"

    @unshown
    def ensure_fresh(self) -> None:
        """Renew the tokens if they are near their end, which may take time on the network.

        Raises:
            AuthenticationError: The vendor did not renew them, as where they were revoked.
            ConfigurationError: They cannot be renewed, or the place where they are cannot be used.
            LimitExceededError: Another process was at it for too long.
            BackbayError: The vendor could not be asked.
        """
        if self.tokens.fresh:
            return
        shared = self._store.folder / "locks" / f"{self._saved.place}-{self._saved.name}.lock"
        with _thread_lock(str(shared)), lock(shared, LIMIT + 10):
            stored = Tokens.load(self._store.read(self._saved))
            if stored.fresh:
                self.tokens = stored
                return
            try:
                renewed = run(lambda: refresh(stored))
            except BackbayError as failure:
                failure.hint = f"Sign in again: `backbay connect {self._saved.name}`."
                raise
            self.tokens = renewed
            self._keep(renewed)

    def get_secret_value(self) -> str:
        """Return the access token."""
        return self.tokens.access_token.reveal()

    def _keep(self, renewed: Tokens) -> None:
        """Store new tokens; where that fails they still serve this process, and a warning says what that means."""
        place, name = self._saved.place, self._saved.name
        try:
            self._store.save(name, renewed.dump(), kind="oauth", place=place, replace=True)
        except BackbayError as failure:
            warnings.warn(
                f"The renewed sign-in {name} could not be stored, so that the next program must sign in again: "
                f"{failure.message}",
                KeyFileWarning,
                stacklevel=3,
            )


def _thread_lock(name: str) -> threading.Lock:
    with _locks_lock:
        return _locks.setdefault(name, threading.Lock())


def tokens_saved(store: KeyStore, saved: Saved) -> Tokens:
    """Return what a sign-in gave; errors as ``KeyStore.read`` and ``Tokens.load`` raise."""
    secret: Secret = store.read(saved)
    return Tokens.load(secret)
