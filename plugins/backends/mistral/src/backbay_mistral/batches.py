"""Batches as Mistral has them: OpenAI's files, and jobs of its own.

Source: Mistral's Python SDK (``models/batchjob.py``, ``createbatchjobrequest.py``, ``listbatchjobsresponse.py``), its
guide https://docs.mistral.ai/studio-api/batch-processing, and its page on known limitations, all read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from backbay.batches import Batch, BatchLimits, BatchRequest, BatchStatus
from backbay.errors import DecodeError
from backbay.http.batchwire import fetch, safe
from backbay.http.codec import HTTPRequest
from backbay.wires.openai_batches import LABEL, OpenAIBatches, rows, seconds, words
from backbay.wires.reading import excerpt, load_object, whole_number
from backbay.wires.writing import to_bytes

LIMITS = BatchLimits(max_requests=100_000, max_bytes=512 * 10**6, one_model=True, labels=True)
"""As the page on known limitations says (100,000 requests, 512 MB; the guide speaks of a million, and the lesser number
holds). A job runs one model: it is told it once, and not by each line."""

STATUSES: Mapping[str, BatchStatus] = {
    "QUEUED": BatchStatus.QUEUED,
    "RUNNING": BatchStatus.RUNNING,
    "SUCCESS": BatchStatus.COMPLETED,
    "FAILED": BatchStatus.FAILED,
    "TIMEOUT_EXCEEDED": BatchStatus.EXPIRED,
    "CANCELLATION_REQUESTED": BatchStatus.CANCELLING,
    "CANCELLED": BatchStatus.CANCELLED,
}

_PAGE = 100


class MistralBatches(OpenAIBatches):
    """The batches of Mistral's wire."""

    limits = LIMITS

    def line(self, custom_id: str, request: HTTPRequest) -> bytes:
        """Return ``{"custom_id", "body"}``."""
        return b'{"custom_id":%s,"body":%s}' % (to_json(custom_id), request.body)

    def create(self, requests: Sequence[BatchRequest], upload: str | None, label: str | None) -> HTTPRequest:
        """Return the POST to ``batch/jobs``."""
        metadata = {} if label is None else {"metadata": {LABEL: label}}
        body = {
            "input_files": [upload],
            "endpoint": f"/v1/{requests[0].path}",
            "model": requests[0].model,
            **metadata,
        }
        return HTTPRequest("POST", "batch/jobs", to_bytes(body))

    def get(self, batch_id: str) -> HTTPRequest:
        """Return the GET of a job."""
        return HTTPRequest("GET", f"batch/jobs/{safe(batch_id)}")

    def cancel(self, batch_id: str) -> HTTPRequest:
        """Return the POST that cancels one."""
        return HTTPRequest("POST", f"batch/jobs/{safe(batch_id)}/cancel")

    def listing(self, page: str | None) -> HTTPRequest:
        """Return the GET of a page; pages are numbered from 0."""
        return HTTPRequest("GET", f"batch/jobs?page={page or 0}&page_size={_PAGE}")

    def decode_list(self, body: bytes, page: str | None) -> tuple[Sequence[Batch], str | None]:
        """Return the jobs of a page. A list without jobs may have no ``data``."""
        found = load_object(body, "a list of batches")
        total = whole_number(found.get("total"))
        if total is None:
            raise DecodeError("Expected a list of batches, and something else came.", body=excerpt(body))
        listed = [] if found.get("data") is None else [self._batch(each, body) for each in rows(found, body)]
        number = int(page or 0) + 1
        return listed, str(number) if listed and number * _PAGE < total else None

    def results(self, batch: Batch) -> Sequence[HTTPRequest]:
        """Return the GETs of the file of answers, and that of errors, where the job has them."""
        files = (batch.raw.get("output_file"), batch.raw.get("error_file"))
        return [fetch(f"files/{safe(file)}/content") for file in files if isinstance(file, str) and file]

    def _batch(self, found: Mapping[str, Any], body: bytes) -> Batch:
        name, status = found.get("id"), found.get("status")
        if not isinstance(name, str) or not name or not isinstance(status, str):
            raise DecodeError("Expected a batch, and what came has no id or no status.", body=excerpt(body))
        metadata, model = found.get("metadata"), found.get("model")
        label = metadata.get(LABEL) if isinstance(metadata, dict) else None
        return Batch(
            id=name,
            status=STATUSES.get(status, BatchStatus.OTHER),
            raw_status=status,
            total=whole_number(found.get("total_requests")) or None,
            completed=whole_number(found.get("succeeded_requests")),
            failed=whole_number(found.get("failed_requests")),
            created_at=seconds(found.get("created_at")),
            ended_at=seconds(found.get("completed_at")),
            error=words(found.get("errors")),
            label=label if isinstance(label, str) else None,
            model=model if isinstance(model, str) else None,
            raw=found,
        )
