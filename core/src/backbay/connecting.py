"""From a name string to a backend object: ``connect("vendor:model")``. Nothing here does I/O."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from . import credentials, transports
from .capabilities import Capabilities
from .credentials import find_credential as find_credential  # noqa: PLC0414 (it is imported from here)
from .errors import (
    BackbayError,
    ConfigurationError,
    MissingCredentialError,
    PluginContractError,
    UnknownBackendError,
)
from .http.sealing import unshown
from .limits import LimitsInput, as_limits
from .loading import load_attribute
from .registry import resolve, split
from .retry import RetryPolicy
from .secrets import Secret, SecretHolder, as_secret
from .settings import Settings, refuse_unknown
from .spec import BackendSpec

if TYPE_CHECKING:
    from .backend import Backend
    from .hooks import SavedProvider
    from .http.transport import Transport
    from .sync import SyncBackend

CONFIG = {
    "retries": "further attempts after a failed one",
    "defaults": "options that every call starts from",
    "capabilities": "support that is other than the plugin says, by capability",
}
"""What ``connect`` takes for every backend, besides its named parameters."""


@unshown
def connect(
    reference: str,
    *,
    api_key: str | SecretHolder | None = None,
    base_url: str | None = None,
    wire: str | None = None,
    limits: LimitsInput = None,
    transport: Transport | object | None = None,
    **config: object,
) -> Backend:
    """Return a backend by name. No I/O happens until its first call.

    Args:
        reference: ``"vendor:model"``, ``"vendor"``, or ``"vendor@distribution:model"``. A name that no backend has may
            be that of a saved provider, or of one of its models, where a catalogue is installed.
        api_key: The key; ``None`` takes the one that is saved for the backend, where a plugin keeps keys, or else that
            of the vendor's environment variables.
        base_url: The API's address; ``None`` takes the environment's, or else the vendor's own.
        wire: The wire to speak; ``None`` takes the vendor's first.
        limits: Limits of every call that sets none; seconds.
        transport: A ``Transport``, a caller's own ``httpx`` or ``httpx2`` ``AsyncClient``, or ``"aiohttp"``; ``None``
            for the default one.
        config: ``retries``, ``defaults``, ``capabilities``, and what the backend's spec declares.

    Raises:
        RegistryError: The name leads to no usable plugin.
        MissingCredentialError: The vendor wants a key and there is none; names the variables.
        ConfigurationError: Something else in the set-up cannot work.
    """
    try:
        given = _given(api_key)
    finally:
        del api_key  # From here on nothing that a traceback may show has it.
    name, model = split(reference)
    make: Callable[..., Backend]
    try:
        make = partial(build, resolve(name))
    except UnknownBackendError as unknown:
        make = _saved(name, unknown).backend
    return make(
        model,
        api_key=given,
        base_url=base_url,
        wire=wire,
        limits=limits,
        transport=transport,
        **config,
    )


@unshown
def build(
    spec: BackendSpec,
    model: str | None = None,
    *,
    api_key: str | SecretHolder | None = None,
    base_url: str | None = None,
    wire: str | None = None,
    limits: LimitsInput = None,
    transport: Transport | object | None = None,
    **config: object,
) -> Backend:
    """Return a backend of a spec, installed or not. Arguments and errors as in ``connect``, but for the registry's."""
    try:
        given = _given(api_key)
    finally:
        del api_key  # From here on nothing that a traceback may show has it.
    is_http, declared = spec.speaks_http, spec
    if not is_http:
        _refuse_http_arguments(spec, base_url=base_url, wire=wire, transport=transport)
    elif wire is not None or spec.wires[0] in spec.per_wire:
        spec = _on_wire(spec, wire or spec.wires[0])
    refuse_unknown(config, {**CONFIG, **(_http_config() if is_http else {}), **spec.arguments}, backend=spec.name)
    if given is None and (saved := credentials.find_saved(spec)) is not None:
        spec, config = credentials.with_bearer(spec, config) if credentials.is_oauth(saved) else (spec, config)
        given = credentials.read(saved, spec, source=f"saved:{spec.name}")
    key = _credential(spec, given)
    # Parts of the address that the caller gives are the caller's address: no variable's comes before them.
    in_parts = base_url is None and bool(spec.url_parts.keys() & config.keys())
    address = _base_url(spec, base_url) if is_http and not in_parts else None
    if address is not None and config.get("allow_key_elsewhere") is not True:
        _check_key_origin(spec, key, address, given=isinstance(given, Secret))
    settings = Settings(
        api_key=key,
        base_url=None if address is None else address[0],
        wire=wire,
        limits=as_limits(limits),
        retry=_retry(config.pop("retries", None)),
        defaults=_mapping("defaults", config.pop("defaults", None)),
        capabilities=_capabilities(config.pop("capabilities", None)),
        transport=transports.chosen(transport),
        config=config,
        declared=None if declared is spec else declared,
    )
    return _backend_class(spec)(spec, model, settings)


