"""What an HTTP backend is made of, before its first call: its address, its codec, its headers. No I/O."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, cast

from ..discovery import core
from ..errors import ConfigurationError
from ..loading import load_attribute
from ..settings import Settings
from ..spec import BackendSpec, URLPart
from ..wires import WIRES
from .codec import Authorizer, AuthorizerClass, Codec, CodecClass

CONFIG = {
    "headers": "further headers of every request",
    "allow_insecure_http": "let http:// go to another machine",
    "allow_key_elsewhere": "let the key go to an address that is not the vendor's",
}
"""What ``connect`` takes for every HTTP backend, besides what its spec declares."""

_URL_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

OURS = frozenset(
    "accept-encoding connection content-encoding content-length content-type host te transfer-encoding upgrade".split()
)


def base_url(spec: BackendSpec, config: Mapping[str, object]) -> str:
    """Return the spec's own address, with its placeholders filled in.

    Raises:
        ConfigurationError: It has none, or nobody says what a placeholder is; the message names the argument and the
            variable.
    """
    if spec.default_base_url is None:
        variables = f" or set {spec.base_url_env[0]}" if spec.base_url_env else ""
        raise ConfigurationError(
            f"{spec.name} has no address of its own.", backend=spec.name, hint=f"Give base_url={variables}."
        )
    filled = spec.default_base_url
    for name, part in spec.url_parts.items():
        filled = filled.replace(f"{{{name}}}", _url_part(spec, name, part, config.get(name)))
    return filled


def _url_part(spec: BackendSpec, name: str, part: URLPart, given: object) -> str:
    value = given
    if value is None:
        value = next((os.environ[variable] for variable in part.env if os.environ.get(variable)), part.default)
    if value is None:
        variables = f" or set {' or '.join(part.env)}" if part.env else ""
        raise ConfigurationError(
            f"{spec.name} wants {name}: {part.about}.",
            backend=spec.name,
            hint=f"Give {name}={variables}, or base_url=.",
        )
    # A slash, a colon or an at sign could lead to another host.
    if not isinstance(value, str) or not _URL_PART.fullmatch(value):
        raise ConfigurationError(
            f"{spec.name}: {name} may have letters, digits, dots, hyphens and underscores only.", backend=spec.name
        )
    return value


def codec(spec: BackendSpec, settings: Settings, *, at_home: bool) -> Codec:
    """Return the codec of the spec's first wire, with the vendor's quirks and the caller's settings over them.

    Args:
        spec: The backend's declaration.
        settings: How the backend is set up.
        at_home: Whether the base URL is the vendor's own, so that ``own_quirks`` hold.

    Raises:
        ConfigurationError: This version of Backbay does not have the wire.
        BackendImportError: The plugin's codec cannot be loaded.
    """
    wire = spec.wires[0]
    path = spec.codec if spec.codec is not None else WIRES.get(wire)
    if path is None:
        raise ConfigurationError(
            f"{spec.name} names the wire {wire!r}, which this version of backbay does not have.",
            backend=spec.name,
            hint=f"It has {', '.join(sorted(WIRES))}; a wire of a plugin's own is named by codec.",
        )
    codec_class = cast("CodecClass", load_attribute(path, what="codec", backend=spec.name))
    own: Mapping[str, object] = spec.own_quirks if at_home else {}
    chosen = {key: value for key, value in settings.config.items() if key in spec.config}
    return codec_class(spec, {**spec.quirks, **own, **chosen})


def authorizer(spec: BackendSpec, settings: Settings) -> Authorizer | None:
    """Return what signs requests; ``None`` where there is a key, or where the spec names nothing.

    Raises:
        MissingCredentialError: There is nothing to sign with.
        BackendImportError: The plugin's class cannot be loaded.
    """
    if spec.authorizer is None or settings.api_key is not None:
        return None
    found = cast("AuthorizerClass", load_attribute(spec.authorizer, what="authorizer", backend=spec.name))
    return found(spec, settings.config)


def headers(spec: BackendSpec, settings: Settings, codec: Codec) -> tuple[tuple[str, str], ...]:
    """Return the headers of every request, but for the key's and those that frame a body.

    Raises:
        ConfigurationError: A header is one that Backbay writes, or has characters that no header may have.
    """
    installed = core()
    found = {
        "accept": "application/json, text/event-stream",
        "user-agent": f"backbay/{installed.version}" if installed else "backbay",
    }
    found |= {name.lower(): value for name, value in (*spec.headers.items(), *codec.headers.items())}
    auth_header = (codec.auth_header or spec.auth_header).lower()
    for name, variable in spec.header_env.items():
        if os.environ.get(variable):
            found[name.lower()] = os.environ[variable]
    given: Any = settings.config.get("headers", {})
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{spec.name}: headers must be a mapping of names to values.", backend=spec.name)
    for name, value in ((str(name), value) for name, value in given.items()):
        if name.lower() == auth_header and settings.api_key is not None:
            raise ConfigurationError(f"{spec.name}: {name} is the key's header; use api_key=.", backend=spec.name)
        if name.lower() in OURS:
            raise ConfigurationError(f"{spec.name}: {name} is a header that Backbay writes.", backend=spec.name)
        found[name.lower()] = str(value)
    for name, value in found.items():
        if not name.isascii() or not value.isascii() or any(c in "\r\n\0" for c in name + value):
            raise ConfigurationError(f"{spec.name}: the header {name!r} has characters that no header may have.")
    return tuple(found.items())
