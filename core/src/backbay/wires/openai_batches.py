"""Batches as OpenAI has them: a file of lines sent ahead, a batch made of it, and files of results.

Source: OpenAI's API reference as its Python SDK 3.52 has it (``types/batch.py``, ``types/batch_create_params.py``,
``types/file_create_params.py``) and its guide https://developers.openai.com/api/docs/guides/batch, both read
2026-11-21. The SDK has a place for an idempotency header, and names none: a creation cannot be repeated safely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from ..batches import Batch, BatchLimits, BatchRequest, BatchStatus
from ..errors import DecodeError
from ..http.batchwire import BatchWire, ResultLine, fetch, form, safe
from ..http.codec import HTTPRequest
from .reading import excerpt, load_object, whole_number
from .writing import to_bytes

LIMITS = BatchLimits(max_requests=50_000, max_bytes=200 * 10**6, one_model=True, labels=True)
"""As the guide says: 50,000 requests, 200 MB, and one model in each file. It sets no form for ids."""

LABEL = "backbay_label"
"""Where the label stands in the batch's ``metadata``."""

_PAGE = 100

STATUSES: Mapping[str, BatchStatus] = {
    "validating": BatchStatus.QUEUED,
    "in_progress": BatchStatus.RUNNING,
    "finalizing": BatchStatus.RUNNING,
    "completed": BatchStatus.COMPLETED,
    "failed": BatchStatus.FAILED,
    "expired": BatchStatus.EXPIRED,
    "cancelling": BatchStatus.CANCELLING,
    "cancelled": BatchStatus.CANCELLED,
}
_ENDS = ("completed_at", "failed_at", "expired_at", "cancelled_at")


class OpenAIBatches(BatchWire):
    """The batches of the chat-completions and the responses wire."""

    limits = LIMITS

    def line(self, custom_id: str, request: HTTPRequest) -> bytes:
        """Return ``{"custom_id", "method", "url", "body"}``."""
        # By hand, since the body is JSON already.
        return b'{"custom_id":%s,"method":"POST","url":%s,"body":%s}' % (
            to_json(custom_id),
            to_json(_url(request.path)),
            request.body,
        )

    def upload(self, requests: Sequence[BatchRequest]) -> HTTPRequest:
        """Return the POST to ``files``."""
        return form("files", (("purpose", "batch"),), [each.data for each in requests])

    def uploaded(self, body: bytes) -> str:
        """Return the file's id."""
        found = load_object(body, "a file").get("id")
        if not isinstance(found, str) or not found:
            raise DecodeError("The uploaded file has no id.", body=excerpt(body))
        return found

    def create(self, requests: Sequence[BatchRequest], upload: str | None, label: str | None) -> HTTPRequest:
        """Return the POST to ``batches``."""
        metadata = {} if label is None else {"metadata": {LABEL: label}}
        body = {
            "input_file_id": upload,
            "endpoint": _url(requests[0].path),
            "completion_window": "24h",
            **metadata,
        }
        return HTTPRequest("POST", "batches", to_bytes(body), requests[0].headers)

    def get(self, batch_id: str) -> HTTPRequest:
        """Return the GET of a batch."""
        return HTTPRequest("GET", f"batches/{safe(batch_id)}")

    def cancel(self, batch_id: str) -> HTTPRequest:
        """Return the POST that cancels one."""
        return HTTPRequest("POST", f"batches/{safe(batch_id)}/cancel")

    def decode(self, body: bytes) -> Batch:
        """Return a batch."""
        return self._batch(load_object(body, "a batch"), body)

    def listing(self, page: str | None) -> HTTPRequest:
        """Return the GET of a page; the next one begins after the last id of this."""
        after = "" if page is None else f"&after={safe(page)}"
        return HTTPRequest("GET", f"batches?limit={_PAGE}{after}")

    def decode_list(self, body: bytes, page: str | None) -> tuple[Sequence[Batch], str | None]:
        """Return the batches of a page."""
        found = load_object(body, "a list of batches")
        listed = [self._batch(each, body) for each in rows(found, body)]
        return listed, listed[-1].id if found.get("has_more") is True and listed else None

    def results(self, batch: Batch) -> Sequence[HTTPRequest]:
        """Return the GETs of the file of answers, and that of errors, where the batch has them."""
        files = (batch.raw.get("output_file_id"), batch.raw.get("error_file_id"))
        return [fetch(f"files/{safe(file)}/content") for file in files if isinstance(file, str) and file]

    def read(self, line: bytes) -> ResultLine:
        """Return what a line of either file says."""
        return read_line(line)

    def _batch(self, found: Mapping[str, Any], body: bytes) -> Batch:
        name, status = found.get("id"), found.get("status")
        if not isinstance(name, str) or not name or not isinstance(status, str):
            raise DecodeError("Expected a batch, and what came has no id or no status.", body=excerpt(body))
        counts, metadata = _mapping(found.get("request_counts")), _mapping(found.get("metadata"))
        known = STATUSES.get(status, BatchStatus.OTHER)
        # The vendor counts a batch's requests while it looks at the file; until then it says 0.
        total = whole_number(counts.get("total")) or None
        label, model = metadata.get(LABEL), found.get("model")
        return Batch(
            id=name,
            status=known,
            raw_status=status,
            total=total,
            completed=whole_number(counts.get("completed")) if total else None,
            failed=whole_number(counts.get("failed")) if total else None,
            created_at=seconds(found.get("created_at")),
            ended_at=next((at for end in _ENDS if (at := seconds(found.get(end))) is not None), None),
            expires_at=seconds(found.get("expires_at")),
            error=words(_mapping(found.get("errors")).get("data")),
            label=label if isinstance(label, str) else None,
            model=model if isinstance(model, str) else None,
            raw=found,
        )


