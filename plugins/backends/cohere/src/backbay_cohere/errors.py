"""What Cohere's errors say: ``{"id", "message"}``, newer ones with an ``error_type`` (all recorded)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backbay.errors import BackbayError, ContextLengthError, DecodeError, ModelNotFoundError, ResponseError
from backbay.http.codec import ErrorFacts
from backbay.http.errorbody import error_facts, facts_of
from backbay.http.statuses import response_error

KINDS: Mapping[str, type[ResponseError]] = {
    "TOO_MANY_TOKENS": ContextLengthError,  # recorded
}
"""What an ``error_type`` means."""


def facts(status: int, body: bytes) -> ErrorFacts:
    """Return what an error body says. Takes any bytes, and never raises."""
    found = error_facts(body)
    kind = KINDS.get(found.code or "")
    if kind is None and status == 404 and _has_id(body):
        # The API's own 404 is about a model: one that is unknown, removed, or not this key's (recorded).
        kind = ModelNotFoundError
    return found if kind is None else replace(found, kind=kind)


def in_answer(value: Mapping[str, Any]) -> BackbayError:
    """Return the error that came in place of an answer, or at the end of one; a ``DecodeError`` if it is none."""
    found = facts_of(value, in_band=True)
    if found.message is None and value.get("finish_reason") != "ERROR":
        return DecodeError("What came is no answer of this wire.", body=json.dumps(value, ensure_ascii=False)[:2000])
    message = found.message or "the vendor ended the answer with an error, and says no more"
    found = replace(found, message=message, kind=KINDS.get(found.code or "") or found.kind)
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return response_error(200, {}, body, found, redact=str)


def _has_id(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("id"), str) and isinstance(found.get("message"), str)
