"""A vendor's key goes to the vendor: a variable alone does not take a key from another source elsewhere.

Else one variable, set by mistake or by somebody else, would send a key that the program gave, and every prompt, to
another. An address that the program itself gives is its own decision; an address and a key that both are in the
environment were put there together, as for a proxy.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import ConfigurationError
from ..secrets import Secret
from ..spec import BackendSpec
from . import urls


def check_key_origin(spec: BackendSpec, key: Secret | None, *, key_given: bool, url: str, url_from: str) -> None:
    """Refuse an address from the environment, that is not the vendor's, for a key from another source.

    Free are this machine, local engines, vendors whose own address is on this machine or is not known, and calls
    without a key. Where each account has a host of its own, any host of the same domain is the vendor's.

    Args:
        spec: The backend's declaration, on its wire.
        key: The key; ``None`` if there is none, or if the spec's authorizer finds it.
        key_given: Whether the caller gave it as an argument.
        url: The address.
        url_from: Where that is from: ``"base_url="``, or a variable's name.

    Raises:
        ConfigurationError: The key would go to another origin than the vendor's; no I/O has happened.
    """
    if url_from == "base_url=" or not (key_given or (key is None and spec.authorizer is not None)):
        return
    if spec.native or spec.default_base_url is None or _is_home(spec.default_base_url, url):
        return
    if urls.is_loopback(urlsplit(url).hostname or ""):
        return
    raise ConfigurationError(
        f"{url_from} leads to {urls.origin(url)}, and the key is for {spec.label or spec.name}.",
        backend=spec.name,
        hint="If that server may have it, give both base_url= and api_key=, or allow_key_elsewhere=True.",
    )


def _is_home(own: str, url: str) -> bool:
    host = urlsplit(own).hostname or ""
    if urls.is_loopback(host):
        return True
    if "{" not in host:
        return urls.origin(own) == urls.origin(url)
    domain = ".".join(host.rpartition("}")[2].split(".")[-2:])
    return not domain or (urlsplit(url).scheme == "https" and f".{urlsplit(url).hostname}".endswith(f".{domain}"))
