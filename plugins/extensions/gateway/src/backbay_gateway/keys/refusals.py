"""The errors with which a request is refused. None holds anything of the key that was presented.

They are the core's classes. What tells them from an upstream's is that ``backend`` is ``None`` and ``attempts`` is 0.
``code`` says which rule it was, for metrics and for the dialects.
"""

from __future__ import annotations

import math

from backbay.errors import (
    AuthenticationError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
)

from .limits import COST, NANO, REQUESTS, Rule

SOON = 1.0
"""Seconds after which it is worth another try, where what is in the way is other requests."""


_REFUSED = "Incorrect API key provided."
"""OpenAI's own words; litellm, which many tools ask with, takes an error for one of authentication by them alone."""


def no_key() -> AuthenticationError:
    """Return what a request without a key gets."""
    return AuthenticationError(
        "No key was sent. Send one of this gateway's keys as 'Authorization: Bearer bb_...' or as 'x-api-key'.",
        status=401,
        code="key_missing",
        phase="prepare",
        hint="`backbay gateway keys create` makes one.",
    )


def bad_key() -> AuthenticationError:
    """Return what any key gets that is not one of ours: it does not say whether the id exists."""
    return AuthenticationError(
        f"{_REFUSED} It is not one of this gateway's keys.",
        status=401,
        code="key_invalid",
        phase="prepare",
        hint="Check that it is whole, bb_ and two parts; `backbay gateway keys create` makes a new one.",
    )


def ended_key(key_id: str, state: str) -> AuthenticationError:
    """Return what a key gets that was right once. Only somebody who has its secret learns this."""
    said = "was revoked" if state == "revoked" else "has expired"
    return AuthenticationError(
        f"{_REFUSED} The key {key_id} {said}.",
        status=401,
        code=f"key_{state}",
        phase="prepare",
        hint="Ask whoever runs this gateway for a new one.",
    )


def not_allowed(key_id: str, model: str) -> PermissionDeniedError:
    """Return what a key gets that may not use the model."""
    return PermissionDeniedError(
        f"The key {key_id} may not use this model.",
        model=model,
        status=403,
        code="model_not_allowed",
        phase="prepare",
        hint="`backbay gateway keys show` lists what it may use.",
    )


def no_price(key_id: str, model: str) -> PermissionDeniedError:
    """Return what a key with a budget in money gets for a model whose price nobody knows."""
    return PermissionDeniedError(
        f"The key {key_id} has a budget in money, and the price of this model is not known.",
        model=model,
        status=403,
        code="price_unknown",
        phase="prepare",
        hint="Give the model's price in the gateway's configuration, or use a key with a budget in tokens.",
    )


def too_much(rule: Rule, needed: int) -> RateLimitError:
    """Return what a request gets that is larger than the whole limit: waiting does not help."""
    return RateLimitError(
        f"The request may use {_amount(rule, needed)}, and the key's limit is {_said(rule)}.",
        status=429,
        code="request_too_large",
        phase="prepare",
        hint="Ask for a shorter answer (max_tokens), or send a shorter prompt.",
    )


def rate(rule: Rule, wait: float) -> RateLimitError:
    """Return what a request gets while the key's limit of a minute, or of open requests, is used up.

    Args:
        rule: The limit.
        wait: Seconds until it could work.
    """
    return RateLimitError(
        f"The key's limit of {_said(rule)} is reached.",
        status=429,
        code="too_many_concurrent" if rule.kind == "concurrent" else f"rate_limit_{rule.meter}",
        retryable=True,
        retry_after=_seconds(wait),
        phase="prepare",
    )


def reserved(rule: Rule) -> RateLimitError:
    """Return what a request gets where requests that are still open may use up the rest of the budget."""
    return RateLimitError(
        f"What is left of the key's budget of {_said(rule)} is reserved by requests that are still open.",
        status=429,
        code="budget_reserved",
        retryable=True,
        retry_after=SOON,
        phase="prepare",
        hint="Ask for a shorter answer (max_tokens), or wait until they have ended.",
    )


def spent(rule: Rule, left: int, wait: float) -> QuotaExceededError:
    """Return what a request gets that the rest of the budget does not cover.

    Args:
        rule: The budget.
        left: What is left of it.
        wait: Seconds until the next period; infinite if there is none.
    """
    return QuotaExceededError(
        f"The key's budget of {_said(rule)} has {_amount(rule, max(left, 0))} left, which does not cover the request.",
        status=429,
        code="budget_exceeded",
        retry_after=None if math.isinf(wait) else _seconds(wait),
        phase="prepare",
        hint="`backbay gateway keys limits` gives it a larger one.",
    )


def behind() -> OverloadedError:
    """Return what a request gets while what was used cannot be written down."""
    return OverloadedError(
        "The gateway's key store does not take what was used, so that nothing further is admitted.",
        status=503,
        code="key_store",
        retryable=True,
        retry_after=SOON,
        phase="prepare",
    )


def _seconds(wait: float) -> float:
    return float(max(1, math.ceil(wait)))


def _said(rule: Rule) -> str:
    amount = _amount(rule, rule.limit)
    if rule.kind == "concurrent":
        return f"{amount} at one time"
    if rule.kind == "rate":
        return f"{amount} a minute"
    return f"{amount} in all" if rule.period == "total" else f"{amount} a {rule.period}"


def _amount(rule: Rule, number: int) -> str:
    if rule.unit == COST:
        return f"{number / NANO:.9f}".rstrip("0").rstrip(".") + " of money"
    unit = "request" if rule.unit == REQUESTS else "token"
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
