"""The ways to sign in: a browser that comes back to this machine, a code on another device, and OpenRouter's keys."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from backbay.errors import AuthenticationError, ConfigurationError, DecodeError
from backbay.secrets import Secret

from .endpoints import ask_device_code, exchange_code, wait_for_device
from .loopback import Loopback
from .registrations import OAuthRegistration
from .tokens import Tokens
from .web import post, refusal

LIMIT = 300.0
"""Seconds that a person has to sign in."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a person has to do.

    Attributes:
        address: Where to go; open it in the browser, or show it.
        user_code: What to type there; ``""`` if nothing.
    """

    address: str
    user_code: str = ""

    @property
    def site(self) -> str:
        """The host of the address, for the person to look at before typing anything."""
        return urlsplit(self.address).netloc


Ask = Callable[[Prompt], None]
"""Shows a person what to do. Called once, when everything is ready for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFlow:
    """A vendor that gives a key for a code, and wants no client registered.

    Attributes:
        authorization_endpoint: Where the browser goes.
        keys_endpoint: Where the code is exchanged.
        redirect_host: What the vendor takes as the host of the callback.
        keys_page: Where a person can take a key back.
    """

    authorization_endpoint: str
    keys_endpoint: str
    redirect_host: str
    keys_page: str


KEY_FLOWS: Mapping[str, KeyFlow] = {
    # openrouter.ai/docs/guides/overview/auth/oauth, read on 2026-11-21: callbacks to localhost on any port.
    "openrouter": KeyFlow(
        authorization_endpoint="https://openrouter.ai/auth",
        keys_endpoint="https://openrouter.ai/api/v1/auth/keys",
        redirect_host="localhost",
        keys_page="https://openrouter.ai/settings/keys",
    )
}
"""The flows that are built in, by the backend's name."""


async def by_browser(client: OAuthRegistration, ask: Ask, *, limit: float = LIMIT) -> Tokens:
    """Sign in with the authorisation code flow, with PKCE (RFC 7636) and a redirect to this machine (RFC 8252).

    Raises:
        AuthenticationError: The person or the vendor refused; ``code`` is the vendor's error, or
            ``"issuer_mismatch"`` if another server answered than the one that was asked.
        LimitExceededError: Nobody came back within ``limit`` seconds.
        ConfigurationError: The port is taken, or the client has no authorisation endpoint.
        BackbayError: The vendor could not be asked for the tokens.
    """
    if not client.authorization_endpoint:
        raise ConfigurationError(f"The OAuth client {client.name} has the device flow only.", hint="Give --device.")
    verifier, state = _random(), _random()
    listener = Loopback(host=client.redirect_host, port=client.redirect_port, path=client.redirect_path, state=state)
    async with listener:
        query = {
            **client.parameters,
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": listener.redirect,
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        if client.scopes:
            query["scope"] = " ".join(client.scopes)
        ask(Prompt(_with_query(client.authorization_endpoint, query)))
        found = await listener.wait(limit)
    _check(found, client.issuer)
    return await exchange_code(client, code=found["code"], verifier=verifier, redirect=listener.redirect)


async def by_device(client: OAuthRegistration, ask: Ask, *, limit: float = LIMIT) -> Tokens:
    """Sign in with a code that is typed on another device (RFC 8628).

    Raises:
        ConfigurationError: The client has no device flow.
        BackbayError: As ``endpoints.ask_device_code`` and ``wait_for_device`` raise.
    """
    if not client.device_authorization_endpoint:
        raise ConfigurationError(
            f"The OAuth client {client.name} has no device flow.",
            code="no_device_flow",
            hint="--no-browser shows an address to open on this machine.",
        )
    device = await ask_device_code(client)
    ask(Prompt(device.address, device.user_code))
    return await wait_for_device(client, device, limit)


async def by_key(flow: KeyFlow, ask: Ask, *, limit: float = LIMIT) -> tuple[Secret, str]:
    """Return a key for a code, with PKCE, and whose it is (``""`` if the vendor does not say).

    Raises:
        AuthenticationError: The person or the vendor refused.
        LimitExceededError: Nobody came back within ``limit`` seconds.
        BackbayError: The vendor could not be asked for the key.
    """
    verifier, state = _random(), _random()
    # There is no parameter for a state, so that it is part of the address that is come back to.
    listener = Loopback(host=flow.redirect_host, port=0, path="/callback", state=state, state_in_path=True)
    async with listener:
        query = {
            "callback_url": listener.redirect,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        ask(Prompt(_with_query(flow.authorization_endpoint, query)))
        found = await listener.wait(limit)
    _check(found, "")
    fields = {"code": found["code"], "code_verifier": verifier, "code_challenge_method": "S256"}
    answer = await post(flow.keys_endpoint, fields, as_json=True)
    if not 200 <= answer.status < 300 or not answer.text("key"):
        if answer.status in (400, 401, 403):
            raise AuthenticationError(
                f"{flow.keys_endpoint} refused the code.", status=answer.status, hint="Sign in again."
            )
        raise refusal(answer, flow.keys_endpoint, sent=fields, hint="Sign in again.")
    return Secret(answer.text("key"), source="connect"), answer.text("user_id")[:100]


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")


def _random() -> str:
    """Return 256 random bits as 43 characters."""
    return secrets.token_urlsafe(32)


def _check(found: Mapping[str, str], issuer: str) -> None:
    """Refuse a callback of another server (RFC 9207), and one that says that it did not work."""
    if issuer and "iss" in found and found["iss"] != issuer:
        raise AuthenticationError(
            "The answer is from another server than the one that was asked, and was refused.",
            code="issuer_mismatch",
            hint="Somebody may be trying to get at your sign-in. Is the client's issuer right?",
        )
    if found.get("error"):
        code = "".join(each for each in found["error"] if each.isalnum() or each in "_-.")[:64]
        said = "".join(each for each in found.get("error_description", "") if each.isprintable())[:200]
        raise AuthenticationError(
            f"The sign-in was refused: {code}" + (f" ({said})." if said else "."),
            code=code,
            hint="Sign in again, and agree.",
        )
    if "code" not in found:
        raise DecodeError("The vendor sent the browser back without a code.")


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
