"""Access tokens for Vertex AI from Google's own library: service accounts, workload identity, a user's login.

The library looks for Application Default Credentials in its own order (GOOGLE_APPLICATION_CREDENTIALS, gcloud's file,
the metadata server of the machine). All of its I/O is done on another thread.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
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

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""What the token may do. Source: Vertex AI's references, Authorization scopes."""

FILE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
"""Names the file with the default credentials."""

_WANTED = ("google.auth", "requests")
_INSTALL = "pip install 'backbay-google[vertex]'"
_LOG_IN = f"Set {FILE_VARIABLE}, run `gcloud auth application-default login`, or pass api_key= (an access token)."


class GoogleAuthorizer:
    """Adds an access token to each request, and gets a new one when it runs out.

    Args:
        spec: The backend's declaration, for errors.
        config: ``credentials`` may be a ``google.auth`` credentials object, or the path of a service account's key
            file.

    Raises:
        ConfigurationError: ``credentials`` is neither.
        MissingCredentialError: Google's library is not installed, or the file that was named is not there.
    """

    def __init__(self, spec: BackendSpec, config: Mapping[str, object]) -> None:
        self._backend = spec.name
        missing = [name for name in _WANTED if not _is_installed(name)]
        if missing:
            raise MissingCredentialError(
                f"{spec.label} wants a key, or Google's library for credentials, and {' and '.join(missing)} is not "
                "installed.",
                backend=spec.name,
                hint=f"{_INSTALL}, or pass api_key= (an access token).",
            )
        given = config.get("credentials")
        self._credentials: Credentials | None = None
        self._file: str | None = None
        if isinstance(given, str | os.PathLike):
            self._file = os.fspath(given)
        elif given is not None and not (hasattr(given, "refresh") and hasattr(given, "token")):
            raise ConfigurationError(
                f"{spec.name}: credentials is a {type(given).__name__}; give a google.auth credentials object, or the "
                "path of a service account's key file.",
                backend=spec.name,
            )
        else:
            self._credentials = cast("Credentials | None", given)
        named = self._file or (os.environ.get(FILE_VARIABLE) if given is None else None)
        if named and not Path(named).expanduser().is_file():
            source = "credentials=" if self._file else FILE_VARIABLE
            raise MissingCredentialError(
                f"{spec.name}: there is no file {named!r}, which {source} names.", backend=spec.name, hint=_LOG_IN
            )
        self._tokens: list[str] = []
        self._lock = threading.Lock()

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Return the header with the token, and that of the project that pays, where the credentials name one.

        Raises:
            AuthenticationError: Google refuses the credentials.
            ConnectError: The server that gives tokens cannot be reached.
            MissingCredentialError: There are no credentials on this machine.
        """
        found = self._credentials
        if found is None or not found.valid:
            found = await asyncio.to_thread(self._refreshed)
        self._note(found.token)
        project = getattr(found, "quota_project_id", None)
        paying = {"x-goog-user-project": project} if project else {}
        return {"authorization": f"Bearer {found.token}", **paying}

    def secrets(self) -> Sequence[str]:
        """Return the tokens: the present one, and the one before it, which a late error may hold."""
        return tuple(self._tokens)

    def _refreshed(self) -> Credentials:
        """Return credentials with a token that is good now. Blocks."""
        exceptions = _library("google.auth.exceptions")
        with self._lock:
            try:
                found = self._credentials or self._find()
                self._credentials = found
                if not found.valid:
                    found.refresh(_library("google.auth.transport.requests").Request())
            except exceptions.DefaultCredentialsError as failure:
                problem: BackbayError = MissingCredentialError(
                    f"There are no Google credentials: {self._clean(failure)}", backend=self._backend, hint=_LOG_IN
                )
            except exceptions.TransportError as failure:
                problem = ConnectError(
                    f"The server that gives Google's tokens cannot be reached: {self._clean(failure)}", retryable=True
                )
            except (exceptions.GoogleAuthError, ValueError) as failure:
                problem = AuthenticationError(
                    f"Google gives no token for these credentials: {self._clean(failure)}",
                    retryable=bool(getattr(failure, "retryable", False)),
                    hint=_LOG_IN,
                )
            else:
                self._note(found.token)
                return found
        # Raised here, so that what the library says, which may hold a key, is not chained.
        raise problem

    def _note(self, token: str | None) -> None:
        if token and token not in self._tokens:
            self._tokens = [*self._tokens[-1:], token]

    def _find(self) -> Credentials:
        if self._file is None:
            found, _ = _library("google.auth").default(scopes=[SCOPE])
            return cast("Credentials", found)
        accounts = _library("google.oauth2.service_account").Credentials
        found = accounts.from_service_account_file(str(Path(self._file).expanduser()), scopes=[SCOPE])
        return cast("Credentials", found)

    def _clean(self, failure: Exception) -> str:
        words = str(failure.args[0]) if failure.args else type(failure).__name__
        for token in self._tokens:
            words = redact(words, token)
        return words[:500]


class Credentials(Protocol):
    """What is used of ``google.auth.credentials.Credentials``."""

    token: str | None

    @property
    def valid(self) -> bool:
        """Whether there is a token that has not run out."""

    def refresh(self, request: object) -> None:
        """Get a new token. Blocks."""


def _library(name: str) -> ModuleType:
    # By name, since the library is an extra, and slow to import.
    return importlib.import_module(name)


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False  # Its parent package is not there.
