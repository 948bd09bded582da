"""OpenAI's batches, emulated: a file of lines, a batch made of it, and files of results.

Source: OpenAI's API reference (Batches, Files) as its Python SDK 3.52 has it, and its guide to the Batch API.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from backbay.testing import Received, Reply

from ..batchdesk import BatchDesk, file_in, json_reply, lines_reply


class OpenAIBatchDesk(BatchDesk):
    """The batches of the chat-completions and the responses wire.

    Attributes:
        place: The path of batches.
    """

    place = "batches"

    def __init__(self, vendor: Any) -> None:
        super().__init__(vendor)
        self._files: dict[str, Mapping[str, bytes]] = {}
        self._metadata: list[object] = []

    def __call__(self, request: Received) -> Reply:
        """Answer by path."""
        path, _, query = request.path.removeprefix("/v1/").partition("?")
        if path == "files" and request.method == "POST":
            name = f"file-{len(self._files)}"
            self._files[name] = dict(self.line(json.loads(each)) for each in file_in(request).splitlines() if each)
            return json_reply(_json({"id": name, "object": "file", "purpose": "batch"}))
        if path.startswith("files/") and path.endswith("/content"):
            return self._content(unquote(path.split("/")[1]))
        if path == self.place and request.method == "POST":
            number = len(self.made)
            given = request.json
            self.check(given)
            self._metadata.append(given.get("metadata"))
            return self.take(self._files[self.input(given)], self._told(number, new=True))
        if path == self.place:
            return json_reply(self.listed([self._told(number) for number in range(len(self.made))]))
        name, _, act = path.removeprefix(f"{self.place}/").partition("/")
        if act not in ("", "cancel") or not name.startswith("batch_"):
            raise ValueError(f"{request.method} {request.path} {query} is none of these")
        return json_reply(self._told(int(name.removeprefix("batch_"))))

    def line(self, row: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return id and body of a line."""
        if set(row) != {"custom_id", "method", "url", "body"} or row["method"] != "POST":
            raise ValueError(f"{row} is no line of a batch")
        if row["body"].get("stream"):
            raise ValueError("a batch has no streams")
        return row["custom_id"], _json(row["body"])

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` if a batch cannot be made like this."""
        if given.get("completion_window") != "24h" or not str(given.get("endpoint")).startswith("/v1/"):
            raise ValueError(f"{given} makes no batch")

    def input(self, given: Mapping[str, Any]) -> str:
        """Return the name of the file that a batch is made of."""
        return str(given["input_file_id"])

    def told(self, number: int, metadata: object, *, new: bool = False) -> bytes:
        """Return a batch as the vendor describes it."""
        ended = not (new or self.open)
        total = 0 if new else len(self.made[number])
        files = {"output_file_id": f"out-{number}", "error_file_id": f"err-{number}"} if ended else {}
        counts = {"total": total, "completed": total if ended else 0, "failed": 0}
        status = "validating" if new else "completed" if ended else "in_progress"
        told = {"id": f"batch_{number}", "object": "batch", "status": status, "request_counts": counts}
        # No field of OpenAI's: an answer may have anything in it.
        away = {} if self.elsewhere is None else {"results_url": f"{self.elsewhere}/v1/files/out-{number}/content"}
        return _json({**told, "created_at": 1, "metadata": metadata, **files, **away})

    def listed(self, told: list[bytes]) -> bytes:
        """Return a list of batches."""
        return _json({"object": "list", "data": [json.loads(each) for each in told], "has_more": False})

    def _told(self, number: int, *, new: bool = False) -> bytes:
        return self.told(number, self._metadata[number], new=new)

    def _content(self, name: str) -> Reply:
        kind, _, number = name.partition("-")
        lines = [
            {"id": "r", "custom_id": custom_id, "response": _response(status, body), "error": None}
            for custom_id, status, body in self.results(self.made[int(number)])
            if (status == 200) is (kind == "out")
        ]
        return lines_reply([_json(line) for line in lines])


def _response(status: int, body: bytes) -> dict[str, Any]:
    return {"status_code": status, "request_id": "req_1", "body": json.loads(body)}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