@unshown
def connect_sync(
    reference: str,
    *,
    api_key: str | SecretHolder | None = None,
    base_url: str | None = None,
    wire: str | None = None,
    limits: LimitsInput = None,
    transport: Transport | object | None = None,
    **config: object,
) -> SyncBackend:
    """Return a backend whose methods block. Arguments and errors as in ``connect``."""
    from .sync import SyncBackend

    try:
        backend = connect(
            reference,
            api_key=api_key,
            base_url=base_url,
            wire=wire,
            limits=limits,
            transport=transport,
            **config,
        )
    finally:
        del api_key
    return SyncBackend(backend)


def _saved(name: str, unknown: UnknownBackendError) -> SavedProvider:
    """Return the provider that is saved under a name; raises ``unknown`` where there is none."""
    from . import hooks

    try:
        found = hooks.first("find_provider", name)
    except BackbayError as failure:
        unknown.hint = f"{unknown.hint or ''} Saved providers could not be looked at: {failure.message}".strip()
        raise unknown from failure
    if found is None:
        broken = "; ".join(f"{plugin}: {reason}" for plugin, reason in hooks.failures.items())
        if broken:
            unknown.hint = f"{unknown.hint or ''} Not asked for saved providers, since they failed: {broken}".strip()
        raise unknown
    return cast("SavedProvider", found)


def _given(api_key: str | SecretHolder | None) -> Secret | Literal[""] | None:
    try:
        return None if api_key is None else "" if api_key == "" else as_secret(api_key)
    finally:
        del api_key


def _credential(spec: BackendSpec, given: Secret | Literal[""] | None) -> Secret | None:
    if isinstance(given, Secret):
        return given
    found = find_credential(spec) if given is None else None
    if found is None and spec.requires_credential and spec.authorizer is None:
        variables = " or ".join(spec.credential_env)
        raise MissingCredentialError(
            f"{spec.label or spec.name} wants a key, and there is none.",
            backend=spec.name,
            hint=f"Set {variables}, or pass api_key=." if variables else "Pass api_key=.",
        )
    return found


def _base_url(spec: BackendSpec, given: str | None) -> tuple[str, str] | None:
    """Return the address that the caller or the environment says, and who says it; ``None`` leaves it to the spec."""
    from .http.urls import from_host, with_path

    if given is not None:
        return with_path(given, spec.base_path), "base_url="
    for variable in spec.base_url_env:
        if os.environ.get(variable, "").strip():
            return with_path(os.environ[variable].strip(), spec.base_path), variable
    for variable in spec.host_env:
        if os.environ.get(variable, "").strip():
            return with_path(from_host(os.environ[variable].strip(), spec.default_base_url), spec.base_path), variable
    return None


def _check_key_origin(spec: BackendSpec, key: Secret | None, address: tuple[str, str], *, given: bool) -> None:
    from .http.keyorigin import check_key_origin
    from .http.urls import check_base_url

    # An address that is none is refused as such, and not as somebody else's.
    url = check_base_url(address[0], backend=spec.name, allow_insecure_http=True)
    check_key_origin(spec, key, key_given=given, url=url, url_from=address[1])


def _on_wire(spec: BackendSpec, wire: str) -> BackendSpec:
    try:
        return spec.on_wire(wire)
    except ValueError:
        raise ConfigurationError(
            f"{spec.name} does not speak the wire {wire!r}.",
            backend=spec.name,
            hint=f"It speaks {', '.join(spec.wires)}.",
        ) from None


def _http_config() -> Mapping[str, str]:
    from .http.setup import CONFIG as HTTP_CONFIG

    return HTTP_CONFIG


def _refuse_http_arguments(spec: BackendSpec, **given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ConfigurationError(f"{spec.name} runs in this process and has no {name}.", backend=spec.name)


def _backend_class(spec: BackendSpec) -> type[Backend]:
    from .backend import Backend

    if spec.backend is None:
        from .http.driver import HTTPBackend

        return HTTPBackend
    found = load_attribute(spec.backend, what="backend", backend=spec.name)
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise PluginContractError(f"{spec.name} names {spec.backend} as its backend, and that is no Backend class.")
    return found


def _retry(value: object) -> RetryPolicy:
    if value is None:
        return RetryPolicy()
    if isinstance(value, RetryPolicy):
        return value
    try:
        return RetryPolicy(retries=value)  # type: ignore[arg-type]
    except ValueError as failure:
        raise ConfigurationError(str(failure)) from None


def _mapping(name: str, value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} must be a mapping, not a {type(value).__name__}.")
    return value


def _capabilities(value: object) -> Mapping[str, str]:
    given = _mapping("capabilities", value)
    try:
        Capabilities(given)  # type: ignore[arg-type]
    except ValueError as failure:
        raise ConfigurationError(f"capabilities: {failure}.") from None
    return given  # type: ignore[return-value]
