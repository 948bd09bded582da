"""Lines of an output, as OpenAI documents them: ``{"id", "custom_id", "response", "error"}``. Pure functions.

Source: OpenAI's reference, Batch, the request output object (read 2026-11-21). There ``error`` is for what was no
answer of HTTP's. Here it is there for every line that failed, so that one look at it tells.
"""

from __future__ import annotations

import json

from pydantic_core import to_json

from .engine import Failure


def answered(batch: str, number: int, custom_id: str, body: bytes) -> bytes:
    """Return the output of a line that was answered.

    Args:
        batch: The batch's name, for the record's id.
        number: The line's number, from 1.
        custom_id: The line's own id.
        body: The answer's body, as JSON.
    """
    # By hand, since the body is JSON already.
    return (
        b'{"id":"batch_req_%s_%d","custom_id":%s,"response":{"status_code":200,"request_id":null,"body":%s},"error":null}'
        % (
            batch.encode(),
            number,
            to_json(custom_id),
            body,
        )
    )


def failed(batch: str, number: int, custom_id: str | None, failure: Failure) -> bytes:
    """Return the output of a line that failed.

    Args:
        batch: As in ``answered``.
        number: The line's number, from 1.
        custom_id: The line's own id; ``None`` if it has none, or another line has the same.
        failure: Why.
    """
    error = {
        "code": failure.code,
        "message": failure.message,
        "type": failure.type,
        "line": number,
        "retryable": failure.retryable,
        "attempts": failure.attempts,
    }
    response = None
    if failure.status is not None:
        response = {
            "status_code": failure.status,
            "request_id": failure.request_id,
            "body": _vendors(failure) or {"error": {"message": failure.message, "code": failure.code}},
        }
    return to_json({"id": f"batch_req_{batch}_{number}", "custom_id": custom_id, "response": response, "error": error})


def _vendors(failure: Failure) -> dict[str, object] | None:
    """Return the vendor's own error body, if it is a JSON object and came whole."""
    try:
        found = json.loads(failure.body or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
