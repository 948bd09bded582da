"""The batches of a vendor over HTTP: made, looked at, and their results read line by line."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ..attempt import Call
from ..batches import Batch, BatchLimits, BatchRequest, BatchResult, BatchStatus
from ..errors import BackbayError, ResponseError, TruncatedError
from ..folding import fold
from ..limits import Limits
from ..relay import Relay
from .batchwire import ResultLine
from .codec import MAX_BODY, HTTPRequest
from .facets import MAX_PAGES, Faceted
from .ndjson import NDJSONDecoder
from .relaying import Body
from .sealing import seal
from .statuses import response_error

_NEVER_MADE = {
    "batch_expired": "The vendor's time for the batch ran out before the request was made.",
    "batch_cancelled": "The batch was cancelled before the request was made.",
}


class Batching(Faceted):
    """The part of a backend over HTTP that has batches."""

    def _redact(self, text: str) -> str:
        raise NotImplementedError

    def _cleaned(self, error: BackbayError) -> BackbayError:
        raise NotImplementedError

    def _batch_limits(self) -> BatchLimits:
        return self._codec.batches().limits

    def _batch_request(self, call: Call, custom_id: str) -> BatchRequest:
        request = call.request
        assert request is not None
        assert request.model is not None
        encoded = self._codec.encode(request, stream=False)
        return BatchRequest(
            custom_id=custom_id,
            model=request.model,
            path=encoded.path,
            data=self._codec.batches().line(custom_id, encoded),
            headers=encoded.headers,
            dropped=call.dropped,
        )

    async def _upload_batch(self, call: Call, requests: Sequence[BatchRequest]) -> str | None:
        wire = self._codec.batches()
        request = wire.upload(requests)
        return None if request is None else await self._asked(request, call, wire.uploaded)

    async def _create_batch(
        self, call: Call, requests: Sequence[BatchRequest], upload: str | None, label: str | None
    ) -> Batch:
        wire = self._codec.batches()
        return await self._asked(wire.create(requests, upload, label), call, wire.decode)

    async def _get_batch(self, call: Call, batch_id: str) -> Batch:
        wire = self._codec.batches()
        return await self._asked(wire.get(batch_id), call, wire.decode)

    async def _cancel_batch(self, call: Call, batch_id: str) -> Batch:
        wire = self._codec.batches()
        return await self._asked(wire.cancel(batch_id), call, wire.decode)

    async def _list_batches(self, call: Call, count: int) -> Sequence[Batch]:
        wire, found = self._codec.batches(), list[Batch]()
        page: str | None = None
        for _ in range(MAX_PAGES):
            here = page
            listed, page = await self._asked(wire.listing(here), call, lambda body, at=here: wire.decode_list(body, at))  # type: ignore[misc]
            found += listed
            if page is None or len(found) >= count:
                return found[:count]
        return found

    async def _batch_results(self, batch: Batch | str, limits: Limits) -> AsyncGenerator[BatchResult]:
        known = batch if isinstance(batch, Batch) and batch.ended else await self._ended(batch, limits)
        seen: set[str] = set()
        for request in self._codec.batches().results(known):
            async with aclosing(self._lines(request, known, limits)) as lines:
                async for line in lines:
                    # What a vendor tried twice may stand in both of its files; the first word counts.
                    if line.custom_id not in seen:
                        seen.add(line.custom_id)
                        yield self._result(line, known)
        missing = (known.total or 0) - len(seen)
        if known.status is BatchStatus.COMPLETED and missing > 0:
            raise TruncatedError(
                f"The batch {known.id} has {known.total:,} requests, and {missing:,} of them have no result.",
                backend=self.id,
                retryable=True,
                phase="stream",
            )

    async def _ended(self, batch: Batch | str, limits: Limits) -> Batch:
        found = await self.get_batch(batch.id if isinstance(batch, Batch) else batch, limits=limits)
        if not found.ended:
            raise ResponseError(
                f"The batch {found.id} has not ended: it is {found.raw_status}.",
                backend=self.id,
                code="batch_not_ended",
                retryable=True,
                attempts=1,
                hint="Look again later; get_batch() says how it stands.",
            )
        return found

    async def _lines(self, request: HTTPRequest, batch: Batch, limits: Limits) -> AsyncGenerator[ResultLine]:
        """Yield the lines of one file of results."""

        async def send(call: Call) -> Body:
            return Body(await self._send(request, call))

        call = self._call(batch.model, limits)
        relay = Relay(call, send, self.settings.retry, limits.total or math.inf)
        decoder = NDJSONDecoder(MAX_BODY)
        data: bytes | None = b""
        try:
            async with relay:
                while (data := await relay.next()) is not None:
                    call.watch.byte()
                    for line in decoder.feed(data):
                        yield self._codec.batches().read(line)
            for line in decoder.finish():
                yield self._codec.batches().read(line)
        except BackbayError as error:
            data = b""
            seal(error)
            error.backend = error.backend or self.id
            raise self._cleaned(error) from error.__cause__
        except Exception as failure:
            data = b""  # Which may have the key in it.
            seal(failure)
            raise

    def _result(self, line: ResultLine, batch: Batch) -> BatchResult:
        """Return what a line comes to: its own codec's answer, or its own error."""
        try:
            if line.status is not None and 200 <= line.status < 300:
                decoded = self._codec.decode(line.body)
                return BatchResult(custom_id=line.custom_id, response=fold(decoded.events, raw=decoded.raw))
            error = self._failure(line)
        except BackbayError as failure:
            seal(failure)
            error = self._cleaned(failure)
            error.__traceback__ = None
        error.backend, error.model = self.id, error.model or batch.model
        error.attempts, error.phase = max(error.attempts, 1), error.phase or "decode"
        error.request_id = error.request_id or (self._redact(line.request_id) if line.request_id else None)
        return BatchResult(custom_id=line.custom_id, error=error)

    def _failure(self, line: ResultLine) -> BackbayError:
        if line.status is None:
            words = self._redact(line.message or "") or _NEVER_MADE.get(line.code or "", "The request was not made.")
            # Nothing is wrong with the request, and it was not billed.
            return ResponseError(words[:500], code=line.code, retryable=line.code in _NEVER_MADE)
        facts = self._codec.error(line.status, {}, line.body)
        return response_error(line.status, {}, line.body, facts, redact=self._redact)
