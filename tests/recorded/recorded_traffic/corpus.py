"""Loads recorded exchanges from the corpus, which lies outside the repository."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]


def folder() -> Path:
    """Return the folder of the exchanges: below BACKBAY_CORPUS, or below ``shared`` beside the repository."""
    named = os.environ.get("BACKBAY_CORPUS")
    return (Path(named) if named else REPOSITORY.parent / "shared") / "wire" / "exchanges"


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange.

    Attributes:
        id: Its id, such as ``"openai/chat/plain/001"``.
        vendor: Who answered.
        api: Which of the vendor's APIs.
        feature: What the exchange is about.
        request: The recorded request.
        status: HTTP status of the response.
        headers: Its headers, by lower-case name.
        framing: ``"sse"``, ``"json"``, ``"ndjson"``, ``"eventstream"`` or ``"text"``.
        body: Its body.
        expected: The facts that a decoder must get from it.
    """

    id: str
    vendor: str
    api: str
    feature: str
    request: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]
    framing: str
    body: bytes
    expected: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """``"chat"``, ``"error"``, ``"models"``, ``"embeddings"``, ``"count_tokens"`` or ``"rerank"``."""
        return str(self.expected["kind"])

    @property
    def streamed(self) -> bool:
        """Whether the answer came as a stream."""
        return self.framing in ("sse", "ndjson", "eventstream") or self.feature.endswith("_stream")

    def __str__(self) -> str:
        return self.id


@cache
def exchanges() -> tuple[Exchange, ...]:
    """Return every exchange, in order; none where there is no corpus."""
    return tuple(_load(path) for path in sorted(folder().glob("*/*/*/*.json")))


def of(vendor: str, api: str) -> Iterator[Exchange]:
    """Yield the exchanges of one vendor's API."""
    return (exchange for exchange in exchanges() if (exchange.vendor, exchange.api) == (vendor, api))


def _load(path: Path) -> Exchange:
    found = json.loads(path.read_text(encoding="utf-8"))
    response = found["response"]
    text = response.get("sse", response.get("body"))
    return Exchange(
        id=found["id"],
        vendor=found["vendor"],
        api=found["api"],
        feature=found["feature"],
        request=found["request"],
        status=response["status"],
        headers={name.lower(): value for name, value in response["headers"].items()},
        framing=response["framing"],
        body=base64.b64decode(response["body_b64"]) if text is None else text.encode(),
        expected=found["expected"],
    )
