"""What is offered where there is no configuration: the small local model, and every backend whose key is at hand."""

from __future__ import annotations

from backbay.connecting import find_credential
from backbay.errors import BackbayError, ConfigurationError
from backbay.registry import names, resolve
from backbay.spec import BackendSpec

from .config import GatewayConfig, Upstream

LOCAL = "local"
TINY = "tiny"
"""The model that ships with the local engine."""


def default_config() -> GatewayConfig:
    """Return the configuration. Nothing is sent; a plugin that does not work is left out.

    Raises:
        ConfigurationError: There is nothing to offer.
    """
    found = [upstream for name in names() if (upstream := _offered(name)) is not None]
    if not found:
        raise ConfigurationError(
            "There is no backend to offer: no vendor's key is in the environment, and no local engine is installed.",
            hint="Set a vendor's key, such as OPENAI_API_KEY; or pip install backbay-local; or give --config.",
        )
    return GatewayConfig(upstreams=tuple(found))


def _offered(name: str) -> Upstream | None:
    try:
        spec = resolve(name)
        if name == LOCAL:
            return Upstream(vendor=name, models={TINY: TINY})
        if not spec.speaks_http or not spec.credential_env or find_credential(spec) is None:
            return None
        return None if _lacks_a_part(spec) else Upstream(vendor=name)
    except BackbayError:
        return None


def _lacks_a_part(spec: BackendSpec) -> bool:
    """Whether the address has a part, such as an account's name, that nobody has said."""
    import os

    said = any(os.environ.get(name) for name in (*spec.base_url_env, *spec.host_env))
    parts = spec.url_parts.values()
    return not said and any(part.default is None and not any(map(os.environ.get, part.env)) for part in parts)
