"""What the Gemini wire's errors say: ``{"error": {"code", "message", "status", "details"}}``.

Source: google.rpc.Status and its details (ErrorInfo, QuotaFailure, RetryInfo), and recorded traffic. A key that is
wrong is a 400 here, which only the reason in the details tells from a wrong request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from backbay.errors import (
    AuthenticationError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
)
from backbay.http.codec import ErrorFacts
from backbay.http.errorbody import error_facts, facts_of
from backbay.http.statuses import response_error

# Reasons of ErrorInfo.
_BY_REASON: Mapping[str, type[ResponseError]] = {
    "API_KEY_INVALID": AuthenticationError,  # recorded
    "API_KEY_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": AuthenticationError,
    "CREDENTIALS_MISSING": AuthenticationError,
    "IAM_PERMISSION_DENIED": PermissionDeniedError,  # recorded
    "SERVICE_DISABLED": PermissionDeniedError,  # recorded
}

# Names of google.rpc.Code that mean one thing.
_BY_STATUS: Mapping[str, type[ResponseError]] = {
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "RESOURCE_EXHAUSTED": RateLimitError,
    "UNAVAILABLE": OverloadedError,
}

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", re.ASCII)


def facts(body: bytes) -> ErrorFacts:
    """Return what an error body says. Takes any bytes, and never raises."""
    found = error_facts(body)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return found
    return replace(found, kind=_kind(value, found.code) or found.kind, retry_after=retry_delay(value))


def in_answer(value: Mapping[str, Any]) -> ResponseError:
    """Return the error that an object with ``"error"`` inside an answer means."""
    found = facts_of(value, in_band=True)
    kind = _kind(value, found.code) or found.kind
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return response_error(200, {}, body, replace(found, kind=kind, retry_after=retry_delay(value)), redact=str)


def retry_delay(value: object) -> float | None:
    """Return the seconds that ``RetryInfo`` asks to wait, or ``None`` if there is none."""
    for detail in _details(value):
        delay = detail.get("retryDelay")
        match = _DURATION.fullmatch(delay) if isinstance(delay, str) else None
        if match and float(match[1]) > 0:
            return float(match[1])
    return None


def _kind(value: object, status: str | None) -> type[ResponseError] | None:
    details = list(_details(value))
    for detail in details:
        reason = detail.get("reason")
        if isinstance(reason, str) and reason in _BY_REASON:
            return _BY_REASON[reason]
    # A quota of a day is used up for hours, one of a minute is back at once. Source: the quota ids of QuotaFailure,
    # such as GenerateRequestsPerDayPerProjectPerModel-FreeTier.
    if any("PerDay" in quota for detail in details for quota in _quotas(detail)):
        return QuotaExceededError
    return _BY_STATUS.get(status or "")


def _details(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        value = value[0] if value else None
    error = value.get("error") if isinstance(value, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    if isinstance(details, list):
        yield from (detail for detail in details if isinstance(detail, Mapping))


def _quotas(detail: Mapping[str, Any]) -> Iterator[str]:
    metadata = detail.get("metadata")
    if isinstance(metadata, Mapping):
        yield str(metadata.get("quota_limit", ""))
    violations = detail.get("violations")
    if isinstance(violations, list):
        yield from (str(each.get("quotaId", "")) for each in violations if isinstance(each, Mapping))
