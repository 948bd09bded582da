"""Lines on their way into a vendor's batches: each checked and encoded, and gathered up to what one batch takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from backbay import BackbayError, Backend, BatchLimits, BatchRequest

from .asking import failure_of
from .bodies import chat_arguments
from .engine import Failure
from .lines import LineError, read_line
from .rows import Place
from .vendor_chunks import custom_id

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of one batch at most, whatever the vendor takes: it is held in memory while it is sent."""

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""What all requests of one batch must have alike: the model where the vendor wants that, the call, its headers."""


@dataclass(slots=True)
class Bundle:
    """Requests that go together.

    Attributes:
        requests: The requests.
        numbers: Their lines.
        size: Their bytes.
    """

    requests: list[BatchRequest] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    size: int = 0


class Bundler:
    """Makes bundles of lines.

    Args:
        backend: Whose batches they are for.
        tag: What ids begin with.
    """

    def __init__(self, backend: Backend, tag: str) -> None:
        self._backend = backend
        self._tag = tag
        self._limits: BatchLimits = backend.batch_limits
        self._most = min(self._limits.max_bytes, MOST_BYTES)
        self._bundles: dict[Key, Bundle] = {}

    def add(self, place: Place, line: bytes) -> Bundle | Failure | None:
        """Take a line.

        Returns:
            A bundle that is full now, and is to be sent; why the line can never be sent; or ``None``.
        """
        try:
            request = self._request(place.number, line)
        except LineError as failure:
            return Failure(code=failure.code, message=failure.message, type="LineError")
        except BackbayError as error:
            return failure_of(error)
        if request.size > self._limits.max_bytes:
            said = f"The request has {request.size:,} bytes; the vendor takes {self._limits.max_bytes:,} in one batch."
            return Failure(code="batch_too_large", message=said, type="LineError")
        key = self._key(request)
        bundle, full = self._bundles.get(key), None
        crowded = bundle is not None and bundle.size + request.size > self._most
        if bundle is not None and (crowded or len(bundle.requests) >= self._limits.max_requests):
            full = self._bundles.pop(key)
            bundle = None
        elif sum(each.size for each in self._bundles.values()) + request.size > MOST_BYTES and self._bundles:
            # Many models: the largest goes, so that memory stays bounded.
            largest = max(self._bundles, key=lambda name: self._bundles[name].size)
            full = self._bundles.pop(largest)
            bundle = self._bundles.get(key)
        if bundle is None:
            bundle = self._bundles[key] = Bundle()
        bundle.requests.append(request)
        bundle.numbers.append(place.number)
        bundle.size += request.size
        return full

    def rest(self) -> Iterator[Bundle]:
        """Yield what is left, each bundle once."""
        while self._bundles:
            yield self._bundles.pop(next(iter(self._bundles)))

    def _request(self, number: int, data: bytes) -> BatchRequest:
        line = read_line(data)
        if line.kind != "chat":
            raise LineError(
                "invalid_url", "Only chat completions go into a vendor's batch; ask for embeddings line by line."
            )
        messages, options = chat_arguments(line.body)
        model = self._backend.model or line.body.get("model")
        if isinstance(model, str) and model:
            options["model"] = model
        return self._backend.batch_request(custom_id(self._tag, number), messages, **options)

    def _key(self, request: BatchRequest) -> Key:
        return (request.model if self._limits.one_model else "", request.path, tuple(sorted(request.headers.items())))
