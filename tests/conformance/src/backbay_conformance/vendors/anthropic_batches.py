"""Anthropic's message batches, emulated.

Source: Anthropic's API reference (Message Batches) as its Python SDK 2.12 has it.
"""

from __future__ import annotations

import json
from typing import Any

from backbay.testing import Received, Reply

from ..batchdesk import BatchDesk, json_reply, lines_reply

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 500: "api_error"}
_PLACE = "messages/batches"


class AnthropicBatchDesk(BatchDesk):
    """The batches of the messages wire."""

    def __call__(self, request: Received) -> Reply:
        """Answer by path."""
        path = request.path.removeprefix("/v1/").partition("?")[0]
        if path == _PLACE and request.method == "POST":
            requests = {each["custom_id"]: _json(each["params"]) for each in request.json["requests"]}
            if any(json.loads(body).get("stream") for body in requests.values()):
                raise ValueError("a batch has no streams")
            return self.take(requests, self._told(len(self.made), len(requests), new=True))
        if path == _PLACE:
            told = [json.loads(self._told(number, len(made))) for number, made in enumerate(self.made)]
            return json_reply(_json({"data": told, "has_more": False, "first_id": None, "last_id": None}))
        name, _, act = path.removeprefix(f"{_PLACE}/").partition("/")
        if act not in ("", "cancel", "results") or not name.startswith("batch_"):
            raise ValueError(f"{request.method} {request.path} is none of these")
        number = int(name.removeprefix("batch_"))
        if act != "results":
            return json_reply(self._told(number, len(self.made[number])))
        return lines_reply([_json(self._line(*result)) for result in self.results(self.made[number])])

    def _told(self, number: int, total: int, *, new: bool = False) -> bytes:
        ended = not (new or self.open)
        counts = {"processing": 0 if ended else total, "succeeded": total if ended else 0}
        counts |= {"errored": 0, "canceled": 0, "expired": 0}
        where = self.elsewhere or "http://127.0.0.1:9"
        return _json(
            {
                "id": f"batch_{number}",
                "type": "message_batch",
                "processing_status": "ended" if ended else "in_progress",
                "request_counts": counts,
                "created_at": "2026-01-01T00:00:00Z",
                "expires_at": "2026-01-02T00:00:00Z",
                "results_url": f"{where}/v1/{_PLACE}/batch_{number}/results" if ended else None,
            }
        )

    def _line(self, custom_id: str, status: int, body: bytes) -> dict[str, Any]:
        if status == 200:
            return {"custom_id": custom_id, "result": {"type": "succeeded", "message": json.loads(body)}}
        error = {"type": "error", "error": {"type": _TYPES[status], "message": "no"}, "request_id": "req_1"}
        return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
