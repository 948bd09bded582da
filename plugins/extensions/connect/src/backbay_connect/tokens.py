"""What a sign-in gave: the tokens, when they end, and the client that they belong to, as one text to keep."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backbay.errors import ConfigurationError, InvalidCredentialError
from backbay.secrets import Secret

from .registrations import OAuthRegistration, registration_of
from .web import Answer

_MARGIN = 60.0
"""Seconds before its end when a token is renewed, or half its life if that is shorter."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The outcome of a sign-in.

    Attributes:
        access_token: What calls are made with.
        refresh_token: What a new one is had with; ``None`` if the vendor gave none.
        renew_at: When to renew it, in seconds of the epoch; ``None`` if the vendor did not say when it ends.
        expires_at: When it ends, likewise.
        scope: What it may do, as the vendor says it, or as it was asked for; ``""`` if neither said.
        account: Whose it is, as the vendor names it; ``""`` if it did not say.
        client: The client. Its endpoints are kept with the tokens: these go nowhere else, whatever a file says later.
    """

    access_token: Secret
    refresh_token: Secret | None
    renew_at: float | None
    expires_at: float | None
    scope: str
    account: str
    client: OAuthRegistration = field(repr=False)

    @property
    def fresh(self) -> bool:
        """Whether the access token can be used as it is."""
        return self.renew_at is None or time.time() < self.renew_at

    def dump(self) -> Secret:
        """Return all of it as one text without white space."""
        document = {
            "access_token": self.access_token.reveal(),
            "refresh_token": self.refresh_token.reveal() if self.refresh_token else None,
            "renew_at": self.renew_at,
            "expires_at": self.expires_at,
            "scope": self.scope,
            "account": self.account,
            "client": self.client.document(),
        }
        return Secret(base64.urlsafe_b64encode(json.dumps(document).encode()).decode(), source="oauth")

    @staticmethod
    def load(text: Secret) -> Tokens:
        """Return what ``dump`` wrote.

        Raises:
            ConfigurationError: It is none of that.
        """
        try:
            found = json.loads(base64.urlsafe_b64decode(text.reveal()))
            refresh = found["refresh_token"]
            return Tokens(
                access_token=Secret(found["access_token"], source=text.source),
                refresh_token=None if refresh is None else Secret(refresh, source=text.source),
                renew_at=found["renew_at"],
                expires_at=found["expires_at"],
                scope=found["scope"],
                account=found["account"],
                client=registration_of(found["client"]),
            )
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"What is saved as {text.source} is no sign-in of this version.",
                code="oauth_unreadable",
                hint="Sign in again with `backbay connect`.",
            ) from None

    def renewed(self, answer: Answer) -> Tokens:
        """Return the tokens after a refresh. What the answer leaves out stays as it was (RFC 6749, 6)."""
        new = tokens_of(answer, self.client)
        return replace(
            new,
            refresh_token=new.refresh_token or self.refresh_token,
            scope=answer.text("scope") or self.scope,
            account=new.account or self.account,
        )


def tokens_of(answer: Answer, client: OAuthRegistration) -> Tokens:
    """Return the tokens of a token endpoint's good answer.

    Raises:
        InvalidCredentialError: The access token is missing, or is none that could be sent.
    """
    kind = answer.text("token_type")
    if kind and kind.lower() != "bearer":
        raise InvalidCredentialError(
            f"The vendor gave a token that Backbay cannot use: no bearer token ({kind[:20]!r})."
        )
    lasts = answer.number("expires_in")
    now = time.time()
    refresh = answer.text("refresh_token")
    return Tokens(
        access_token=Secret(answer.text("access_token"), source="oauth"),
        refresh_token=Secret(refresh, source="oauth") if refresh else None,
        renew_at=None if lasts is None else now + lasts - min(_MARGIN, lasts / 2),
        expires_at=None if lasts is None else now + lasts,
        scope=answer.text("scope") or " ".join(client.scopes),
        account=_account(answer),
        client=client,
    )


def _account(answer: Answer) -> str:
    """Return whose tokens they are, by the ID token, which came straight from the vendor; it is only shown."""
    parts = answer.text("id_token").split(".")
    claims: object = None
    if len(parts) == 3:
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        except (ValueError, RecursionError):
            claims = None
    named = claims if isinstance(claims, Mapping) else {}
    found = [named.get(name) for name in ("email", "preferred_username", "name", "sub")]
    return next((each[:100] for each in (*found, answer.text("user_id")) if isinstance(each, str) and each), "")
