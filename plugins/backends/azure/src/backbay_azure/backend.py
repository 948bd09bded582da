"""An Azure resource: which of its addresses a call goes to, and whether a key or a token goes with it."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from backbay.capabilities import Capability
from backbay.connecting import find_credential
from backbay.errors import ConfigurationError
from backbay.http import urls
from backbay.http.codec import HTTPRequest
from backbay.http.driver import HTTPBackend
from backbay.http.setup import base_url
from backbay.http.transport import TransportResponse
from backbay.settings import Settings
from backbay.spec import BackendSpec

VERSION_ENV = "OPENAI_API_VERSION"
"""Says the API version, as OpenAI's own client reads it."""

TOKEN_ENV = "AZURE_OPENAI_AD_TOKEN"  # noqa: S105 (the name of a variable)
"""Holds an access token, which goes into ``Authorization``."""

_V1 = ("v1", "latest", "preview")
"""Versions that mean the v1 path; while that was new, it had the last two in its query."""

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


class AzureBackend(HTTPBackend):
    """An HTTP backend that knows the paths of a resource, and Microsoft Entra ID."""

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        given, bearer = _identified(spec, _chosen(spec, settings or Settings()))
        at_home = given.base_url is None
        if spec.wires[0] == "anthropic_messages":
            self._version = None
            given = _with_base(given, "/anthropic", "/anthropic/v1")
        else:
            self._version = _version(spec, given)
            given = _at_version(spec, given, self._version)
        super().__init__(spec, model, given)
        self._at_home = at_home
        if bearer:
            self._auth_header = "Authorization"
        if "max_tokens" not in given.defaults and not self.capabilities().allows(Capability.MAX_TOKENS):
            # The spec's default is no wish of the caller's, who says that there is no such option.
            self._defaults.pop("max_tokens", None)

    async def _exchange(self, request: HTTPRequest) -> TransportResponse:
        if self._version is not None:
            request = replace(request, path=f"{request.path}?api-version={self._version}")
        return await super()._exchange(request)


def _chosen(spec: BackendSpec, settings: Settings) -> Settings:
    """Return settings in which a resource that the caller named counts for more than an address of the environment."""
    if settings.config.get("resource") is None or settings.base_url is None:
        return settings
    variables = [os.environ.get(name, "").strip() for name in spec.base_url_env]
    elsewhere = [urls.with_path(value, spec.base_path) for value in variables if value]
    return replace(settings, base_url=None) if elsewhere[:1] == [settings.base_url] else settings


def _identified(spec: BackendSpec, settings: Settings) -> tuple[Settings, bool]:
    """Return settings with the key or token that counts, and whether it is a token.

    Raises:
        ConfigurationError: ``auth`` is wrong, or both a key and a credential are given.
    """
    auth, credential, key = settings.config.get("auth"), settings.config.get("credential"), settings.api_key
    if auth not in (None, "entra"):
        raise ConfigurationError(f"{spec.name}: auth is {auth!r}; it may be 'entra'.", backend=spec.name)
    from_environment = key is not None and key.source.startswith("env:")
    if credential is not None:
        if key is not None and not from_environment:
            raise ConfigurationError(f"{spec.name}: give api_key or credential, not both.", backend=spec.name)
        return replace(settings, api_key=None), False
    if auth == "entra" and from_environment:
        key = find_credential(replace(spec, credential_env=(TOKEN_ENV,)))
        settings = replace(settings, api_key=key)
    return settings, key is not None and (auth == "entra" or key.source == f"env:{TOKEN_ENV}")


def _at_version(spec: BackendSpec, settings: Settings, version: str | None) -> Settings:
    """Return settings with the address of a version; ``None`` is the v1 path.

    Raises:
        ConfigurationError: The address has no v1 path, or nobody says what it is.
    """
    config = {name: value for name, value in settings.config.items() if name != "api_version"}
    inference = (settings.base_url or "").rstrip("/").endswith("/models")
    if version is None:
        if inference:
            raise ConfigurationError(
                f"{spec.name}: this address wants a dated version.",
                backend=spec.name,
                hint="Give api_version='2024-05-01-preview', or the address of the resource alone.",
            )
        return _with_base(replace(settings, config=config), "/openai", "/openai/v1")
    config["api_version"] = version
    url = settings.base_url if settings.base_url is not None else base_url(spec, settings.config)
    settings = _with_base(replace(settings, base_url=url, config=config), "/openai/v1", "/openai")
    if inference:
        # Azure AI's model inference: the body names the model, and there is no list in OpenAI's form (recorded).
        config["deployments"] = config.get("deployments") is True
        settings = replace(settings, capabilities={**_NO_LIST, **settings.capabilities})
    return settings


_NO_LIST = {"list_models": "unsupported", "health": "unsupported"}


def _version(spec: BackendSpec, settings: Settings) -> str | None:
    given = settings.config.get("api_version")
    source = "api_version"
    if given is None:
        given, source = os.environ.get(VERSION_ENV, "").strip() or None, VERSION_ENV
    if given is None or given in _V1:
        return None
    if not isinstance(given, str) or not _DATED.fullmatch(given):
        raise ConfigurationError(
            f"{spec.name}: {source} is {given!r}; it may be 'v1' or a date such as '2024-10-21'.", backend=spec.name
        )
    return given


def _with_base(settings: Settings, ending: str, better: str) -> Settings:
    """Return settings in which a base URL that ends in one path ends in another."""
    url = (settings.base_url or "").rstrip("/")
    return replace(settings, base_url=url.removesuffix(ending) + better) if url.endswith(ending) else settings
