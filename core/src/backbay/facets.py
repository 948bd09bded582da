"""What a backend may do besides answering: list models, be probed, embed, rank, count tokens.

A plugin writes the method with an underscore for each facet that its spec declares; the public ones are final.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, Unpack, final

from .attempt import Call
from .capabilities import Capability
from .errors import InvalidRequestError
from .facetbase import FacetBase
from .limits import Limits, LimitsInput, as_limits
from .messages import MessagesInput
from .request import Options, Request
from .response import Embeddings, Health, ModelInfo, Ranking

A = TypeVar("A", Embeddings, Ranking)

HEALTH_LIMIT = 5.0
"""Seconds that a health probe may take where the caller sets no limit."""


class Facets(FacetBase):
    """The facets in which the library asks; ``Backend`` is made of these, of jobs, and of its one verb."""

    # What a plugin writes.

    async def _list_models(self) -> Sequence[ModelInfo]:
        raise NotImplementedError(f"{self.spec.name} declares list_models and does not implement it")

    async def _probe(self) -> Health:
        return Health(reachable=True)

    async def _embed(self, model: str | None, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        raise NotImplementedError(f"{self.spec.name} declares embeddings and does not implement it")

    async def _rerank(
        self, model: str | None, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> Ranking:
        raise NotImplementedError(f"{self.spec.name} declares rerank and does not implement it")

    async def _count_tokens(self, request: Request) -> int:
        raise NotImplementedError(f"{self.spec.name} declares count_tokens and does not implement it")

    # What core's own driver overrides, to see the call's limits.

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        return await self._list_models()

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        return await self._embed(call.model, inputs, extra)

    async def _ranking(
        self, call: Call, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> Ranking:
        return await self._rerank(call.model, query, documents, top_n, extra)

    async def _count(self, call: Call) -> int:
        assert call.request is not None
        return await self._count_tokens(call.request)

    # What callers use.

    @final
    async def list_models(self, *, limits: LimitsInput = None) -> Sequence[ModelInfo]:
        """Return the models that the backend offers now.

        Raises:
            UnsupportedError: The backend has no model list; no I/O has happened.
            BackbayError: The list could not be had.
        """
        self._require(Capability.LIST_MODELS)
        return await self._simple(self._models, as_limits(limits))

    @final
    async def health(self, *, limits: LimitsInput = None) -> Health:
        """Probe the backend once, for ``HEALTH_LIMIT`` seconds at most by default. Never raises for what it finds.

        Raises:
            ClosedError: The backend is closed.
            UnsupportedError: The backend declares no health probe; no I/O has happened.
        """
        self._require(Capability.HEALTH)
        call = Call(self.id, None, as_limits(limits).over(Limits(total=HEALTH_LIMIT)))
        call.attempts = 1
        start = time.perf_counter()
        try:
            found = await call.watch.wait(self._probe())
        except Exception as failure:  # noqa: BLE001 (whatever is wrong, is the answer)
            error = call.explain(failure)
            return Health(reachable=False, last_error=str(error), status=error.status)
        finally:
            call.close()
        if found.reachable and found.latency_ms is None:
            return replace(found, latency_ms=1000 * (time.perf_counter() - start))
        return found

    @final
    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        model: str | None = None,
        limits: LimitsInput = None,
        extra: Mapping[str, object] | None = None,
    ) -> Embeddings:
        """Return one vector for each input, in order.

        Raises:
            UnsupportedError: The backend does not embed; no I/O has happened.
            BackbayError: The vectors could not be had.
        """
        self._require(Capability.EMBEDDINGS, model)
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        if not texts:
            return Embeddings(vectors=[], attempts=0)
        wanted = model or self.model
        return await self._simple(
            lambda call: _counted(self._vectors(call, texts, extra or {}), call),
            as_limits(limits),
            wanted,
            Capability.EMBEDDINGS,
        )

    @final
    async def rerank(
        self,
        query: str,
        documents: Sequence[str],
        *,
        top_n: int | None = None,
        model: str | None = None,
        limits: LimitsInput = None,
        extra: Mapping[str, object] | None = None,
    ) -> Ranking:
        """Return ``documents`` by how well they answer ``query``, the best first.

        Args:
            query: What is asked.
            documents: The texts to rank.
            top_n: How many of the best to return; ``None`` for all.
            model: The model to ask; ``None`` for the backend's own.
            limits: Limits on the call's time.
            extra: Fields for this vendor only, sent as they are.

        Raises:
            UnsupportedError: The backend does not rank; no I/O has happened.
            InvalidRequestError: ``top_n`` is less than 1, or ``documents`` is a string.
            BackbayError: The ranking could not be had.
        """
        self._require(Capability.RERANK, model)
        if isinstance(documents, str):
            raise InvalidRequestError("documents is a string; give a list of strings.", backend=self.id)
        if top_n is not None and top_n < 1:
            raise InvalidRequestError(f"top_n is {top_n}; it must be 1 or more.", backend=self.id)
        texts = list(documents)
        if not texts:
            return Ranking(results=[], attempts=0)
        wanted = model or self.model
        return await self._simple(
            lambda call: _counted(self._ranking(call, query, texts, top_n, extra or {}), call),
            as_limits(limits),
            wanted,
            Capability.RERANK,
        )

    @final
    async def count_tokens(self, messages: MessagesInput, **options: Unpack[Options]) -> int:
        """Return how many tokens the vendor counts in a prompt, as it would bill them. Nothing is generated.

        Args:
            messages: As in ``stream``.
            options: As in ``Options``; those that are no part of a prompt are left out.

        Raises:
            UnsupportedError: The backend does not count; no I/O has happened.
            BackbayError: As ``complete`` raises.
        """
        call = self._prepare(messages, options, Capability.COUNT_TOKENS)
        try:
            return await call.attempt(lambda: self._count(call), self.settings.retry)
        finally:
            call.close()


async def _counted(answer: Awaitable[A], call: Call) -> A:
    return replace(await answer, attempts=call.attempts)
