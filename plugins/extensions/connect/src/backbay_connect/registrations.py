"""OAuth clients that somebody registered with a vendor, as data: a file in TOML, or objects of a program."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from backbay.errors import ConfigurationError
from backbay.http.urls import is_loopback
from backbay.inference import OAuthClient

from .places import clients_file

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "revocation_endpoint")
_HOSTS = ("127.0.0.1", "localhost")
_OWNED = frozenset(
    "response_type client_id redirect_uri scope state code_challenge code_challenge_method grant_type code".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthRegistration(OAuthClient):
    """An OAuth client with all that is needed to sign in. Nothing is discovered: endpoints are what stands here.

    Attributes:
        client_id: As the vendor gave it.
        token_endpoint: Where codes and refresh tokens are exchanged (RFC 6749, 3.2).
        authorization_endpoint: Where the browser goes (RFC 6749, 3.1); ``""`` if there is only the device flow.
        device_authorization_endpoint: Where a device code is asked for (RFC 8628, 3.1); ``""`` if there is none.
        revocation_endpoint: Where tokens are given back (RFC 7009); ``""`` if nowhere.
        issuer: What ``iss`` of a callback must be, if it has one (RFC 9207); ``""`` if that is not known.
        scopes: What is asked for.
        client_secret: Only where the vendor insists; in a program on people's machines it is no secret.
        redirect_host: ``"127.0.0.1"`` (RFC 8252, 7.3), or ``"localhost"`` where a vendor takes only that.
        redirect_port: The port of the redirect, where the vendor wants a certain one; 0 for any that is free.
        redirect_path: Its path.
        parameters: Further parameters of the authorisation request.
    """

    client_id: str
    token_endpoint: str
    authorization_endpoint: str = ""
    device_authorization_endpoint: str = ""
    revocation_endpoint: str = ""
    issuer: str = ""
    scopes: tuple[str, ...] = ()
    client_secret: str = field(default="", repr=False)
    redirect_host: str = "127.0.0.1"
    redirect_port: int = 0
    redirect_path: str = "/callback"
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ConfigurationError(f"The OAuth client {self.name!r}: {problem}.", code="oauth_client_invalid")

    def _problems(self) -> list[str]:
        found = []
        if not self.client_id or not self.token_endpoint:
            found.append("it needs a client_id and a token_endpoint")
        if not self.authorization_endpoint and not self.device_authorization_endpoint:
            found.append("it needs an authorization_endpoint or a device_authorization_endpoint")
        unsafe = [each for each in _ENDPOINTS if getattr(self, each) and not is_safe_url(getattr(self, each))]
        found += [
            f"{each} must be an https URL without user and fragment (http on this machine only)" for each in unsafe
        ]
        if self.redirect_host not in _HOSTS:
            found.append("redirect_host must be 127.0.0.1 or localhost")
        if not 0 <= self.redirect_port < 65536 or not self.redirect_path.startswith("/") or "?" in self.redirect_path:
            found.append("redirect_port must be a port or 0, and redirect_path begin with / and have no query")
        if taken := sorted(_OWNED & self.parameters.keys()):
            found.append(f"parameters may not set {', '.join(taken)}")
        return found

    def document(self) -> dict[str, object]:
        """Return its fields as JSON has them, the client's secret included."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**found, "scopes": list(self.scopes), "parameters": dict(self.parameters)}


def is_safe_url(url: str) -> bool:
    """Whether a secret may be sent to a URL: https, or this machine."""
    try:
        parts = urlsplit(url)
        plain = not any(character.isspace() or ord(character) < 32 for character in url)
        fine = plain and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment and parts.port != 0
    except ValueError:
        return False
    return fine and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")))


def registration_of(document: Mapping[str, object]) -> OAuthRegistration:
    """Return the client that a mapping describes.

    Raises:
        ConfigurationError: A field is missing, unknown, of the wrong type or of no use.
    """
    name = document.get("name")
    types = {"enabled": bool, "redirect_port": int, "scopes": list, "parameters": Mapping}
    known = {each.name for each in fields(OAuthRegistration)}
    for key, value in document.items():
        if key not in known:
            raise ConfigurationError(f"The OAuth client {name!r} has {key!r}, which there is not.")
        wanted = types.get(key, str)
        inner = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
        if not isinstance(value, wanted) or not all(isinstance(each, str) for each in inner):
            raise ConfigurationError(f"The OAuth client {name!r}: {key} has a value of the wrong type.")
    if missing := [key for key in ("name", "client_id", "token_endpoint") if not document.get(key)]:
        raise ConfigurationError(f"An OAuth client ({name!r}) lacks {', '.join(missing)}.")
    given = {**document, "scopes": tuple(cast("Sequence[str]", document.get("scopes", ())))}
    return OAuthRegistration(**cast("dict[str, Any]", given))


def load_registrations(path: Path | None = None) -> Sequence[OAuthRegistration]:
    """Return the OAuth clients of a file, ``()`` if there is none.

    Args:
        path: A TOML file of tables ``[[client]]``; ``None`` for ``BACKBAY_OAUTH_CLIENTS``, or else
            ``oauth-clients.toml`` in the person's own folder for settings.

    Raises:
        ConfigurationError: The file cannot be read, or a client in it could never work.
    """
    where = path or clients_file()
    try:
        document = tomllib.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as failure:
        raise ConfigurationError(f"{where} cannot be read: {type(failure).__name__}.", hint=str(failure)) from None
    listed = document.get("client", [])
    if not isinstance(listed, list) or document.keys() - {"client"}:
        raise ConfigurationError(f"{where} may have tables [[client]] and nothing else.")
    return tuple(registration_of(each) for each in listed)
