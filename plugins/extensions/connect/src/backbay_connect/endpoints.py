"""What is asked of a client's endpoints: tokens for a code, for a refresh token, for a device; and their end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from backbay.errors import ConfigurationError, LimitExceededError
from backbay.secrets import Secret

from .registrations import OAuthRegistration, is_safe_url
from .tokens import Tokens, tokens_of
from .web import Answer, post, refusal

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_AGAIN = "Sign in again with `backbay connect`."
_SLOWER = 5.0
"""Seconds that ``slow_down`` adds to the time between two questions (RFC 8628, 3.5)."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person needs to sign in on another device.

    Attributes:
        user_code: What to type there.
        address: Where.
        device_code: What we ask with.
        interval: Seconds between two questions.
        expires_at: When it ends, in seconds of ``time.monotonic``.
    """

    user_code: str
    address: str
    device_code: Secret
    interval: float
    expires_at: float


async def exchange_code(client: OAuthRegistration, *, code: str, verifier: str, redirect: str) -> Tokens:
    """Return the tokens for a code.

    Raises:
        AuthenticationError: The server refused; ``code`` is its error, such as ``"invalid_grant"``.
        DecodeError: What it answered is no answer of a token endpoint.
        BackbayError: It could not be asked.
    """
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return tokens_of(await _ask(client, fields), client)


async def refresh(tokens: Tokens) -> Tokens:
    """Return new tokens for old ones; errors as in ``exchange_code``."""
    if tokens.refresh_token is None:
        raise ConfigurationError("The sign-in has ended, and cannot be renewed.", code="oauth_expired", hint=_AGAIN)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token.reveal()}
    return tokens.renewed(await _ask(tokens.client, fields))


async def revoke(tokens: Tokens) -> bool:
    """Give the tokens back; return whether the vendor takes them back at all. Errors as in ``exchange_code``."""
    client = tokens.client
    if not client.revocation_endpoint:
        return False
    found = [("refresh_token", tokens.refresh_token), ("access_token", tokens.access_token)]
    for hint, token in found:
        if token is None:
            continue
        fields = {"token": token.reveal(), "token_type_hint": hint, **_identity(client)}
        answer = await post(client.revocation_endpoint, fields)
        # An error of this one kind says that the token type is not revoked by itself (RFC 7009, 2.2.1).
        if not 200 <= answer.status < 300 and answer.text("error") != "unsupported_token_type":
            raise refusal(
                answer, client.revocation_endpoint, sent=fields, hint="--forget removes it here all the same."
            )
    return True


async def ask_device_code(client: OAuthRegistration) -> DeviceCode:
    """Ask for a device code; errors as in ``exchange_code``."""
    fields = {**_identity(client), **({"scope": " ".join(client.scopes)} if client.scopes else {})}
    url = client.device_authorization_endpoint
    answer = await post(url, fields)
    address = answer.text("verification_uri") or answer.text("verification_url")
    user_code = answer.text("user_code")
    if answer.status != 200 or not (answer.text("device_code") and user_code and is_safe_url(address)):
        raise refusal(answer, url, sent=fields, hint="Is the client registered for the device flow?")
    lasts = answer.number("expires_in")
    interval = answer.number("interval")
    return DeviceCode(
        user_code="".join(character for character in user_code if character.isprintable())[:40],
        address=address,
        device_code=Secret(answer.text("device_code"), source="oauth"),
        interval=5.0 if interval is None else min(interval, 60.0),
        expires_at=time.monotonic() + (600.0 if lasts is None else lasts),
    )


async def wait_for_device(client: OAuthRegistration, device: DeviceCode, limit: float) -> Tokens:
    """Return the tokens when the person has agreed elsewhere.

    Raises:
        LimitExceededError: Nobody did in time: ``limit`` seconds, or what the vendor gives.
        AuthenticationError: The person refused, or the code ended.
        BackbayError: As in ``exchange_code``.
    """
    interval, end = device.interval, min(device.expires_at, time.monotonic() + limit)
    fields = {"grant_type": DEVICE_GRANT, "device_code": device.device_code.reveal(), **_identity(client)}
    while True:
        if time.monotonic() + interval > end:
            raise LimitExceededError("Nobody agreed to the sign-in in time.", limit="total", seconds=limit)
        await asyncio.sleep(interval)
        answer = await post(client.token_endpoint, fields)
        if answer.status == 200 and answer.text("access_token"):
            return tokens_of(answer, client)
        said = answer.text("error")
        if said == "slow_down":
            interval += _SLOWER
        elif said != "authorization_pending":
            raise refusal(answer, client.token_endpoint, sent=fields, hint=_AGAIN)


async def _ask(client: OAuthRegistration, fields: dict[str, str]) -> Answer:
    fields = {**fields, **_identity(client)}
    answer = await post(client.token_endpoint, fields)
    if answer.status != 200 or not answer.text("access_token"):
        raise refusal(answer, client.token_endpoint, sent=fields, hint=_AGAIN)
    return answer


def _identity(client: OAuthRegistration) -> dict[str, str]:
    secret = {"client_secret": client.client_secret} if client.client_secret else {}
    return {"client_id": client.client_id, **secret}
