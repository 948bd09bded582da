"""The work behind one call: look into the file, else ask, and keep what ended well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backbay import Backend, Ended, Event, EventStream, Limits, Response
from backbay.composite_calls import Ask, CompositeCall
from backbay.response import Embeddings

from .database import Entry
from .keys import Asked
from .recording import Recording, decoded, decoded_vectors, encoded, encoded_vectors, recorded
from .store import Store

Pass = Event | Response | Embeddings | Recording
"""What comes of the work: events as they come, a whole answer, vectors; or a recording out of the file."""

Add = Callable[[Pass], None]


class Keeper:
    """Does one call's work.

    Args:
        backend: Whom to ask.
        store: Where answers are kept.
        asked: What the call asks for.
        ttl: Seconds for which an answer is good; ``None`` for ever.
        refresh: Do not look into the file.
    """

    def __init__(self, backend: Backend, store: Store, asked: Asked, *, ttl: float | None, refresh: bool) -> None:
        self._backend = backend
        self._store = store
        self._asked = asked
        self._ttl = ttl
        self._refresh = refresh

    async def stream(self, call: CompositeCall, add: Add) -> None:
        """Give the events of an answer, or its recording."""
        if await self._found(add):
            return
        now = asyncio.get_running_loop().time

        async def begin(member: Backend, limits: Limits) -> tuple[EventStream, Event]:
            stream = member.stream(call.messages, **{**call.options, "limits": limits})
            try:
                return stream, await anext(stream)
            except BaseException:
                await stream.aclose()
                raise

        began = now()
        stream, event = await call.ask(self._backend, begin)
        events: list[Event] = []
        times: list[float] = []
        async with stream:
            while True:
                events.append(event)
                times.append(now() - began)
                if isinstance(event, Ended):
                    # Before anybody is told of the end, who may then ask again.
                    recording = Recording(events, times, stream.partial.dropped)
                    self._keep(encoded(recording, recording.response))
                add(event)
                try:
                    event = await anext(stream)
                except StopAsyncIteration:
                    return

    async def whole(self, call: CompositeCall, add: Add) -> None:
        """Give a whole answer, or its recording."""
        if await self._found(add):
            return

        def ask(member: Backend, limits: Limits) -> Awaitable[Response]:
            return member.complete(call.messages, **{**call.options, "limits": limits})

        response = await call.ask(self._backend, ask)
        self._keep(encoded(recorded(response), response))
        add(response)

    async def vectors(self, call: CompositeCall, ask: Ask[Embeddings], add: Add) -> None:
        """Give vectors; ``attempts`` is 0 if they are out of the file."""
        body = await self._body()
        found = None if body is None else decoded_vectors(body)
        if found is None:
            found = await call.ask(self._backend, ask)
            self._keep(encoded_vectors(found))
        else:
            self._store.touch(self._asked.key)
        add(found)

    async def _found(self, add: Add) -> bool:
        body = await self._body()
        recording = None if body is None else decoded(body)
        if recording is None:
            return False
        self._store.touch(self._asked.key)
        add(recording)
        return True

    async def _body(self) -> bytes | None:
        return None if self._refresh else await self._store.get(self._asked.key, ttl=self._ttl)

    def _keep(self, body: bytes | None) -> None:
        if body is not None:
            self._store.put(Entry(self._asked.key, self._backend.id, self._asked.model, body))
