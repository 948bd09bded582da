"""An answer on its way from a backend to a sink: bytes as they came, and nothing read that nobody takes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Protocol, Self, TypeGuard

from .attempt import Call
from .errors import ClosedError, InvalidRequestError, LimitExceededError
from .jobs import JobResult, JobSink
from .limits import Limits
from .retry import RetryPolicy
from .sniffing import UsageSniffer


class Source(Protocol):
    """A body whose head has come. ``aclose`` lets go of it, and closes the connection unless all was read."""

    @property
    def status(self) -> int:
        """HTTP status, a success."""

    @property
    def content_type(self) -> str:
        """The body's type, as the vendor says; ``""`` if it does not."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. May be called once."""

    async def aclose(self) -> None:
        """Let go of it. May be called again."""


class Relay(AsyncIterator[bytes]):
    """One answer in the vendor's own bytes. Nothing is sent before ``begin``, or before the first bytes are asked for.

        async with backend.relay(job) as relay:
            await relay.begin()
            print(relay.status, relay.content_type, relay.served_by)
            async for data in relay:
                ...
        print(relay.result)

    Leaving the ``async with`` closes the connection. Nothing is read ahead: while nobody asks, the vendor waits.
    """

    def __init__(
        self, call: Call, source: Callable[[Call], Awaitable[Source]], retry: RetryPolicy, total: float
    ) -> None:
        self._call = call
        self._open = source
        self._retry = retry
        self._total = total
        self._ends = 0.0
        self._began: float | None = None
        self._duration = 0.0
        self._source: Source | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._first: bytes | None = None
        self._head: tuple[int, str] | None = None
        self._fresh = False
        self._ended = False
        self._sniffer = UsageSniffer()

    @property
    def status(self) -> int:
        """HTTP status, once the answer has begun.

        Raises:
            ClosedError: It has not.
        """
        return self._begun()[0]

    @property
    def content_type(self) -> str:
        """The body's type, once the answer has begun; ``""`` if the vendor names none. Raises as ``status`` does."""
        return self._begun()[1]

    @property
    def served_by(self) -> str | None:
        """Id of the backend that answers, where one was chosen among several; else ``None``."""
        return self._call.served_by

    @property
    def result(self) -> JobResult:
        """How it went; so far, before the end."""
        duration = self._duration
        if self._source is not None and self._began is not None:
            duration = time.perf_counter() - self._began
        return JobResult(
            input_tokens=self._sniffer.input,
            output_tokens=self._sniffer.output,
            duration_ms=round(1000 * duration),
            attempts=self._call.attempts,
            served_by=self._call.served_by,
        )

    async def begin(self) -> None:
        """Send the request, and wait for the first bytes of the answer. May be called again.

        Raises:
            BackbayError: There is no answer; nothing has reached a sink.
        """
        if self._began is not None:
            return
        self._began = time.perf_counter()
        self._ends = self._call.watch.now() + self._total
        try:
            source, self._chunks, self._first = await self._call.attempt(self._open_first, self._retry)
        except BaseException:
            await self.aclose()
            raise
        self._source, self._head = source, (source.status, source.content_type)
        self._fresh = True
        self._call.watch.first_event()
        self._call.phase = "stream"

    async def deliver(self, sink: JobSink) -> JobResult:
        """Give everything to ``sink``, and wait for it each time.

        Raises:
            BackbayError: As ``begin`` and reading raise.
            BaseException: What the sink raised, as it is.
        """
        try:
            await self.begin()
            # One watch over all, since a wait for each chunk would cost more than the chunk.
            await self._call.watch.wait(self._pump(sink))
        except LimitExceededError as failure:
            if self._over() or self._call.watch.expired:
                self._call.explain(failure)
            raise
        finally:
            await self.aclose()
        return self.result

    async def _pump(self, sink: JobSink) -> None:
        watch, send, feed = self._call.watch, sink.send_chunk, self._sniffer.feed
        start, now = getattr(sink, "start", None), watch.now
        data, self._first, self._fresh = self._first, None, False
        try:
            self._check()
            watch.pause()
            if start is not None:
                await start(self.status, self.content_type)
            while data is not None:
                if now() >= self._ends:
                    self._check()
                await send(data)
                watch.resume()
                feed(data)
                data = await self._take()
                watch.pause()
        finally:
            data = None  # A vendor may repeat the key, and reports of errors show local variables.
        await self._end()

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the bytes without a look at their counts, for a relay of a relay."""
        return _Bare(self)

    async def __anext__(self) -> bytes:
        data = await self.next()
        if data is None:
            raise StopAsyncIteration
        self._sniffer.feed(data)
        return data

    async def next(self) -> bytes | None:
        """Return the next bytes; ``None`` at the end.

        Raises:
            ClosedError: The relay is closed.
            BackbayError: The answer broke off, or a limit ran out.
        """
        if self._ended:
            return None
        await self.begin()
        if self._fresh:
            self._fresh, data, self._first = False, self._first, None
        elif self._chunks is None:
            raise self._call.explain(ClosedError("The relay is closed."))
        else:
            try:
                self._check()
                data = await self._call.watch.wait(self._take())
                self._check()
            except LimitExceededError as failure:
                await self.aclose()
                self._call.explain(failure)
                raise
            except BaseException:
                await self.aclose()
                raise
        if data is None:
            await self._end()
        return data

    async def _end(self) -> None:
        self._ended = True
        self._sniffer.finish()
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection, now. May be called again, and after the end."""
        self._call.close()
        if self._began is None:
            self._began = time.perf_counter()
        source, chunks = self._source, self._chunks
        self._source = self._chunks = self._first = None
        if source is None:
            return
        self._duration = time.perf_counter() - self._began
        try:
            if is_generator(chunks, source):
                await chunks.aclose()
        finally:
            await source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _begun(self) -> tuple[int, str]:
        if self._head is None:
            raise self._call.explain(ClosedError("The answer has not begun."))
        return self._head

    async def _open_first(self) -> tuple[Source, AsyncIterator[bytes], bytes | None]:
        source = await self._open(self._call)
        chunks = source.chunks()
        try:
            return source, chunks, await anext(chunks, None)
        except BaseException:
            if is_generator(chunks, source):
                await chunks.aclose()
            await source.aclose()
            raise

    async def _take(self) -> bytes | None:
        """Read the next bytes; what goes wrong with the backend is told what the call knows."""
        if self._chunks is None:
            raise self._call.explain(ClosedError("The relay is closed."))
        try:
            return await anext(self._chunks, None)
        except Exception as failure:
            error = self._call.explain(failure)
            if error is failure:
                raise
            raise error from failure

    def _over(self) -> bool:
        return self._call.watch.now() >= self._ends

    def _check(self) -> None:
        """Raise if the time is over, also where a busy loop left the timer no turn."""
        self._call.watch.check()
        if self._over():
            said = f"The limit total of {self._total:g} s ran out."
            error = LimitExceededError(said, limit="total", seconds=self._total)
            error.retryable = True
            raise error


class _Bare(AsyncIterator[bytes]):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def __anext__(self) -> bytes:
        data = await self._relay.next()
        if data is None:
            raise StopAsyncIteration
        return data


def is_generator(chunks: object, source: object) -> TypeGuard[AsyncGenerator[bytes, None]]:
    """Whether a body is to be closed besides its source: a generator that is forgotten leaves a task on the loop."""
    return chunks is not source and isinstance(chunks, AsyncGenerator)  # Which is slow to say no.


@lru_cache(maxsize=64)
def within(limits: Limits, total: float) -> Limits:
    """Return limits with another ``total``. Most jobs of a program have one of a few deadlines."""
    return replace(limits, total=total)


def check_sink(sink: object, backend: str) -> None:
    """Refuse what cannot take an answer, before anything is sent.

    Raises:
        InvalidRequestError: It has no ``send_chunk``.
    """
    if not callable(getattr(sink, "send_chunk", None)):
        raise InvalidRequestError(
            f"A sink has send_chunk(data), and this {type(sink).__name__} has none.", backend=backend
        )
