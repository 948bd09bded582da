"""Batches as Anthropic has them: one request with everything in it, and one stream of results.

Source: Anthropic's API reference, Message Batches, as its Python SDK 2.12 has it (``types/messages``), its guide to
batch processing, and its page on errors (https://platform.claude.com/docs/en/api/errors), all read 2026-11-21. The SDK
makes an idempotency key and has no header to send it in: a creation cannot be repeated safely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from ..batches import Batch, BatchLimits, BatchRequest, BatchStatus
from ..errors import DecodeError
from ..http.batchwire import BatchWire, ResultLine, fetch, safe
from ..http.codec import HTTPRequest
from .openai_batches import rows
from .reading import excerpt, load_object, whole_number

LIMITS = BatchLimits(max_requests=100_000, max_bytes=256 * 10**6, id_pattern="[a-zA-Z0-9_-]{1,64}")
"""As the guide says (100,000 requests or 256 MB), and the API's own words where an id is another one."""

STATUSES: Mapping[str, BatchStatus] = {
    "in_progress": BatchStatus.RUNNING,
    "canceling": BatchStatus.CANCELLING,
    "ended": BatchStatus.COMPLETED,
}

ERRORS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that goes with each type of error; a line of results has the type alone."""

_PAGE = 100
_HEAD, _TAIL = b'{"requests":[', b"]}"


class AnthropicBatches(BatchWire):
    """The batches of the messages wire.

    Args:
        path: Path of the calls that are batched.
    """

    limits = LIMITS

    def __init__(self, path: str) -> None:
        self._path = f"{path}/batches"

    def line(self, custom_id: str, request: HTTPRequest) -> bytes:
        """Return ``{"custom_id", "params"}``."""
        return b'{"custom_id":%s,"params":%s}' % (to_json(custom_id), request.body)

    def create(self, requests: Sequence[BatchRequest], upload: str | None, label: str | None) -> HTTPRequest:
        """Return the POST with all requests in it. There is no place for a label."""
        body = b"".join((_HEAD, b",".join(each.data for each in requests), _TAIL))
        return HTTPRequest("POST", self._path, body, requests[0].headers)

    def get(self, batch_id: str) -> HTTPRequest:
        """Return the GET of a batch."""
        return HTTPRequest("GET", f"{self._path}/{safe(batch_id)}")

    def cancel(self, batch_id: str) -> HTTPRequest:
        """Return the POST that cancels one."""
        return HTTPRequest("POST", f"{self._path}/{safe(batch_id)}/cancel")

    def decode(self, body: bytes) -> Batch:
        """Return a batch."""
        return _batch(load_object(body, "a batch"), body)

    def listing(self, page: str | None) -> HTTPRequest:
        """Return the GET of a page; the next one begins after this one's ``last_id``."""
        after = "" if page is None else f"&after_id={safe(page)}"
        return HTTPRequest("GET", f"{self._path}?limit={_PAGE}{after}")

    def decode_list(self, body: bytes, page: str | None) -> tuple[Sequence[Batch], str | None]:
        """Return the batches of a page."""
        found = load_object(body, "a list of batches")
        last = found.get("last_id")
        more = found.get("has_more") is True and isinstance(last, str) and last != page
        return [_batch(each, body) for each in rows(found, body)], last if more else None

    def results(self, batch: Batch) -> Sequence[HTTPRequest]:
        """Return the GET of the results, where the reference has them.

        The batch's own ``results_url`` leads there too. It is not followed: an answer must not say where the key goes.
        """
        return [fetch(f"{self._path}/{safe(batch.id)}/results")]

    def read(self, line: bytes) -> ResultLine:
        """Return what ``{"custom_id", "result": {"type", "message" or "error"}}`` says."""
        found = load_object(line, "a line of results")
        custom_id, result = found.get("custom_id"), found.get("result")
        if not isinstance(custom_id, str) or not custom_id or not isinstance(result, dict):
            raise DecodeError("A line of the results has no custom_id, or no result.", body=excerpt(line))
        kind = result.get("type")
        if kind == "succeeded":
            return ResultLine(custom_id=custom_id, status=200, body=json.dumps(result.get("message")).encode())
        if kind in ("canceled", "expired"):
            code = "batch_expired" if kind == "expired" else "batch_cancelled"
            return ResultLine(custom_id=custom_id, status=None, code=code)
        if kind != "errored":
            raise DecodeError(f"A result is neither an answer nor an error: its type is {kind!r}.", body=excerpt(line))
        error = result.get("error")
        whole = error if isinstance(error, dict) else {}
        inside = whole.get("error")
        inner = inside if isinstance(inside, dict) else whole
        request_id = whole.get("request_id")
        return ResultLine(
            custom_id=custom_id,
            status=ERRORS.get(str(inner.get("type")), 500),
            body=json.dumps(whole).encode(),
            request_id=request_id if isinstance(request_id, str) else None,
        )


def _batch(found: Mapping[str, Any], body: bytes) -> Batch:
    name, status = found.get("id"), found.get("processing_status")
    if not isinstance(name, str) or not name or not isinstance(status, str):
        raise DecodeError("Expected a batch, and what came has no id or no status.", body=excerpt(body))
    given = found.get("request_counts")
    counts = {key: whole_number(value) or 0 for key, value in given.items()} if isinstance(given, dict) else None
    known = STATUSES.get(status, BatchStatus.OTHER)
    cancelled = counts is not None and bool(counts.get("canceled"))
    if known is BatchStatus.COMPLETED and cancelled and found.get("cancel_initiated_at"):
        known = BatchStatus.CANCELLED
    return Batch(
        id=name,
        status=known,
        raw_status=status,
        total=None if counts is None else sum(counts.values()),
        completed=None if counts is None else counts.get("succeeded", 0),
        failed=None if counts is None else sum(counts.get(key, 0) for key in ("errored", "expired", "canceled")),
        created_at=_seconds(found.get("created_at")),
        ended_at=_seconds(found.get("ended_at")),
        expires_at=_seconds(found.get("expires_at")),
        raw=found,
    )


def _seconds(value: object) -> float | None:
    """Return a time as RFC 3339 has it, in Unix seconds; ``None`` for what is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
