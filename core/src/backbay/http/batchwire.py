"""What a wire has for batches: pure functions between batches and HTTP. No I/O, no clock."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ..batches import Batch, BatchLimits, BatchRequest
from .codec import HTTPRequest

RESULTS_HEADERS = {"accept": "*/*"}
"""Headers of a request for results, in place of the backend's own: they are lines of JSON in a file of any type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """One line of a batch's results.

    Attributes:
        custom_id: The request's.
        status: HTTP status that the answer has, or would have had; ``None`` where the request was never made.
        body: The answer's body, or the error's.
        request_id: The vendor's id of the request, or ``None``.
        code: Why it was never made, ``"batch_expired"`` or ``"batch_cancelled"``; else ``None``.
        message: The vendor's words for that, or ``None``.
    """

    custom_id: str
    status: int | None
    body: bytes = field(default=b"", repr=False)
    request_id: str | None = None
    code: str | None = None
    message: str | None = None


class BatchWire(ABC):
    """The batches of one wire at one vendor. The codec gives it, as ``Codec.batches``."""

    @property
    @abstractmethod
    def limits(self) -> BatchLimits:
        """What the vendor takes in one batch."""

    @abstractmethod
    def line(self, custom_id: str, request: HTTPRequest) -> bytes:
        """Return one request, which the codec encoded, as a batch takes it; without an end of line."""

    def upload(self, requests: Sequence[BatchRequest]) -> HTTPRequest | None:
        """Return the request that sends the lines ahead; ``None`` where they go with the batch itself."""
        return None

    def uploaded(self, body: bytes) -> str:
        """Return the name of what was sent ahead.

        Raises:
            DecodeError: The body has none.
        """
        raise NotImplementedError

    @abstractmethod
    def create(self, requests: Sequence[BatchRequest], upload: str | None, label: str | None) -> HTTPRequest:
        """Return the request that makes a batch; ``upload`` is what ``uploaded`` returned."""

    @abstractmethod
    def get(self, batch_id: str) -> HTTPRequest:
        """Return the request for a batch."""

    @abstractmethod
    def cancel(self, batch_id: str) -> HTTPRequest:
        """Return the request that cancels one."""

    @abstractmethod
    def decode(self, body: bytes) -> Batch:
        """Return a batch, from the answer to any of these.

        Raises:
            DecodeError: The body is no batch.
        """

    @abstractmethod
    def listing(self, page: str | None) -> HTTPRequest:
        """Return the request for a page of the account's batches; ``None`` for the first."""

    @abstractmethod
    def decode_list(self, body: bytes, page: str | None) -> tuple[Sequence[Batch], str | None]:
        """Return the batches of a page, and what ``listing`` takes for the next one; ``None`` after the last.

        Raises:
            DecodeError: The body is no list of batches.
        """

    @abstractmethod
    def results(self, batch: Batch) -> Sequence[HTTPRequest]:
        """Return the requests for the results of a batch that has ended; their bodies are lines of JSON.

        All lead to the backend's own address: an address that a vendor's answer has in it gets no key.
        """

    @abstractmethod
    def read(self, line: bytes) -> ResultLine:
        """Return what a line of the results says.

        Raises:
            DecodeError: It is no such line.
        """


def fetch(path: str) -> HTTPRequest:
    """Return the request for a file of results."""
    return HTTPRequest("GET", path, headers=RESULTS_HEADERS, overrides=True)


def safe(name: str) -> str:
    """Return an id as one part of a path."""
    return quote(name, safe="")


def form(path: str, fields: Sequence[tuple[str, str]], lines: Sequence[bytes]) -> HTTPRequest:
    """Return the POST of a form (RFC 7578) with a file of lines.

    Args:
        path: Where it goes.
        fields: Names and values of the fields before the file.
        lines: The file's lines, without their ends. It is called ``batch.jsonl``, in the field ``file``.
    """
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    # A digest of what it parts is not in that, unless somebody has broken SHA-256.
    boundary = digest.hexdigest()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n".encode()
    )
    for line in lines:
        parts += (line, b"\n")
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return HTTPRequest("POST", path, b"".join(parts), headers, overrides=True)
