"""The stream of one answer: an async iterator of events, and an async context manager that closes for certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from .attempt import Call
from .errors import BackbayError, ClosedError, LoopError, ProtocolError, TruncatedError
from .events import Ended, Event, Text
from .folding import Fold
from .response import Response
from .retry import RetryPolicy


class Listener:
    """Where a stream reports; the backend fills in what somebody listens to."""

    __slots__ = ("on_close", "on_error", "on_event", "on_response")

    def __init__(
        self,
        on_event: Callable[[Event], None] | None = None,
        on_response: Callable[[Response], None] | None = None,
        on_error: Callable[[BackbayError], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.on_event = on_event
        self.on_response = on_response
        self.on_error = on_error
        self.on_close = on_close


class EventStream(AsyncIterator[Event]):
    """One answer as it comes. Nothing is sent before the first event is asked for.

        async with backend.stream("Tell me a story.") as stream:
            async for event in stream:
                ...
        print(stream.response.usage)

    Leaving the ``async with``, by ``break`` or an exception too, closes the connection. ``aclose`` may be called from
    another task, also while the first byte is awaited.
    """

    def __init__(
        self, call: Call, source: Callable[[], AsyncIterator[Event]], retry: RetryPolicy, listener: Listener
    ) -> None:
        self._call = call
        self._open = source
        self._retry = retry
        self._listener = listener
        self._source: AsyncIterator[Event] | None = None
        self._fold = Fold()
        self._failure: BackbayError | None = None
        self._finished = False
        self._closed = False
        self._reader: asyncio.Task[object] | None = None
        self._interrupted = False

    @property
    def response(self) -> Response:
        """The whole answer, once the stream has ended.

        Raises:
            ClosedError: The stream has not ended yet, or was closed before it did; ``partial`` has what came.
        """
        if not self._fold.ended:
            raise self._call.explain(ClosedError("The stream has not ended; read it to its end, or use partial."))
        return self.partial

    @property
    def partial(self) -> Response:
        """What has come so far; its ``finish`` is ``None`` until the stream has ended."""
        call = self._call
        return replace(self._fold.response(), attempts=call.attempts, dropped=call.dropped, served_by=call.served_by)

    async def collect(self) -> Response:
        """Read to the end; return the whole answer. Raises what reading raises."""
        async with self:
            async for _ in self:
                continue
        return self.response

    async def texts(self) -> AsyncIterator[str]:
        """Yield only the pieces of the answer's text. Wrap the stream in ``async with`` if you may stop early."""
        async for event in self:
            if isinstance(event, Text) and event.delta:
                yield event.delta

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._failure is not None:
            raise self._failure
        if self._finished:
            raise StopAsyncIteration
        if self._closed:
            raise self._call.explain(ClosedError("The stream is closed."))
        if self._reader is not None:
            raise self._call.explain(LoopError("Two tasks read one stream; only one may."))
        self._reader = self._call.watch.task()
        try:
            return await self._next()
        except StopAsyncIteration:
            await self._end()
            raise
        except BaseException as failure:
            error = await self._failed(failure)
            if error is failure:
                raise
            raise error from failure
        finally:
            self._reader = None

    async def _next(self) -> Event:
        if self._source is None:
            event = await self._call.attempt(self._begin, self._retry)
            self._call.watch.first_event()
            self._call.phase = "stream"
        else:
            # Before the generator is asked: one that was asked and not awaited cannot be closed.
            self._call.watch.check()
            event = await self._call.watch.wait(self._source.__anext__())
            if self._fold.ended:
                raise ProtocolError("The backend went on after it had ended.", hint="This is a defect of its plugin.")
        self._fold.add(event)
        if self._listener.on_event is not None:
            self._listener.on_event(event)
        if type(event) is Ended:
            self._call.close()
            if self._listener.on_response is not None:
                self._listener.on_response(self.response)
        return event

    async def _begin(self) -> Event:
        source = self._open()
        try:
            event = await source.__anext__()
        except StopAsyncIteration:
            raise TruncatedError("The answer ended before it began.", retryable=True) from None
        except BaseException:
            await _close(source)
            raise
        self._source = source
        return event

    async def _end(self) -> None:
        self._finished = True
        await self._release()
        if not self._fold.ended:
            self._failure = self._call.explain(
                TruncatedError("The answer ended without the backend's word that it finished."), self._fold
            )
            if self._listener.on_error is not None:
                self._listener.on_error(self._failure)
            raise self._failure

    async def _failed(self, failure: BaseException) -> BaseException:
        """Let go of everything; return what to raise."""
        await self._release()
        if isinstance(failure, asyncio.CancelledError) and self._interrupted:
            task = asyncio.current_task()
            if task is None or task.uncancel() <= 0:
                failure = ClosedError("The stream was closed while it was being read.")
        if not isinstance(failure, Exception):
            self._closed = True
            self._let_go()
            return failure
        error = self._call.explain(failure, self._fold)
        self._failure = error
        if self._listener.on_error is not None:
            self._listener.on_error(error)
        return error

    async def _release(self) -> None:
        self._call.close()
        source, self._source = self._source, None
        if source is not None:
            await _close(source)

    async def aclose(self) -> None:
        """Close the connection, now. May be called again, from any task, and after the end."""
        reader = self._reader
        if reader is not None and reader is not asyncio.current_task():
            self._closed = self._interrupted = True
            reader.cancel()
            while self._reader is reader:  # noqa: ASYNC110 (the reader ends within a few turns of the loop)
                await asyncio.sleep(0)
        self._closed = True
        await self._release()
        self._let_go()

    def _let_go(self) -> None:
        """Say that nobody waits for the rest of the answer."""
        if self._listener.on_close is not None:
            self._listener.on_close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


async def _close(source: AsyncIterator[Event]) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()
    else:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
