"""Saboteurs of relaying: backends over HTTP that carry a job otherwise than it was given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

from backbay import BackbayError, Job, JobResult, JobSink, ProtocolError
from backbay.attempt import Call
from backbay.http.codec import HTTPRequest
from backbay.http.driver import HTTPBackend
from backbay.http.transport import TransportResponse
from backbay.relay import Source

_Change = Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]


class _Changed:
    """A body whose bytes are changed on their way."""

    def __init__(self, honest: Source, change: _Change) -> None:
        self._honest = honest
        self._change = change
        self.status = honest.status
        self.content_type = honest.content_type

    def chunks(self) -> AsyncIterator[bytes]:
        return self._change(self._honest.chunks())

    async def aclose(self) -> None:
        await self._honest.aclose()


class _Changing(HTTPBackend):
    """The honest twin: ``changed`` leaves the bytes as they are."""

    def changed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return chunks

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        send = super()._carry(job)

        async def changed(call: Call) -> Source:
            return _Changed(await send(call), self.changed)

        return changed


class DecodesWhatItRelays(_Changing):
    """Decodes the bytes of a relay as text, and writes them anew."""

    async def changed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for data in chunks:
            yield data.decode("utf-8", "replace").encode()


class ReadsAheadOfTheSink(_Changing):
    """Reads a whole answer before the sink gets any of it."""

    async def changed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        for data in [data async for data in chunks]:
            yield data


class WritesJobsAnew(HTTPBackend):
    """Parses a caller's request, and writes it as it likes."""

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        request: Any = json.loads(job.request) if isinstance(job.request, bytes) else job.request
        return super()._carry(replace(job, request=request))


class WrapsWhatTheSinkRaises(HTTPBackend):
    """Turns what a sink raises into an error of its own."""

    async def execute(self, job: Job, sink: JobSink) -> JobResult:  # type: ignore[misc]
        try:
            return await super().execute(job, sink)
        except Exception as failure:
            raise ProtocolError(f"The sink failed: {failure}") from failure


class KeepsNoDeadline(HTTPBackend):
    """Knows no time in which a job must be done."""

    async def execute(self, job: Job, sink: JobSink) -> JobResult:  # type: ignore[misc]
        return await super().execute(replace(job, deadline_ms=3_600_000), sink)


class TakesAnyFormat(HTTPBackend):
    """Sends a job in any wire as if it were its own."""

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        return super()._carry(replace(job, format=self.spec.wires[0]))


class RelaysErrors(HTTPBackend):
    """Gives an error's body to the sink as if it were an answer."""

    async def _send(self, request: HTTPRequest, call: Call) -> TransportResponse:
        return await self._exchange(request)


class RelaysTwice(HTTPBackend):
    """Sends a job again where its answer was cut."""

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        send = super()._carry(job)

        async def twice(call: Call) -> Source:
            async def again(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
                try:
                    async for data in chunks:
                        yield data
                except BackbayError:
                    second = await send(call)
                    async for data in second.chunks():
                        yield data
                    await second.aclose()

            return _Changed(await send(call), again)

        return twice


class InventsCounts(HTTPBackend):
    """Says 0 where nobody told the counts of a relayed answer."""

    async def execute(self, job: Job, sink: JobSink) -> JobResult:  # type: ignore[misc]
        found = await super().execute(job, sink)
        return replace(found, input_tokens=found.input_tokens or 0, output_tokens=found.output_tokens or 0)
