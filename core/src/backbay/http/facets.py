"""What a vendor over HTTP does besides answering: list models, embed, rank, count tokens, continue a text as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ..attempt import Call
from ..errors import ConfigurationError, DecodeError
from ..folding import fold
from ..response import Embeddings, ModelInfo, Ranking, Response
from .codec import HTTPRequest
from .relaying import Relaying

MAX_PAGES = 100
"""Pages of a model list that are read; a longer one is an error, since a vendor may lead in a circle."""

T = TypeVar("T")


class Faceted(Relaying):
    """The part of a backend over HTTP that has the codec's facets."""

    async def _asked(self, request: HTTPRequest, call: Call, decode: Callable[[bytes], T]) -> T:
        raise NotImplementedError

    async def _continued(self, call: Call) -> Response:
        assert call.request is not None
        decoded = await self._asked(self._codec.encode_raw(call.request), call, self._codec.decode_raw)
        return fold(decoded.events, raw=decoded.raw)

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        found: list[ModelInfo] = []
        path = self.spec.models_path or ""
        for _ in range(MAX_PAGES):
            listed, query = await self._asked(
                HTTPRequest("GET", path),
                call,
                lambda body: (self._codec.decode_models(body), self._codec.next_page(body)),
            )
            found += listed
            if query is None:
                return found
            first = self.spec.models_path or ""
            path = f"{first}{'&' if '?' in first else '?'}{query}"
        raise DecodeError(f"The model list has more than {MAX_PAGES} pages.", retryable=False)

    async def _ranking(
        self, call: Call, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> Ranking:
        if call.model is None:
            raise ConfigurationError("There is no model to ask for a ranking; give model=.", backend=self.id)
        request = self._codec.encode_rerank(call.model, query, documents, top_n, extra)
        return await self._asked(request, call, lambda body: self._codec.decode_rerank(body, len(documents)))

    async def _count(self, call: Call) -> int:
        assert call.request is not None
        return await self._asked(self._codec.encode_count(call.request), call, self._codec.decode_count)

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        if call.model is None:
            raise ConfigurationError("There is no model to ask for embeddings; give model=.", backend=self.id)
        request = self._codec.encode_embeddings(call.model, inputs, extra)
        return await self._asked(request, call, lambda body: self._codec.decode_embeddings(body, len(inputs)))
