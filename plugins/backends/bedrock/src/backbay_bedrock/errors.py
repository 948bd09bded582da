"""What Bedrock's errors mean: the type stands in a header, or is the name of an exception in a stream.

Source: the API references of Converse and InvokeModel (Errors), AWS's page of common errors, and recorded traffic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backbay.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    ServerError,
)
from backbay.http.codec import ErrorFacts
from backbay.http.errorbody import error_facts, facts_of
from backbay.http.statuses import response_error

TYPE_HEADER = "x-amzn-errortype"

_KINDS: Mapping[str, type[ResponseError]] = {
    "AccessDeniedException": PermissionDeniedError,
    "ExpiredTokenException": AuthenticationError,  # recorded, with status 403; and so is the next
    "UnrecognizedClientException": AuthenticationError,
    "IncompleteSignature": AuthenticationError,
    "IncompleteSignatureException": AuthenticationError,
    "InvalidClientTokenId": AuthenticationError,
    "InvalidSignatureException": AuthenticationError,
    "MissingAuthenticationToken": AuthenticationError,
    "MissingAuthenticationTokenException": AuthenticationError,
    "InternalServerException": ServerError,
    "ModelErrorException": ServerError,
    "ModelStreamErrorException": ServerError,
    "ModelTimeoutException": ServerError,
    "ModelNotReadyException": OverloadedError,
    "ServiceUnavailableException": OverloadedError,
    "ServiceQuotaExceededException": QuotaExceededError,
    "ThrottlingException": RateLimitError,
    "ValidationException": BadRequestError,
}

_BY_WORDS: tuple[tuple[str, type[ResponseError]], ...] = (
    ("Input Tokens Exceeded", ContextLengthError),  # Nova (recorded)
    ("Input is too long", ContextLengthError),  # Claude
    ("prompt is too long", ContextLengthError),  # Claude
    ("maximum context length", ContextLengthError),  # models that vLLM serves
    ("model identifier is invalid", ModelNotFoundError),  # recorded
    ("model version has reached the end of its life", ModelNotFoundError),  # recorded, as ResourceNotFoundException
    ("make sure your API Key is valid", AuthenticationError),  # 403, without a type
    ("Invalid API Key format", AuthenticationError),  # 403, AccessDeniedException
    ("Could not resolve the foundation model", ModelNotFoundError),
)
"""Words by which a type that is too general is told apart. Those without a note are from reports of users."""


def facts_of_error(headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """Return what an error response says; never raises."""
    facts = error_facts(body)
    # The type, and behind a colon the address of a namespace (recorded).
    name = headers.get(TYPE_HEADER, "").partition(":")[0].strip() or _type_in(body)
    return _told(replace(facts, code=name) if name else facts)


def failure_of(chunk: Mapping[str, Any]) -> ResponseError | None:
    """Return the error that an exception within a stream means; ``None`` if ``chunk`` is none."""
    name = next((name for name in chunk if name.endswith("Exception")), None)
    if name is None:
        return None
    facts = _told(replace(facts_of(chunk[name], in_band=True), code=name))
    body = json.dumps(chunk, ensure_ascii=False).encode("utf-8", "replace")
    return response_error(200, {}, body, facts, redact=str)


def _told(facts: ErrorFacts) -> ErrorFacts:
    words = facts.message or ""
    kind = next((kind for part, kind in _BY_WORDS if part in words), None)
    name = facts.code or ""
    # In a stream the name begins with a small letter.
    return replace(facts, kind=kind or _KINDS.get(name[:1].upper() + name[1:]) or facts.kind)


def _type_in(body: bytes) -> str:
    """Return the type that some of AWS's services put into the body, as ``"namespace#Type"``."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    named = found.get("__type") if isinstance(found, dict) else None
    return named.rpartition("#")[2] if isinstance(named, str) else ""
