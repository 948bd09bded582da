"""From an error response to a typed error: its class, whether to try again, and what it tells the caller."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from ..errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    ServerError,
)
from .codec import ErrorFacts
from .errorbody import is_html, text_of
from .kinds import kind_of_code, kind_of_status
from .retryafter import retry_after

__all__ = ["BODY_CHARS", "MESSAGE_CHARS", "classify", "response_error", "retry_after", "retryable"]

MESSAGE_CHARS = 500
"""The longest message of an error, in characters."""

BODY_CHARS = 2000
"""How much of a body an error keeps, in characters."""

_CODE_CHARS = 100

# 408 and 425 say so themselves (RFC 9110 15.5.9, RFC 8470 5.2); 421 may work on another connection (RFC 9110 15.5.20);
# 409 is what OpenAI's own client takes for a lock that was held at that moment.
_TRANSIENT_4XX = frozenset({408, 409, 421, 425})
# The same request gets the same answer: not implemented, HTTP version not supported.
_PERMANENT_5XX = frozenset({501, 505})
_PERMANENT_KINDS = (
    AuthenticationError,
    PermissionDeniedError,
    NotFoundError,
    ContextLengthError,
    ContentFilterError,
    QuotaExceededError,
)

_REQUEST_ID_HEADERS = (
    "x-request-id",  # OpenAI and most others
    "request-id",  # Anthropic
    "x-amzn-requestid",  # Bedrock
    "apim-request-id",  # Azure
    "mistral-correlation-id",
    "x-debug-trace-id",  # Cohere
    "x-generation-id",
    "cf-ray",  # Cloudflare, in front of many; the last resort
)

# Control characters (but for tab and line feed), line and direction controls, and lone surrogates: a terminal would act
# on the first two, and the last cannot be encoded.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def classify(status: int, facts: ErrorFacts) -> type[ResponseError]:
    """Return the error class: what the wire found, else what the vendor's code means, else what the status means.

    Where the status is a success (an error object in a 200, or in a running stream), a code that is itself a status,
    as OpenRouter's ``502``, counts instead.

    Args:
        status: HTTP status; any number.
        facts: What the body says.
    """
    success = status < 300
    kind = facts.kind or kind_of_code(facts.code, general=success)
    if kind is not None:
        return kind
    if success and facts.code is not None and re.fullmatch("[45][0-9]{2}", facts.code):
        return kind_of_status(int(facts.code))
    return kind_of_status(status)


def retryable(status: int, kind: type[ResponseError]) -> bool:
    """Return whether the same request may work later.

    By class: yes for ``RateLimitError`` and ``OverloadedError``, at any status. No for a bad key, a missing
    permission, model or path, a prompt that is too long or was refused, and for a quota that is used up. For all else
    by status: 408, 409, 421, 425 and every 5xx but 501 and 505; a ``ServerError`` inside a success as well.

    Args:
        status: HTTP status.
        kind: What ``classify`` returned.
    """
    if issubclass(kind, _PERMANENT_KINDS):
        return False
    if issubclass(kind, (RateLimitError, OverloadedError)):
        return True
    if status < 300:
        return issubclass(kind, ServerError)
    return status in _TRANSIENT_4XX or (500 <= status <= 599 and status not in _PERMANENT_5XX)


def response_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    facts: ErrorFacts,
    *,
    redact: Callable[[str], str],
    now: float | None = None,
) -> ResponseError:
    """Return the error for a response, ready to be raised but for what only the call knows. Never raises.

    Args:
        status: HTTP status; a success for an error object in a 200 or in a running stream.
        headers: The response's headers, by lower-case name. ``x-should-retry`` (``true`` or ``false``; OpenAI's and
            Anthropic's servers send it) overrides ``retryable``.
        body: The body, or the part of the stream that is the error. May be any bytes.
        facts: What the body says.
        redact: Takes credentials out of a text; applied, before anything is cut, to every text that the error holds.
        now: Seconds since 1970 UTC, for a ``Retry-After`` that is a date; ``None`` for the clock's.
    """
    clean = partial(_clean, redact)
    kind = classify(status, facts)
    text = text_of(body)
    page = is_html(text)
    words = _message(status, clean(facts.message, MESSAGE_CHARS), page=page, empty=not text)
    should_retry = headers.get("x-should-retry", "").strip().lower()
    return kind(
        _cut(words, MESSAGE_CHARS),
        status=status,
        code=clean(facts.code, _CODE_CHARS) or None,
        retryable={"true": True, "false": False}.get(should_retry, retryable(status, kind)),
        retry_after=_first(retry_after(headers, time.time() if now is None else now), facts.retry_after),
        request_id=next((found for name in _REQUEST_ID_HEADERS if (found := clean(headers.get(name), 200))), None)
        or clean(facts.request_id, 200)
        or None,
        body=clean(text, BODY_CHARS, one_line=False) or None,
        hint=_hint(status, kind, page=page, target=clean(headers.get("location"), 200)),
    )


def _first(told: float | None, other: float | None) -> float | None:
    return other if told is None else told


def _clean(redact: Callable[[str], str], text: str | None, longest: int, *, one_line: bool = True) -> str:
    if not text:
        return ""
    # Redacted while it is whole, so that no part of a key is left at the end; four times the length is more than enough
    # for what is thrown out after that.
    text = redact(text).strip()[: 4 * longest]
    text = " ".join(text.split()) if one_line else text.replace("\r\n", "\n")
    return _cut(_UNPRINTABLE.sub("\ufffd", text), longest)


def _message(status: int, words: str, *, page: bool, empty: bool) -> str:
    try:
        answer = f"The server answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        answer = f"The server answered {status}"
    if status < 300:
        answer += " with an error inside"
    elif status < 400:
        answer += ", and redirects are not followed"
    if page:
        answer += ", an HTML page instead of JSON"
    elif empty:
        return f"{answer}, with an empty body."
    return f"{answer}: {words}" if words else f"{answer}."


def _hint(status: int, kind: type[ResponseError], *, page: bool, target: str) -> str | None:
    if 300 <= status < 400:
        where = f" ({target})" if target else ""
        return f"Set base_url to where the server redirects to{where}, if you trust that address."
    if page and status >= 500:
        return "A gateway or proxy in front of the API sent an HTML page; the API itself may be down."
    if page:
        return "The base URL seems to be wrong: an HTML page came. A proxy that asks for a login does this too."
    if issubclass(kind, ServerError) and status in _PERMANENT_5XX:
        return "The server does not offer this; look at how it was started, or use another model or server."
    return next((hint for cause, hint in _HINTS if issubclass(kind, cause)), None)


# The narrower class first.
_HINTS: tuple[tuple[type[ResponseError], str], ...] = (
    (ContextLengthError, "Shorten the conversation, lower max_tokens, or use a model with a larger context window."),
    (ContentFilterError, "Change the prompt; the same one will be refused again."),
    (AuthenticationError, "Check the key: that it is whole, not revoked, and meant for this base URL."),
    (PermissionDeniedError, "This key may not do this; ask whoever manages the account, or use another model."),
    (ModelNotFoundError, "list_models() says which models this key may use."),
    (NotFoundError, "Check the base URL (a version path such as /v1 may be missing or doubled) and the model's name."),
    (QuotaExceededError, "Look at the account's plan and credit; waiting does not help."),
    (RateLimitError, "Wait, send fewer requests at a time, or ask the vendor for a higher limit."),
    (OverloadedError, "Try again later, or use another model."),
)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