def read_line(line: bytes) -> ResultLine:
    """Return what ``{"custom_id", "response": {"status_code", "request_id", "body"}, "error"}`` says.

    Raises:
        DecodeError: It is no such line.
    """
    found = load_object(line, "a line of results")
    custom_id, response, error = found.get("custom_id"), found.get("response"), found.get("error")
    if not isinstance(custom_id, str) or not custom_id:
        raise DecodeError("A line of the results has no custom_id.", body=excerpt(line))
    if isinstance(response, dict):
        status, request_id = response.get("status_code"), response.get("request_id")
        inside = response.get("body")
        return ResultLine(
            custom_id=custom_id,
            status=status if isinstance(status, int) and not isinstance(status, bool) else 200,
            body=inside.encode() if isinstance(inside, str) else json.dumps(inside).encode(),
            request_id=request_id if isinstance(request_id, str) else None,
        )
    said = _mapping(error)
    code, message = said.get("code"), said.get("message")
    return ResultLine(
        custom_id=custom_id,
        status=None,
        code=never_made(code) if isinstance(code, str) else None,
        message=message if isinstance(message, str) else None,
    )


def never_made(code: str) -> str:
    """Return a vendor's code for a request that was never made, in one spelling."""
    for word in ("expire", "cancel"):
        if word in code:
            return {"expire": "batch_expired", "cancel": "batch_cancelled"}[word]
    return code


def rows(found: Mapping[str, Any], body: bytes) -> list[Mapping[str, Any]]:
    """Return the objects in a list's ``data``.

    Raises:
        DecodeError: There is none.
    """
    data = found.get("data")
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise DecodeError("Expected a list of batches, and something else came.", body=excerpt(body))
    return data


def seconds(value: object) -> float | None:
    """Return a time in Unix seconds; ``None`` for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def words(errors: object) -> str | None:
    """Return what a batch's errors say, the first five of them."""
    listed = errors if isinstance(errors, list) else []
    said = [each.get("message") for each in listed[:5] if isinstance(each, dict)]
    return "; ".join(word for word in said if isinstance(word, str)) or None


def _url(path: str) -> str:
    """Return a call's path as the vendor names it in a batch, whatever the address here."""
    return f"/v1/{path}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
