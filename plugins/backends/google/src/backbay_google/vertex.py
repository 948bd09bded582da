"""Vertex AI: an address by location and project, and keys of two kinds.

Source: Google's Python SDK for the hosts, and the reference of Vertex AI in express mode.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from backbay.capabilities import Capability
from backbay.connecting import find_credential
from backbay.errors import ConfigurationError, MissingCredentialError
from backbay.http.driver import HTTPBackend
from backbay.http.setup import base_url
from backbay.settings import Settings

if TYPE_CHECKING:
    from backbay.secrets import Secret
    from backbay.spec import BackendSpec

_REGION_HOST = "https://{location}-aiplatform.googleapis.com"
_GLOBAL_HOST = "https://aiplatform.googleapis.com"
_MULTI_REGIONS = ("us", "eu")

EXPRESS_URL = f"{_GLOBAL_HOST}/v1/publishers/google"
"""Express mode has no projects and no locations."""

_EXPRESS_ENV = ("GOOGLE_API_KEY",)
_EXPRESS_HEADER = "x-goog-api-key"


class VertexBackend(HTTPBackend):
    """Vertex AI at the host of its location.

    A key is an access token, and is sent as a bearer; with ``express=True`` it is an API key. Without one, credentials
    are found as Google's libraries find them (``backbay_google.authorizer``).
    """

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        given = settings or Settings()
        express = _is_express(spec, given)
        if express and given.api_key is None:
            given = replace(given, api_key=_express_key(spec))
        at_home = given.base_url is None
        if at_home:
            given = replace(given, base_url=EXPRESS_URL if express else address(spec, given))
        super().__init__(spec, model, given)
        self._at_home = at_home
        if "max_tokens" not in given.defaults and not self.capabilities().allows(Capability.MAX_TOKENS):
            # The spec's default is no wish of the caller's, who says that there is no such option.
            self._defaults.pop("max_tokens", None)
        if express:
            self._auth_header = _EXPRESS_HEADER


def address(spec: BackendSpec, settings: Settings) -> str:
    """Return the base URL for the project and the location that are given, or that the environment says.

    Raises:
        ConfigurationError: There is no project, or one of the two cannot be part of an address.
    """
    location = settings.config.get("location")
    if location is None:
        part = spec.url_parts["location"]
        location = next((os.environ[name] for name in part.env if os.environ.get(name)), part.default)
    host = _REGION_HOST
    if location == "global":
        host = _GLOBAL_HOST
    elif location in _MULTI_REGIONS:
        host = "https://aiplatform.{location}.rep.googleapis.com"
    pattern = (spec.default_base_url or "").replace(_REGION_HOST, host)
    return base_url(replace(spec, default_base_url=pattern), settings.config)


def _is_express(spec: BackendSpec, settings: Settings) -> bool:
    express = settings.config.get("express", False)
    if not isinstance(express, bool):
        raise ConfigurationError(f"{spec.name}: express is {express!r}; it may be True or False.", backend=spec.name)
    if express and spec.wires[0] != "gemini":
        raise ConfigurationError(
            f"{spec.name}: express mode has Gemini's models only.", backend=spec.name, hint="Leave express out."
        )
    return express


def _express_key(spec: BackendSpec) -> Secret:
    found = find_credential(replace(spec, credential_env=_EXPRESS_ENV))
    if found is None:
        raise MissingCredentialError(
            f"{spec.label}: express mode wants an API key, and there is none.",
            backend=spec.name,
            hint=f"Set {_EXPRESS_ENV[0]}, or pass api_key=.",
        )
    return found
