"""Every backend with methods that block. There is one implementation of every call, and two faces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Protocol, Self, Unpack, cast

from .backend import Backend
from .batches import Batch, BatchLimits, BatchRequest, BatchResult
from .bridge import run
from .capabilities import Capabilities
from .jobs import Job, JobResult, JobSink
from .limits import LimitsInput
from .messages import MessagesInput
from .relay import check_sink
from .request import Options
from .response import Embeddings, Health, ModelInfo, Ranking, Response
from .spec import BackendSpec
from .syncstream import SyncStream

__all__ = ["SyncBackend", "SyncJobSink", "SyncStream"]


class SyncJobSink(Protocol):
    """As ``JobSink``, with methods that block; ``start`` may be there likewise."""

    def send_chunk(self, data: bytes) -> None:
        """Take some bytes of the body, as they came."""


class SyncBackend:
    """A backend with blocking methods. May be used from several threads at once."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def id(self) -> str:
        """As ``Backend.id``."""
        return self.backend.id

    @property
    def spec(self) -> BackendSpec:
        """As ``Backend.spec``."""
        return self.backend.spec

    @property
    def model(self) -> str | None:
        """As ``Backend.model``."""
        return self.backend.model

    def capabilities(self, model: str | None = None) -> Capabilities:
        """As ``Backend.capabilities``."""
        return self.backend.capabilities(model)

    def with_options(self, **options: Unpack[Options]) -> SyncBackend:
        """As ``Backend.with_options``."""
        return SyncBackend(self.backend.with_options(**options))

    def complete(self, messages: MessagesInput, **options: Unpack[Options]) -> Response:
        """As ``Backend.complete``."""
        return run(self.backend.complete(messages, **options))

    def complete_raw(self, prompt: str, **options: Unpack[Options]) -> Response:
        """As ``Backend.complete_raw``."""
        return run(self.backend.complete_raw(prompt, **options))

    def stream(self, messages: MessagesInput, **options: Unpack[Options]) -> SyncStream:
        """As ``Backend.stream``."""
        return SyncStream(self.backend.stream(messages, **options))

    def list_models(self, *, limits: LimitsInput = None) -> Sequence[ModelInfo]:
        """As ``Backend.list_models``."""
        return run(self.backend.list_models(limits=limits))

    def health(self, *, limits: LimitsInput = None) -> Health:
        """As ``Backend.health``."""
        return run(self.backend.health(limits=limits))

    def embed(
        self,
        inputs: str | Sequence[str],
        *,
        model: str | None = None,
        limits: LimitsInput = None,
        extra: Mapping[str, object] | None = None,
    ) -> Embeddings:
        """As ``Backend.embed``."""
        return run(self.backend.embed(inputs, model=model, limits=limits, extra=extra))

    def rerank(
        self,
        query: str,
        documents: Sequence[str],
        *,
        top_n: int | None = None,
        model: str | None = None,
        limits: LimitsInput = None,
        extra: Mapping[str, object] | None = None,
    ) -> Ranking:
        """As ``Backend.rerank``."""
        return run(self.backend.rerank(query, documents, top_n=top_n, model=model, limits=limits, extra=extra))

    def count_tokens(self, messages: MessagesInput, **options: Unpack[Options]) -> int:
        """As ``Backend.count_tokens``."""
        return run(self.backend.count_tokens(messages, **options))

    @property
    def wires(self) -> Sequence[str]:
        """As ``Backend.wires``."""
        return self.backend.wires

    def execute(self, job: Job, sink: SyncJobSink | JobSink) -> JobResult:
        """As ``Backend.execute``, for a sink whose methods block: they are called on this thread.

        While the sink works nothing can interrupt it: a deadline that passes meanwhile ends the job when it returns.
        A sink whose methods are ``async`` is awaited on Backbay's own loop.
        """
        if iscoroutinefunction(getattr(sink, "send_chunk", None)):
            return run(self.backend.execute(job, cast("JobSink", sink)))
        check_sink(sink, self.id)
        relay = self.backend.relay(job)
        try:
            run(relay.begin())
            start = getattr(sink, "start", None)
            if start is not None:
                start(relay.status, relay.content_type)
            while (data := run(anext(relay, None))) is not None:
                sink.send_chunk(data)
        finally:
            data = None
            run(relay.aclose())
        return relay.result

    @property
    def batch_limits(self) -> BatchLimits:
        """As ``Backend.batch_limits``."""
        return self.backend.batch_limits

    def batch_request(self, custom_id: str, messages: MessagesInput, **options: Unpack[Options]) -> BatchRequest:
        """As ``Backend.batch_request``."""
        return self.backend.batch_request(custom_id, messages, **options)

    def create_batch(
        self, requests: Iterable[BatchRequest], *, label: str | None = None, limits: LimitsInput = None
    ) -> Batch:
        """As ``Backend.create_batch``."""
        return run(self.backend.create_batch(requests, label=label, limits=limits))

    def get_batch(self, batch_id: str, *, limits: LimitsInput = None) -> Batch:
        """As ``Backend.get_batch``."""
        return run(self.backend.get_batch(batch_id, limits=limits))

    def cancel_batch(self, batch_id: str, *, limits: LimitsInput = None) -> Batch:
        """As ``Backend.cancel_batch``."""
        return run(self.backend.cancel_batch(batch_id, limits=limits))

    def list_batches(self, *, count: int = 100, limits: LimitsInput = None) -> Sequence[Batch]:
        """As ``Backend.list_batches``."""
        return run(self.backend.list_batches(count=count, limits=limits))

    def batch_results(self, batch: Batch | str, *, limits: LimitsInput = None) -> Iterator[BatchResult]:
        """As ``Backend.batch_results``, for a ``for`` loop."""
        results = self.backend.batch_results(batch, limits=limits)
        return _drained(results)

    def close(self) -> None:
        """Close the backend. May be called again."""
        run(self.backend.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SyncBackend {self.id} model={self.model!r}>"


def _drained(results: AsyncGenerator[BatchResult]) -> Iterator[BatchResult]:
    try:
        while (result := run(anext(results, None))) is not None:
            yield result
    finally:
        run(results.aclose())
