"""Signatures of AWS (version 4) by botocore, with the credentials that botocore finds.

botocore looks for credentials in its own order: variables, profiles, single sign-on, containers, the machine's role.
All of its I/O is done on another thread.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import re
import threading
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from backbay.errors import AuthenticationError, BackbayError, ConfigurationError, MissingCredentialError
from backbay.spec import BackendSpec

KEY_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"
"""Names the variable with a key, which does without signatures."""

RUNTIME, MANTLE = "bedrock", "bedrock-mantle"
"""The services that a signature may be for. botocore's models of the runtime and the control plane have the first."""

_INSTALL = "pip install 'backbay-bedrock[sigv4]'"
_LOG_IN = f"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or set {KEY_VARIABLE}."
_AWS_HOST = re.compile(
    r"(?P<name>bedrock(?:-runtime|-mantle)?)(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com|api\.aws)"
)
_KEPT = 6


class Credentials(Protocol):
    """What is used of ``botocore.credentials.ReadOnlyCredentials``."""

    access_key: str
    secret_key: str
    token: str | None


class SigV4Authorizer:
    """Signs each request, with credentials that botocore renews when they run out.

    Args:
        spec: The backend's declaration: its wire says which service a signature is for.
        config: ``profile`` may name a profile of AWS's configuration, and ``region`` the region.

    Raises:
        ConfigurationError: ``profile`` is no string.
        MissingCredentialError: botocore is not installed.
    """

    def __init__(self, spec: BackendSpec, config: Mapping[str, object]) -> None:
        self._backend = spec.name
        if importlib.util.find_spec("botocore") is None:
            raise MissingCredentialError(
                f"{spec.label} wants a key, or botocore for AWS credentials, which is not installed.",
                backend=spec.name,
                hint=f"Set {KEY_VARIABLE}, pass api_key=, or {_INSTALL}.",
            )
        profile = config.get("profile")
        if profile is not None and not isinstance(profile, str):
            raise ConfigurationError(
                f"{spec.name}: profile is a {type(profile).__name__}; give its name.", backend=spec.name
            )
        self._profile = profile
        # At an address that is not AWS's own, the wire says which service is behind it.
        self._usual_service = MANTLE if spec.wires[0].startswith("openai_") else RUNTIME
        part = spec.url_parts["region"]
        self._region = str(config.get("region") or next((os.environ[v] for v in part.env if os.environ.get(v)), ""))
        self._session: Any = None
        self._credentials: Any = None
        self._secrets: list[str] = []
        self._lock = threading.Lock()

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Return the signature of one request, and what is signed with it: the time, and a session's token.

        Raises:
            AuthenticationError: The credentials have run out, and cannot be renewed.
            ConfigurationError: Nobody says which region the signature is for.
            MissingCredentialError: There are no credentials on this machine, or no such profile.
        """
        return await asyncio.to_thread(self._signed, method, url, headers, body)

    def secrets(self) -> Sequence[str]:
        """Return secret keys and session tokens: the present ones, and those before, which a late error may hold."""
        return tuple(self._secrets)

    def _signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        with self._lock:
            credentials = self._frozen()
            region = self._region or self._region_of(url)
        signed = {name: value for name, value in headers.items() if name.lower() == "content-type"}
        request = _library("botocore.awsrequest").AWSRequest(method=method, url=url, data=body, headers=signed)
        _library("botocore.auth").SigV4Auth(credentials, self._service_of(url), region).add_auth(request)
        return {name.lower(): value for name, value in request.headers.items() if name not in signed}

    def _frozen(self) -> Credentials:
        """Return credentials that are good now. Blocks."""
        exceptions = _library("botocore.exceptions")
        problem: BackbayError
        try:
            if self._session is None:
                self._session = _library("botocore.session").Session(profile=self._profile)
            if self._credentials is None:
                self._credentials = self._session.get_credentials()
            found = None if self._credentials is None else self._credentials.get_frozen_credentials()
        except (exceptions.ProfileNotFound, exceptions.PartialCredentialsError) as failure:
            self._session = None
            problem = MissingCredentialError(f"{self._backend}: {failure}", backend=self._backend, hint=_LOG_IN)
        except (exceptions.BotoCoreError, exceptions.ClientError) as failure:
            words = self._clean(str(failure))
            problem = AuthenticationError(f"AWS gives no credentials: {words}", backend=self._backend, hint=_LOG_IN)
        else:
            if found is not None and found.access_key and found.secret_key:
                self._remember(found)
                return cast("Credentials", found)
            problem = MissingCredentialError(
                f"{self._backend}: there is no key, and botocore finds no AWS credentials on this machine.",
                backend=self._backend,
                hint=_LOG_IN,
            )
        # Raised here, so that what the library says, which may hold a secret, is not chained.
        raise problem

    def _remember(self, found: Credentials) -> None:
        fresh = [text for text in (found.secret_key, found.token) if text and text not in self._secrets]
        self._secrets = [*self._secrets, *fresh][-_KEPT:]

    def _service_of(self, url: str) -> str:
        host = _AWS_HOST.search(urlsplit(url).hostname or "")
        if host is None:
            return self._usual_service
        return MANTLE if host["name"] == MANTLE else RUNTIME

    def _region_of(self, url: str) -> str:
        """Return the region that the host names, or else that of the profile."""
        host = _AWS_HOST.search(urlsplit(url).hostname or "")
        found = host["region"] if host else self._session.get_config_variable("region")
        if not found:
            raise ConfigurationError(
                f"{self._backend}: a signature is for one region, and nobody says which.",
                backend=self._backend,
                hint="Give region=, or set AWS_REGION.",
            )
        return str(found)

    def _clean(self, words: str) -> str:
        for text in self._secrets:
            words = words.replace(text, "…")
        return words[:500]


def _library(name: str) -> ModuleType:
    # By name, since the library is an extra, and slow to import.
    return importlib.import_module(name)
