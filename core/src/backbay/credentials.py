"""Keys that are named by where they are, not by what they are: ``"env:OPENAI_API_KEY"``, ``"keyring:work"``.

Such a name can be stored and shown. Core reads the environment; every other kind is a plugin's, through the hook
``open_credential``.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Protocol, cast

from . import hooks
from .errors import ConfigurationError, MissingCredentialError
from .secrets import Secret, SecretHolder
from .spec import BackendSpec

OAUTH = "oauth"
"""The ``kind`` of a credential that is an OAuth access token."""

_SOURCE = re.compile(r"(?P<kind>[a-z][a-z0-9+-]{1,31}):(?P<name>[!-~]{1,512})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Credential(Protocol):
    """What a plugin gives for a source, or a program gives itself. Only the first method is needed.

    ``kind`` is ``"oauth"`` for an OAuth access token; anything else, and nothing, is a key. ``ensure_fresh()`` is
    called once before the secret is read, and may go to the network to renew it.
    """

    def get_secret_value(self) -> str:
        """Return the secret itself."""


def check_source(source: str) -> str:
    """Return ``source`` if it names where a key is.

    Raises:
        ConfigurationError: It does not. The message does not repeat it: somebody may have given the key itself.
    """
    found = _SOURCE.fullmatch(source)
    if found is None or (found["kind"] == "env" and not _VARIABLE.fullmatch(found["name"])):
        raise ConfigurationError(
            "A credential is named by where it is, and what was given is no such name.",
            hint='Write it like "env:OPENAI_API_KEY". A key itself is given as a Secret, and is never stored.',
        )
    return source


def open_source(source: str) -> SecretHolder:
    """Return the credential that a source names.

    Args:
        source: ``"env:NAME"``, or ``"kind:name"`` of a kind that an installed plugin opens.

    Raises:
        MissingCredentialError: The variable is not set, or is blank.
        InvalidCredentialError: The key could never be sent.
        ConfigurationError: ``source`` is no name of a source, or no installed plugin opens this kind.
    """
    kind, _, name = check_source(source).partition(":")
    if kind == "env":
        if not os.environ.get(name, "").strip():
            raise MissingCredentialError(f"The environment variable {name} is not set.", hint="Set it to the key.")
        return Secret(os.environ[name], source=source)
    found = hooks.first("open_credential", source)
    if found is None:
        raise ConfigurationError(
            f"No installed plugin opens credentials of the kind {kind!r}, or there is none named {source!r}.",
            hint="Keys in the environment are named env:NAME.",
        )
    if not isinstance(found, SecretHolder):
        raise ConfigurationError(f"The plugin that opens {source!r} gave a {type(found).__name__}, no credential.")
    return found


def read(credential: SecretHolder, spec: BackendSpec, *, source: str) -> Secret:
    """Return the secret of a credential, made fresh first where it can be. Nothing is sent to the vendor.

    Raises:
        ConfigurationError: It is an OAuth token, and the vendor takes keys only (``code`` is ``oauth_not_supported``).
        InvalidCredentialError: The secret is empty, or could never be sent.
    """
    if is_oauth(credential) and not spec.oauth_client:
        raise ConfigurationError(
            f"{spec.label or spec.name} takes keys, and this credential is an OAuth token.",
            backend=spec.name,
            code="oauth_not_supported",
            hint="Give a key.",
        )
    freshen = getattr(credential, "ensure_fresh", None)
    if callable(freshen):
        freshen()
    if isinstance(credential, Secret):
        return credential
    return Secret(credential.get_secret_value(), source=source)


def is_oauth(credential: object) -> bool:
    """Whether a credential says that it is an OAuth access token."""
    return cast("object", getattr(credential, "kind", None)) == OAUTH


def find_saved(spec: BackendSpec) -> SecretHolder | None:
    """Return the credential that an installed plugin keeps for a backend, as ``"saved:NAME"``, or ``None``.

    Raises:
        BackbayError: There is one, and it cannot be had, as from a keyring that is locked.
        ConfigurationError: The plugin gave something else than a credential.
    """
    found = hooks.first("open_credential", f"saved:{spec.name}")
    if found is not None and not isinstance(found, SecretHolder):
        raise ConfigurationError(f"The plugin that keeps keys gave a {type(found).__name__}, no credential.")
    return found


def find_credential(spec: BackendSpec) -> Secret | None:
    """Return the key that the environment has for a backend, or ``None``. Blank variables count as not set.

    Raises:
        InvalidCredentialError: The first variable that is set could never be sent in a header.
    """
    for variable in spec.credential_env:
        value = os.environ.get(variable, "")
        if value.strip():
            try:
                return Secret(value, source=f"env:{variable}")
            finally:
                del value
    return None


def with_bearer(spec: BackendSpec, settings: dict[str, object]) -> tuple[BackendSpec, dict[str, object]]:
    """Let an OAuth token go where RFC 6750 has it, whichever header the vendor's keys have."""
    if "auth_header" in spec.arguments:
        settings = {"auth_header": "Authorization", **settings}
    return replace(spec, auth_header="Authorization"), settings
