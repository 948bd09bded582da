"""Synchronous calls: a bridge to one event loop on a daemon thread, the same for every backend.

There is one implementation of every call, and two faces. The loop is made when first needed, and anew in a forked
child. A call on a running loop's own thread would block that loop for ever, so it is refused.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from .backend import Backend
from .capabilities import Capabilities
from .errors import LoopError
from .events import Event
from .limits import LimitsInput
from .messages import MessagesInput
from .request import Options
from .response import Embeddings, Health, ModelInfo, Response
from .spec import BackendSpec
from .stream import EventStream

T = TypeVar("T")


class _Bridge:
    """The loop and its thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._thread = threading.Thread(target=self._run, name="backbay-sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            # Before the loop closes their generators, each by itself and in any order.
            for stream in list(self.streams):
                self.loop.run_until_complete(stream.aclose())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def stop(self) -> None:
        if self.pid == os.getpid() and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(2.0)


_lock = threading.Lock()
_bridge: _Bridge | None = None


def _get_bridge() -> _Bridge:
    global _bridge
    with _lock:
        if _bridge is None or _bridge.pid != os.getpid():
            _bridge = _Bridge()
            atexit.register(_bridge.stop)
        return _bridge


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the bridge's loop; return its result. An interrupt (Ctrl-C) cancels it.

    Raises:
        LoopError: This is the thread of a running event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise LoopError(
            "A synchronous call on an event loop's own thread would block that loop.",
            hint="Await the asynchronous method, or make the call with asyncio.to_thread.",
        )
    future = asyncio.run_coroutine_threadsafe(coroutine, _get_bridge().loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


class SyncStream(Iterator[Event]):
    """One answer as it comes, for a ``for`` loop. As ``EventStream``, with blocking methods."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._begun = False

    @property
    def response(self) -> Response:
        """The whole answer, once the stream has ended."""
        return self._stream.response

    @property
    def partial(self) -> Response:
        """What has come so far."""
        return self._stream.partial

    def collect(self) -> Response:
        """Read to the end; return the whole answer."""
        return run(self._stream.collect())

    def texts(self) -> Iterator[str]:
        """Yield only the pieces of the answer's text."""
        for event in self:
            if type(event).__name__ == "Text":
                yield event.delta  # type: ignore[union-attr]

    def __next__(self) -> Event:
        if not self._begun:
            self._begun = True
            _get_bridge().streams.add(self._stream)
        event = run(_next(self._stream))
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Close the connection, now. May be called again."""
        run(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


async def _next(stream: AsyncIterator[Event]) -> Event | None:
    # StopAsyncIteration cannot travel through a future.
    return await anext(stream, None)


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
