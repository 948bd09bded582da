"""Errors as clients of Anthropic's API understand them.

Source: Anthropic's API reference, Errors (read 2026-11-21): the types, their statuses, and ``request_id``. Its client
raises by status alone: 400 BadRequestError, 401, 403, 404, 409, 413, 422, 429, and InternalServerError from 500 on.
"""

from __future__ import annotations

import math

from backbay.errors import (
    AuthenticationError,
    BackbayError,
    BadRequestError,
    ClosedError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    LimitExceededError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RegistryError,
    RequestError,
    TooLargeError,
)
from backbay.response import JSONObject

from .base import Refusal
from .scrubbing import words_of

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The vendor's word for what went wrong, by HTTP status."""

_STATUSES = frozenset({405, 408, 409, 411, 413, 414, 415, 422, 431})
"""Statuses of a wrong request that say more than 400 does, and are passed on."""

_FAILED = "The model's backend failed."
_KINDS: tuple[tuple[type[BackbayError], int, str], ...] = (
    (RequestError, 400, "The request cannot work."),
    (QuotaExceededError, 429, "The quota is used up; waiting does not help."),
    (RateLimitError, 429, "Too many requests; wait, and try again."),
    (NotFoundError, 404, "There is no such model here."),
    (PermissionDeniedError, 403, "The model's backend does not permit this."),
    (BadRequestError, 400, "The model's backend does not accept the request."),
    (OverloadedError, 529, "The model's backend is overloaded; try again later."),
    (LimitExceededError, 504, "The model's backend took too long."),
    (ConnectError, 529, "The model's backend cannot be reached at the moment; try again later."),
    (ConnectionLostError, 500, "The connection to the model's backend broke; try again."),
    (ClosedError, 529, "The gateway is stopping or reloading; try again."),
    (RegistryError, 500, "The gateway's configuration of this model does not work."),
    (ConfigurationError, 500, "The gateway's configuration of this model does not work."),
)
"""Statuses, and what is said where the error's own words are not for clients; the narrower class first."""


def refuse(error: BackbayError, request_id: str) -> Refusal:
    """Return an error as a status, a body and headers; see ``Dialect.refuse``.

    A bad key that is the gateway's own, at a vendor, is no fault of the client's: it is a 500. With
    ``x-should-retry: false`` Anthropic's client does not try again what its status alone would make it try (its code,
    version 2.12), so that retries are owned once.
    """
    status, message = status_and_words(error)
    headers = {"request-id": request_id}
    if not _may_work(error) or error.attempts > 1:
        headers["x-should-retry"] = "false"
    if error.retry_after is not None and math.isfinite(error.retry_after):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
        headers["retry-after-ms"] = str(max(0, math.ceil(1000 * error.retry_after)))
    return Refusal(status, body_of(status, message, request_id), headers)


def _may_work(error: BackbayError) -> bool:
    """Whether waiting may help, though nobody may have said so: a limit of the gateway's own, or its end."""
    own = error.backend is None and isinstance(error, RateLimitError) and not isinstance(error, QuotaExceededError)
    return error.retryable or own or isinstance(error, ClosedError)


def body_of(status: int, message: str, request_id: str | None) -> JSONObject:
    """Return the body of an error, which is the ``error`` event of a stream as well.

    Args:
        status: HTTP status, which says the type.
        message: What to tell.
        request_id: The gateway's id of the request; ``None`` leaves it out.
    """
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    body: dict[str, object] = {"type": "error", "error": {"type": kind, "message": message}}
    return body if request_id is None else {**body, "request_id": request_id}


def status_and_words(error: BackbayError) -> tuple[int, str]:
    """Return the HTTP status of an error, and what a client may read of it."""
    if isinstance(error, AuthenticationError):
        # Only the gateway itself refuses a client's key; a vendor refuses the gateway's.
        return (401, words_of(error, "The key is not accepted.")) if error.backend is None else (500, _FAILED)
    if isinstance(error, TooLargeError) and error.backend is None:
        return 413, error.message
    for kind, status, otherwise in _KINDS:
        if isinstance(error, kind):
            precise = isinstance(error, BadRequestError) and error.status in _STATUSES
            return (error.status if precise and error.status else status), words_of(error, otherwise)
    return 500, words_of(error, _FAILED)
