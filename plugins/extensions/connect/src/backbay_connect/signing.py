"""Signing in with a vendor and out again: which flow it has, what came of it, and where that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from backbay import hooks
from backbay.errors import ConfigurationError, UnknownBackendError
from backbay.http.sealing import unshown
from backbay.inference import InferenceBackend
from backbay.provider import Provider
from backbay.registry import resolve

from .endpoints import revoke
from .flows import KEY_FLOWS, LIMIT, Ask, KeyFlow, by_browser, by_device, by_key
from .keystore import KeyStore
from .ledger import Kind, Place, Saved, check_name
from .opening import tokens_saved
from .registrations import OAuthRegistration, load_registrations
from .tokens import Tokens
from .web import run


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What came of a sign-in, to be shown: nothing in it is secret.

    Attributes:
        saved: Where it is.
        account: Whose it is; ``""`` if the vendor did not say.
        scope: What it may do; ``""`` if nobody said.
        expires_at: When it ends if it is not renewed, in seconds of the epoch; ``None`` if that is not known.
        renews: Whether it renews itself.
    """

    saved: Saved
    account: str
    scope: str
    expires_at: float | None
    renews: bool


@dataclass(frozen=True, slots=True)
class SignedOut:
    """What came of a sign-out.

    Attributes:
        saved: What was removed.
        revoked: Whether the vendor took it back.
        keys_page: Where a person can take it back; ``""`` if it is not known, or not needed.
    """

    saved: Saved
    revoked: bool
    keys_page: str


@unshown
def sign_in(
    vendor: str,
    ask: Ask,
    *,
    clients: Sequence[OAuthRegistration] | None = None,
    store: KeyStore | None = None,
    place: Place = "keyring",
    device: bool = False,
    replace: bool = False,
    limit: float = LIMIT,
) -> SignedIn:
    """Sign in with a vendor and keep what that gives, so that ``connect("vendor:model")`` finds it.

    Args:
        vendor: A backend's name, or that of a saved provider.
        ask: Shows a person what to do.
        clients: The OAuth clients; ``None`` for those of the file.
        store: Where to keep it; ``None`` for the usual places.
        place: The keyring, or the file.
        device: Whether to sign in on another device.
        replace: Whether it may take the place of a key that is saved; that of a sign-in it takes always.
        limit: Seconds that the person has.

    Raises:
        ConfigurationError: The vendor has no OAuth, or its client is not there, or is disabled (``code`` is
            ``"oauth_client_not_connectable"``, ``status`` 400); or the name is taken, or the place cannot be used.
        RegistryError: There is no such backend or provider.
        AuthenticationError: The person or the vendor refused.
        LimitExceededError: Nobody came back within ``limit`` seconds.
        BackbayError: The vendor could not be asked.
    """
    store = store or KeyStore()
    check_name(vendor)
    flow = _flow(vendor, load_registrations() if clients is None else clients, device=device)
    there = store.find(vendor, place)
    _refuse_if_taken(there, replace=replace)
    _refuse_unusable(store, place)
    kind: Kind
    found: Tokens | None = None
    if isinstance(flow, KeyFlow):
        secret, account = run(lambda: by_key(flow, ask, limit=limit))
        kind = "key"
    else:
        way = by_device if device else by_browser
        found = run(lambda: way(flow, ask, limit=limit))
        secret, account, kind = found.dump(), found.account, "oauth"
    saved = store.save(vendor, secret, kind=kind, place=place, replace=True)
    return SignedIn(
        saved,
        account,
        found.scope if found else "",
        found.expires_at if found else None,
        found is None or found.refresh_token is not None,
    )


@unshown
def sign_out(vendor: str, *, store: KeyStore | None = None, forget: bool = False) -> SignedOut:
    """Give a sign-in back to the vendor, and remove it here.

    Args:
        vendor: The name that it is saved under.
        store: Where it is kept; ``None`` for the usual places.
        forget: Remove it here without asking the vendor.

    Raises:
        ConfigurationError: Nothing is saved under the name, or it cannot be read.
        BackbayError: The vendor did not take it back; it is still saved.
    """
    store = store or KeyStore()
    found = store.find(check_name(vendor))
    if found is None:
        raise ConfigurationError(
            f"Nothing is saved for {vendor}.", code="not_saved", hint="`backbay keys list` shows what there is."
        )
    revoked = False
    if found.kind == "oauth" and not forget:
        tokens = tokens_saved(store, found)
        revoked = run(lambda: revoke(tokens))
    store.remove(found)
    page = KEY_FLOWS[vendor].keys_page if found.kind == "key" and vendor in KEY_FLOWS else ""
    return SignedOut(found, revoked, page)


def _flow(vendor: str, clients: Sequence[OAuthRegistration], *, device: bool) -> KeyFlow | OAuthRegistration:
    """Return how one signs in with a vendor; errors as ``sign_in`` raises."""
    provider = _provider(vendor)
    spec = provider.spec
    if not provider.oauth_client and spec.name in KEY_FLOWS:
        if device:
            raise ConfigurationError(f"{spec.label or spec.name} has no device flow.", code="no_device_flow")
        return KEY_FLOWS[spec.name]
    label = spec.label or spec.name
    return cast("OAuthRegistration", InferenceBackend.of(provider).connect_oauth_client(label, clients))


def _provider(name: str) -> Provider:
    try:
        resolve(name)
    except UnknownBackendError:
        found = hooks.first("find_provider", name)
        if not isinstance(found, Provider):
            raise
        return found
    return Provider(name=name, backend_name=name)


def _refuse_if_taken(there: Saved | None, *, replace: bool) -> None:
    if there is not None and there.kind == "key" and not replace:
        raise ConfigurationError(
            f"A key is saved as {there.source} already.",
            code="name_taken",
            hint=f"Give --replace to overwrite it, or `backbay keys remove {there.name}` first.",
        )


def _refuse_unusable(store: KeyStore, place: Place) -> None:
    """Find out whether the place can be used before a person is sent to a browser."""
    if place == "keyring":
        store.product()
    else:
        store.entries()
