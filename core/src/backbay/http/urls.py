"""Base URLs: checked once, joined with paths, and shown without what must not be shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from ..errors import ConfigurationError


def check_base_url(url: str, *, backend: str, allow_insecure_http: bool) -> str:
    """Return ``url`` without a trailing slash.

    Raises:
        ConfigurationError: It is no http(s) URL, has a user, a password, a query or a fragment, or is ``http`` to
            another machine without ``allow_insecure_http``.
    """
    if not isinstance(url, str) or any(c.isspace() or ord(c) < 32 for c in url.strip()):
        raise ConfigurationError(f"{backend}: the base URL is not a URL.", backend=backend)
    parts = _parts(url.strip())
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        # Not shown: what is no address may be a key in the wrong place, or have a password in it.
        raise ConfigurationError(
            f"{backend}: what was given is no base URL.",
            backend=backend,
            hint="Give the whole address, like https://api.example.com/v1 or http://127.0.0.1:8080/v1.",
        )
    shown = f"{parts.scheme}://{parts.hostname}"
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{backend}: the base URL {shown} has a user, a password, a query or a fragment.",
            backend=backend,
            hint="A key goes into api_key= or its environment variable.",
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname) and not allow_insecure_http:
        raise ConfigurationError(
            f"{backend}: {shown} would send prompts over the network in clear.",
            backend=backend,
            hint="Use https, or pass allow_insecure_http=True if you trust the network between.",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def _parts(url: str) -> SplitResult | None:
    """Return the parts of a URL; ``None`` if it cannot be split, or its port is none."""
    try:
        parts = urlsplit(url)
        good_port = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if good_port else None


def with_path(url: str, path: str) -> str:
    """Return ``url`` with ``path`` if it has no path of its own; what is no URL stays as it is."""
    if not isinstance(url, str):
        return url  # check_base_url says that it is none.
    rest = url.partition("://")[2]
    return url.rstrip("/") + path if path and not rest.rstrip("/").count("/") else url


def from_host(host: str, default: str | None) -> str:
    """Return the base URL of ``host``, ``host:port``, ``:port`` or a URL.

    A missing port is ``default``'s; ``0.0.0.0``, which a server listens on and nobody can call, becomes this machine.
    """
    if "://" in host:
        return host
    name, _, port = host.rpartition(":") if host.rpartition(":")[2].isdecimal() else (host, "", "")
    usual = urlsplit(default or "").port
    port = port or (str(usual) if usual else "")
    if name in ("", "0.0.0.0", "[::]", "::"):  # noqa: S104 (an address that is replaced)
        name = "127.0.0.1"
    return f"http://{name}:{port}" if port else f"http://{name}"


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by name or address. Names other than ``localhost`` are not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def join(base_url: str, path: str) -> str:
    """Return ``path`` below ``base_url``; a leading ``../`` goes up, but never above the host."""
    return urljoin(f"{base_url}/", path) if path.startswith("..") else f"{base_url}/{path}"


def origin(url: str) -> str:
    """Return scheme, host and port of ``url``, in lower case."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or default}"
