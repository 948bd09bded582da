"""Errors in OpenAI's form, so that OpenAI's own libraries raise their own class for each.

The libraries go by the status: 400 BadRequestError, 401 AuthenticationError, 403 PermissionDeniedError, 404
NotFoundError, 409 ConflictError, 422 UnprocessableEntityError, 429 RateLimitError, 500 and above InternalServerError.
``x-should-retry: false`` stops their own retries, so that retries are owned once. Sources: openai-python 3.52
(``_make_status_error``, ``_should_retry``); recorded answers; OpenAI's guide to error codes (read 2026-11-21).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backbay.errors import (
    AuthenticationError,
    BackbayError,
    BadRequestError,
    ClosedError,
    ContentFilterError,
    ContextLengthError,
    LimitExceededError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    RequestError,
    ResponseError,
    ServerError,
    TransportError,
    UnknownBackendError,
    UnsupportedError,
)

from .base import Refusal
from .openai_fields import FieldError
from .scrubbing import words_of


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    type: str
    code: str | None
    otherwise: str
    param: str | None = None


_INVALID = "invalid_request_error"
_WRONG = "The backend did not accept the request."

# The narrower class first.
_KINDS: tuple[tuple[type[BackbayError], _Kind], ...] = (
    (UnsupportedError, _Kind(400, _INVALID, "unsupported_parameter", "The backend cannot do this.")),
    (RequestError, _Kind(400, _INVALID, "invalid_value", "The request cannot work.")),
    (UnknownBackendError, _Kind(404, _INVALID, "model_not_found", "There is no such model.", "model")),
    (
        ContextLengthError,
        _Kind(400, _INVALID, "context_length_exceeded", "The prompt does not fit the model.", "messages"),
    ),
    (ContentFilterError, _Kind(400, _INVALID, "content_filter", "The backend refused the content.", "messages")),
    (BadRequestError, _Kind(400, _INVALID, None, _WRONG)),
    (AuthenticationError, _Kind(401, _INVALID, "invalid_api_key", "The key is not accepted.")),
    (PermissionDeniedError, _Kind(403, _INVALID, "permission_denied", "This is not allowed.")),
    (ModelNotFoundError, _Kind(404, _INVALID, "model_not_found", "There is no such model.", "model")),
    (NotFoundError, _Kind(404, _INVALID, "not_found", "There is nothing at this address.")),
    (QuotaExceededError, _Kind(429, "insufficient_quota", "insufficient_quota", "The quota is used up.")),
    (RateLimitError, _Kind(429, "rate_limit_error", "rate_limit_exceeded", "There are too many requests.")),
    (OverloadedError, _Kind(503, "server_error", "server_is_overloaded", "The backend has no capacity at the moment.")),
    (ServerError, _Kind(502, "server_error", "backend_failed", "The backend failed.")),
    (ResponseError, _Kind(502, "server_error", "backend_failed", "The backend answered with an error.")),
    (TransportError, _Kind(502, "server_error", "backend_unreachable", "The backend cannot be reached.")),
    (LimitExceededError, _Kind(504, "server_error", "timeout", "The backend did not answer in time.")),
    (
        ProtocolError,
        _Kind(502, "server_error", "backend_protocol", "The backend sent what is no answer."),
    ),
    (ClosedError, _Kind(503, "server_error", "closing", "The gateway is closing; try again.")),
)
_OURS = _Kind(500, "server_error", "internal_error", "The gateway failed. Its log has more, under the request's id.")
_KEY = _Kind(502, "server_error", "backend_key_refused", "The backend does not accept the gateway's own key for it.")

_STATUSES = frozenset({405, 408, 409, 411, 413, 414, 415, 422, 431})
"""Statuses of a wrong request that say more than 400 does, and are passed on."""

_FIELD_OF = {
    "cache_control": "messages",
    "image_input": "messages",
    "audio_input": "messages",
    "file_input": "messages",
    "system_prompt": "messages",
    "tools": "tools",
    "hosted_tools": "tools",
    "forced_tool_choice": "tool_choice",
    "structured_output": "response_format",
    "json_mode": "response_format",
    "reasoning": "reasoning_effort",
    "streaming": "stream",
    **{name: name for name in ("parallel_tool_calls", "temperature", "top_p", "max_tokens", "seed", "stop")},
}
"""The field that asks for a capability, as ``UnsupportedError.code`` names it."""


def refuse(error: BackbayError, request_id: str) -> Refusal:
    """Return an error as status, JSON and headers of OpenAI's API.

    Args:
        error: The error.
        request_id: The gateway's id of the request, which goes into ``x-request-id``.
    """
    kind = kind_of(error)
    headers = {"x-request-id": request_id}
    if error.retry_after is not None and kind.status in (429, 503):
        # RFC 9110 has whole seconds; OpenAI's libraries read the finer header first.
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
        headers["retry-after-ms"] = str(max(0, math.ceil(1000 * error.retry_after)))
    tried = kind.status in (408, 409, 429) or kind.status >= 500  # What OpenAI's libraries would try again.
    if tried and (error.attempts > 1 or not (error.retryable or _passing(error))):
        headers["x-should-retry"] = "false"
    return Refusal(kind.status, error_body(error), headers)


def error_body(error: BackbayError) -> dict[str, Any]:
    """Return the JSON of an error: ``{"error": {"message", "type", "param", "code"}}``."""
    kind = kind_of(error)
    inner = {"message": words_of(error, kind.otherwise), "type": kind.type, "param": _param(error, kind)}
    return {"error": {**inner, "code": _code(error, kind)}}


def kind_of(error: BackbayError) -> _Kind:
    """Return how an error is told: its status, its type, its code, and a sentence that says nothing of the backend."""
    if isinstance(error, AuthenticationError) and error.backend is not None:
        return _KEY
    kind = next((kind for cause, kind in _KINDS if isinstance(error, cause)), _OURS)
    if isinstance(error, BadRequestError) and error.status in _STATUSES and kind.code is None:
        return _Kind(error.status, kind.type, kind.code, kind.otherwise, kind.param)
    return kind


def unknown_model(name: str, known: Iterable[str]) -> ModelNotFoundError:
    """Return the error of a model that is not served, with the nearest names that are.

    Args:
        name: The name that the client gave.
        known: The names that this client may use.
    """
    names = list(known)
    near = difflib.get_close_matches(name[:200], names, n=3, cutoff=0.5)
    near = near or [other for other in names if other.rpartition(":")[2] == name][:3]
    hint = f"Did you mean {', '.join(near)}?" if near else "GET /v1/models lists what there is."
    return ModelNotFoundError(f"There is no model {name[:200]!r} here.", model=name[:200], hint=hint)


def _passing(error: BackbayError) -> bool:
    """Whether waiting may help although nobody said so: a limit of the gateway's own, or its end."""
    own = error.backend is None and isinstance(error, RateLimitError) and not isinstance(error, QuotaExceededError)
    return own or isinstance(error, ClosedError)


def _param(error: BackbayError, kind: _Kind) -> str | None:
    named = getattr(error, "param", None)
    if isinstance(named, str):
        return named
    if isinstance(error, UnsupportedError):
        return _FIELD_OF.get(error.code or "")
    return kind.param


def _code(error: BackbayError, kind: _Kind) -> str | None:
    if isinstance(error, FieldError):
        return error.code
    if kind.code is None and error.backend is None:
        return error.code
    return kind.code
