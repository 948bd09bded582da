"""Saboteurs of batches: each loses, mixes, repeats or gives away what a vendor was left to answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from backbay import BackbayError, Batch, BatchRequest, BatchResult, BatchStatus, Response
from backbay.attempt import Call
from backbay.http.driver import HTTPBackend
from backbay.limits import Limits


class LosesCallsInBatches(HTTPBackend):
    """Keeps nothing but the text of an answer in a batch."""

    async def _batch_results(self, batch: Batch | str, limits: Limits) -> AsyncGenerator[BatchResult]:
        async for result in super()._batch_results(batch, limits):
            answer = result.response
            yield replace(result, response=None if answer is None else Response(text=answer.text, finish=answer.finish))


class GivesBatchResultsByPlace(HTTPBackend):
    """Takes the results of a batch for those of its requests in order."""

    _ids: tuple[str, ...] = ()

    async def _create_batch(
        self, call: Call, requests: Sequence[BatchRequest], upload: str | None, label: str | None
    ) -> Batch:
        self._ids = tuple(each.custom_id for each in requests)
        return await super()._create_batch(call, requests, upload, label)

    async def _batch_results(self, batch: Batch | str, limits: Limits) -> AsyncGenerator[BatchResult]:
        ids = iter(self._ids)
        async for result in super()._batch_results(batch, limits):
            yield replace(result, custom_id=next(ids))


class MakesBatchesAgain(HTTPBackend):
    """Makes a batch again whose answer was lost."""

    async def _create_batch(
        self, call: Call, requests: Sequence[BatchRequest], upload: str | None, label: str | None
    ) -> Batch:
        try:
            return await super()._create_batch(call, requests, upload, label)
        except BackbayError:
            return await super()._create_batch(call, requests, upload, label)


class FollowsAddressesInBatches(HTTPBackend):
    """Reads what stands at the address that an answer names, with the key."""

    async def _get_batch(self, call: Call, batch_id: str) -> Batch:
        batch = await super()._get_batch(call, batch_id)
        where = batch.raw.get("results_url")
        if isinstance(where, str):
            response = await self._get_transport().send("GET", where, self._all_headers(""), b"")
            await response.aclose()
        return batch


class MissesNoResult(HTTPBackend):
    """Says nothing of requests that have no result."""

    async def _batch_results(self, batch: Batch | str, limits: Limits) -> AsyncGenerator[BatchResult]:
        try:
            async for result in super()._batch_results(batch, limits):
                yield result
        except BackbayError:
            return


class ReadsBatchesThatRun(HTTPBackend):
    """Gives the results that there are, of a batch that has not ended."""

    async def _batch_results(self, batch: Batch | str, limits: Limits) -> AsyncGenerator[BatchResult]:
        found = await self.get_batch(batch.id if isinstance(batch, Batch) else batch)
        ended = found if found.ended else replace(found, status=BatchStatus.CANCELLED)
        async for result in super()._batch_results(ended, limits):
            yield result


class TakesTwoOfOneId(HTTPBackend):
    """Leaves it to the vendor to find two requests of one id."""

    def _check_batch(self, given: Sequence[BatchRequest], label: str | None) -> None:
        return
