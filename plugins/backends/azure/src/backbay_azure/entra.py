"""Access tokens of Microsoft Entra ID, from Microsoft's own library or from the caller.

``DefaultAzureCredential`` looks in its own order: environment, workload identity, managed identity, ``az login``. All
that may block is done on another thread.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, cast

from backbay.errors import (
    AuthenticationError,
    BackbayError,
    ConfigurationError,
    ConnectError,
    MissingCredentialError,
)
from backbay.secrets import redact
from backbay.spec import BackendSpec

SCOPE = "https://cognitiveservices.azure.com/.default"
"""What the token is for. Source: Microsoft's pages on Azure OpenAI with Entra ID, and on Claude in Foundry."""

EARLY = 300.0
"""Seconds before its end from which on a token is not used any more."""

_LIBRARY = "azure.identity"
_INSTALL = "pip install 'backbay-azure[entra]'"
_SIGN_IN = "Run `az login`, set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or pass api_key=."
_UNREACHABLE = frozenset({"ServiceRequestError", "ServiceResponseError", "OSError"})


class AccessToken(Protocol):
    """What is used of ``azure.core.credentials.AccessToken``."""

    token: str
    expires_on: int
    """Seconds since 1970 UTC."""


class EntraAuthorizer:
    """Adds an access token to each request, and gets a new one before it runs out.

    Args:
        spec: The backend's declaration, for errors.
        config: ``credential`` may be an object with ``get_token(scope)``, blocking or not, as azure-identity has them,
            or a function that returns a token, which is called for each request. ``scope`` is what the token is for.

    Raises:
        ConfigurationError: One of the two is of another kind.
        MissingCredentialError: There is neither a credential nor Microsoft's library.
    """

    def __init__(self, spec: BackendSpec, config: Mapping[str, object]) -> None:
        self._backend = spec.name
        scope = config.get("scope", SCOPE)
        if not isinstance(scope, str) or not scope.startswith("https://"):
            raise ConfigurationError(f"{spec.name}: scope is {scope!r}; give one like {SCOPE!r}.", backend=spec.name)
        self._scope = scope
        self._credential = config.get("credential")
        if self._credential is None and not _is_installed():
            raise MissingCredentialError(
                f"{spec.label} wants a key, or an access token of Microsoft Entra ID, and there is neither; "
                "azure-identity, which gets tokens, is not installed.",
                backend=spec.name,
                hint=f"Set {' or '.join(spec.credential_env)}, pass api_key=, or {_INSTALL}.",
            )
        if not (self._credential is None or hasattr(self._credential, "get_token") or callable(self._credential)):
            raise ConfigurationError(
                f"{spec.name}: credential is a {type(self._credential).__name__}; give a credential of azure-identity, "
                "or a function that returns an access token.",
                backend=spec.name,
            )
        self._found: tuple[str, float] | None = None
        self._tokens: list[str] = []

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Return the header with the token.

        Raises:
            AuthenticationError: Entra ID refuses the credential, or the function gave no token.
            ConnectError: Entra ID cannot be reached.
            MissingCredentialError: There is no credential on this machine.
        """
        if self._found is None or time.time() > self._found[1] - EARLY:
            self._found = await self._get()
        token = self._found[0]
        if token not in self._tokens:
            self._tokens = [*self._tokens[-1:], token]
        return {"authorization": f"Bearer {token}"}

    def secrets(self) -> Sequence[str]:
        """Return the tokens: the present one, and the one before it, which a late error may hold."""
        return tuple(self._tokens)

    async def _get(self) -> tuple[str, float]:
        """Return a token, and when it ends; one of a function is used once, since it keeps its own."""
        try:
            found = await self._ask()
        except BackbayError:
            raise
        except Exception as failure:  # noqa: BLE001 (a caller's function may raise anything)
            problem = self._explained(failure)
        else:
            token = found if isinstance(found, str) else getattr(found, "token", None)
            if isinstance(token, str) and token and token.isascii() and token.isprintable():
                return token, float(getattr(found, "expires_on", 0))
            problem = AuthenticationError("The credential gave no access token.", hint=_SIGN_IN)
        # Raised here, so that what the library says, which may hold a secret, is not chained.
        raise problem

    async def _ask(self) -> str | AccessToken:
        get_token = getattr(self._credential, "get_token", None)
        if self._credential is None:
            return await asyncio.to_thread(_default_token, self._scope)
        arguments = (self._scope,) if get_token is not None else ()
        ask = cast("Callable[..., object]", get_token or self._credential)
        if inspect.iscoroutinefunction(ask):
            found = await ask(*arguments)
        else:
            found = await asyncio.to_thread(ask, *arguments)
            if inspect.isawaitable(found):
                found = await cast("Awaitable[object]", found)
        return cast("str | AccessToken", found)

    def _explained(self, failure: Exception) -> BackbayError:
        words = self._clean(failure)
        kinds = {each.__name__ for each in type(failure).__mro__}
        if "CredentialUnavailableError" in kinds:
            return MissingCredentialError(
                f"There is no credential for Microsoft Entra ID: {words}", backend=self._backend, hint=_SIGN_IN
            )
        if kinds & _UNREACHABLE:
            return ConnectError(f"Microsoft Entra ID cannot be reached: {words}", retryable=True)
        return AuthenticationError(f"Microsoft Entra ID gives no token for this credential: {words}", hint=_SIGN_IN)

    def _clean(self, failure: Exception) -> str:
        words = " ".join((str(failure) or type(failure).__name__).split())
        for token in self._tokens:
            words = redact(words, token)
        return words[:500]


def _default_token(scope: str) -> AccessToken:
    """Return a token by the machine's own credential. Blocks."""
    # By name, since the library is an extra, and slow to import.
    identity = importlib.import_module(_LIBRARY)
    with identity.DefaultAzureCredential() as credential:
        return cast("AccessToken", credential.get_token(scope))


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(_LIBRARY) is not None
    except ModuleNotFoundError:
        return False  # Its parent package is not there.
