"""``cached``: a backend that asks another one once for each request, and keeps what it answered."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self, cast

from backbay import Backend, Capabilities, ConfigurationError, Event, Health, Limits, ModelInfo, Response
from backbay.attempt import Call
from backbay.composite import Composite
from backbay.composite_calls import Ask, CompositeCall, T, composite_call
from backbay.limits import NO_LIMITS
from backbay.response import Embeddings, Ranking

from .asking import Keeper, Pass
from .flights import Flights, Work
from .keys import Asked, of_answer, of_vectors
from .places import default_file
from .recording import Recording
from .store import Store

Replay = Literal["fast", "paced"]

DEFAULT_MAX_BYTES = 256 * 2**20
"""Bytes that all answers may take together if nobody says: 256 MiB."""


def cached(
    backend: Backend | str,
    path: str | os.PathLike[str] | None = None,
    *,
    ttl: float | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    refresh: bool = False,
    only_deterministic: bool = False,
    replay: Replay = "fast",
) -> Cached:
    """Return a backend that asks ``backend`` once for each request, and keeps the answer in a file.

        backend = backbay_cache.cached("openai:gpt-5.4")
        answer = await backend.complete("Name a city.")    # asked
        answer = await backend.complete("Name a city.")    # out of the file: answer.attempts == 0

    Requests are equal if what would be sent is: backend, model, messages, options and ``extra``, with the backend's own
    defaults. Limits and keys make no difference. ``complete`` and ``stream`` share what is kept; ``embed`` is cached
    too; all else goes through. Kept is what ended well, and neither an error nor what was cut, cancelled or filtered.
    An answer out of the cache has ``attempts`` 0, and the ``id`` of this backend as ``served_by``.

    Equal calls at once, with equal limits, ask once. If the file cannot be used, there is one ``CacheWarning``, and
    calls go on as if there were no cache.

    Args:
        backend: Whom to ask: a backend, or a name for ``connect``. What was connected here is closed with the whole.
        path: The file, made if it is not there; ``None`` for ``BACKBAY_CACHE``, or one in your folder of caches.
        ttl: Seconds for which an answer is good; ``None`` for ever.
        max_bytes: Bytes that all answers may take; the least recently used go.
        refresh: Ask anew each time, and keep what comes instead of what was there. For one call: ``refreshing()``.
        only_deterministic: Leave alone what wants no equal answers: requests without temperature 0 and without a seed.
        replay: ``"fast"`` streams out of the cache at once, ``"paced"`` with the pauses of the first time.

    Raises:
        ConfigurationError: A value is wrong.
        BackbayError: As ``connect`` raises, for a name.
    """
    return Cached(
        backend,
        path,
        ttl=ttl,
        max_bytes=max_bytes,
        refresh=refresh,
        only_deterministic=only_deterministic,
        replay=replay,
    )


class Cached(Composite):
    """Made by ``cached``."""

    def __init__(
        self,
        backend: Backend | str,
        path: str | os.PathLike[str] | None,
        *,
        ttl: float | None,
        max_bytes: int,
        refresh: bool,
        only_deterministic: bool,
        replay: Replay,
    ) -> None:
        _check(ttl, max_bytes, replay)
        super().__init__(Cached, "cache", [backend], None)
        [self._inner] = self.backends
        self.model = self._inner.model
        self.path = default_file() if path is None else Path(path).expanduser()
        self._store = Store(self.path, max_bytes)
        self._ttl = ttl
        self._refresh = refresh
        self._only_deterministic = only_deterministic
        self._paced = replay == "paced"
        self._flights: Flights[Pass] = Flights()

    def refreshing(self) -> Self:
        """Return this backend, asking anew: what comes is kept instead of what was there. Both are closed together.

        answer = await backend.refreshing().complete("Name a city.")
        """
        view = self._view()
        view._refresh = True  # noqa: SLF001 (an object of this class)
        return view

    # What a composite writes.

    def _known(self, model: str | None) -> Capabilities:
        return self.backends[0].capabilities(model)

    async def _served(self, call: CompositeCall, ask: Ask[T]) -> T:
        return await call.ask(self._inner, ask)

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        return await self._served(composite_call(call), lambda member, limits: member.list_models(limits=limits))

    async def _probe(self) -> Health:
        return await self._inner.health()

    async def _ranking(
        self, call: Call, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> Ranking:
        def ask(member: Backend, limits: Limits) -> Awaitable[Ranking]:
            return member.rerank(query, documents, top_n=top_n, model=call.model, limits=limits, extra=extra)

        return replace(await self._served(composite_call(call), ask), attempts=call.attempts)

    async def _aclose(self) -> None:
        try:
            await self._flights.close()
            await super()._aclose()
        finally:
            await self._store.close()

    # What is kept.

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        given = composite_call(call)
        asked = self._asked(given)
        if asked is None:
            async with aclosing(cast("AsyncGenerator[Event, None]", super()._events(call))) as events:
                async for event in events:
                    yield event
            return
        keeper = self._keeper(asked)
        async with aclosing(self._read("stream", given, asked, lambda add: keeper.stream(given, add))) as found:
            async for item, own in found:
                if not own or isinstance(item, Recording):
                    self._not_asked(call, asked)
                if isinstance(item, Recording):
                    call.dropped = item.dropped if asked.dropped is None else asked.dropped
                    async for event in item.replay(paced=self._paced):
                        yield event
                else:
                    assert not isinstance(item, Response | Embeddings)
                    yield item

    async def _whole(self, call: Call) -> Response:
        given = composite_call(call)
        asked = self._asked(given)
        if asked is None:
            return await super()._whole(call)
        keeper = self._keeper(asked)
        async with aclosing(self._read("whole", given, asked, lambda add: keeper.whole(given, add))) as found:
            item, own = await anext(found)
        if isinstance(item, Recording):
            dropped = item.dropped if asked.dropped is None else asked.dropped
            return replace(item.response, attempts=0, dropped=dropped, served_by=self.id)
        assert isinstance(item, Response)
        return replace(item, served_by=call.served_by) if own else replace(item, attempts=0, served_by=self.id)

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        given = composite_call(call)

        def ask(member: Backend, limits: Limits) -> Awaitable[Embeddings]:
            return member.embed(inputs, model=call.model, limits=limits, extra=extra)

        asked = of_vectors(self._inner, call.model, inputs, extra)
        if asked is None:
            return replace(await self._served(given, ask), attempts=call.attempts)
        keeper = self._keeper(asked)
        async with aclosing(self._read("vectors", given, asked, lambda add: keeper.vectors(given, ask, add))) as found:
            item, own = await anext(found)
        assert isinstance(item, Embeddings)
        return replace(item, attempts=call.attempts if own else 0)

    def _asked(self, call: CompositeCall) -> Asked | None:
        """Return what a call asks for; ``None`` if it goes through."""
        asked = of_answer(self._inner, call)
        if asked is None or (self._only_deterministic and not asked.deterministic):
            return None
        return asked

    def _keeper(self, asked: Asked) -> Keeper:
        return Keeper(self._inner, self._store, asked, ttl=self._ttl, refresh=self._refresh)

    def _read(
        self, kind: str, call: CompositeCall, asked: Asked, work: Work[Pass]
    ) -> AsyncGenerator[tuple[Pass, bool], None]:
        # A call joins none with other limits: it would end when that one must.
        name: Hashable = (kind, asked.key, call.wanted, self._refresh)
        return self._flights.read(name, work)

    def _not_asked(self, call: Call, asked: Asked) -> None:
        """Say that this backend itself answered, to the call and to those above it."""
        if call.asked is None or call.asked.backend != self.id:
            call.asked = Call(self.id, asked.model, NO_LIMITS, dropped=asked.dropped or ())
            call.dropped = asked.dropped or ()


def _check(ttl: float | None, max_bytes: int, replay: str) -> None:
    numeric = isinstance(ttl, int | float) and not isinstance(ttl, bool)
    if ttl is not None and not (numeric and ttl > 0):
        raise ConfigurationError(f"ttl is {ttl!r}; give seconds above 0, or None for ever.")
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
        raise ConfigurationError(f"max_bytes is {max_bytes!r}; give a whole number of bytes above 0.")
    if replay not in ("fast", "paced"):
        raise ConfigurationError(f"replay is {replay!r}; there are 'fast' and 'paced'.")
