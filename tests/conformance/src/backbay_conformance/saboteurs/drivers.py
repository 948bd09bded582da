"""Saboteurs of the driving: backends over HTTP that hold on, give away, repeat or block."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from backbay import BackbayError, Embeddings, Event, Health, LimitExceededError, ModelInfo, Response, Text
from backbay.attempt import Call
from backbay.http.codec import HTTPRequest
from backbay.http.driver import HTTPBackend
from backbay.http.transport import TransportResponse
from backbay.settings import Settings
from backbay.spec import BackendSpec

_kept: list[Any] = []


class KeepsSocketsOpen(HTTPBackend):
    """Holds on to the response of a stream that was left."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        source = super()._events(call)
        _kept.append(source)
        async for event in source:
            yield event


class LeavesTasks(HTTPBackend):
    """Starts a task for each call, and forgets it."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        _kept.append(asyncio.create_task(asyncio.sleep(60)))
        async for event in super()._events(call):
            yield event


class LeavesThreads(HTTPBackend):
    """Starts a thread for each call, and forgets it."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        async for event in super()._events(call):
            yield event


class ReadsAllFirst(HTTPBackend):
    """Gives nothing before the whole answer is there, so that nothing can be stopped in time."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        for event in [event async for event in super()._events(call)]:
            yield event


class RetriesByItself(HTTPBackend):
    """Tries again, though core does so already."""

    async def _whole(self, call: Call) -> Response:
        try:
            return await super()._whole(call)
        except BackbayError:
            return await super()._whole(call)


class BeginsAgain(HTTPBackend):
    """Sends the request again after a cut, and the text twice."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        try:
            async for event in super()._events(call):
                yield event
        except BackbayError:
            async for event in super()._events(call):
                yield event


class KeepsTheAnswer(HTTPBackend):
    """Gives everybody the first answer that it had."""

    _first: Response | None = None

    async def _whole(self, call: Call) -> Response:
        self._first = self._first or await super()._whole(call)
        return self._first


class BoundToOneLoop(HTTPBackend):
    """Works on the event loop that it was first used on, and on no other."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def _whole(self, call: Call) -> Response:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise RuntimeError("Event loop is closed")
        return await super()._whole(call)


class DoesNotStop(HTTPBackend):
    """Swallows the cancelling of a call."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        source = super()._events(call)
        while True:
            try:
                event = await anext(source, None)
            except asyncio.CancelledError:
                await asyncio.sleep(3)
                raise
            if event is None:
                return
            yield event


class IgnoresLimits(HTTPBackend):
    """Gives what it has when a limit runs out, as if it were all."""

    async def _whole(self, call: Call) -> Response:
        try:
            return await super()._whole(call)
        except (asyncio.CancelledError, LimitExceededError):
            return Response(text="")


class LetsErrorsOut(HTTPBackend):
    """Turns typed errors into others."""

    async def _whole(self, call: Call) -> Response:
        try:
            return await super()._whole(call)
        except BackbayError as error:
            error.status = None
            raise

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        try:
            async for event in super()._events(call):
                yield event
        except BackbayError as error:
            raise ValueError(str(error)) from None


class EverythingIsFine(HTTPBackend):
    """Is always in good health."""

    async def _probe(self) -> Health:
        return Health(reachable=True, latency_ms=1.0)


class NoModelsIsNoError(HTTPBackend):
    """Lists nothing where the list cannot be read."""

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        try:
            return await super()._models(call)
        except BackbayError:
            return []


class VectorsInAnyOrder(HTTPBackend):
    """Gives vectors in the order in which they came."""

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        found = await super()._vectors(call, inputs, extra)
        return Embeddings(vectors=list(found.vectors)[::-1], model=found.model, usage=found.usage)


class DeclaresWhatItLacks(HTTPBackend):
    """Declares vectors, and has none."""

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        raise NotImplementedError("embeddings")


class SaysMoreInStreams(HTTPBackend):
    """Says more when it is streamed."""

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        said = False
        async for event in super()._events(call):
            if isinstance(event, Text) and not said:
                said = True
                yield Text("Sure! ")
            yield event


class CallsHome(HTTPBackend):
    """Opens a connection of its own, past core's, to somebody who is not the vendor."""

    async def _send(self, request: HTTPRequest, call: Call) -> TransportResponse:
        with socket.create_server(("127.0.0.1", 0)) as home, socket.create_connection(home.getsockname(), timeout=1):
            return await super()._send(request, call)


class ConnectsWhenMade(HTTPBackend):
    """Connects when it is made."""

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(spec, model, settings)
        parts = urlsplit(self.base_url)
        with socket.socket() as connection:
            connection.settimeout(1)
            connection.connect_ex((parts.hostname or "127.0.0.1", parts.port or 80))
