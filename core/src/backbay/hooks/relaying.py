"""A relay that somebody looks on at. One that nobody looks on at is a plain one, and costs what it always did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..errors import BackbayError
from ..relay import Relay
from .observing import Observation, let_go

if TYPE_CHECKING:
    from ..attempt import Call
    from ..jobs import JobResult, JobSink
    from ..relay import Source
    from ..retry import RetryPolicy

T = TypeVar("T")


class ObservedRelay(Relay):
    """A relay that tells those who look on how it ends, also when nobody holds it any more and it has not ended."""

    def __init__(
        self,
        call: Call,
        source: Callable[[Call], Awaitable[Source]],
        retry: RetryPolicy,
        total: float,
        observation: Observation,
    ) -> None:
        super().__init__(call, source, retry, total)
        self._observation = observation
        self._inside = 0
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    async def begin(self) -> None:
        """As ``Relay.begin``."""
        await self._told(super().begin())

    async def deliver(self, sink: JobSink) -> JobResult:
        """As ``Relay.deliver``."""
        return await self._told(super().deliver(sink))

    async def next(self) -> bytes | None:
        """As ``Relay.next``."""
        return await self._told(super().next())

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the bytes, with a look at their counts, which somebody wants."""
        return self

    async def aclose(self) -> None:
        """As ``Relay.aclose``."""
        await super().aclose()
        if not self._inside:
            self._tell_end()

    async def _told(self, doing: Awaitable[T]) -> T:
        """Await a part of the relay's work; tell of its failure, or of the end if it came."""
        self._inside += 1
        try:
            found = await doing
        except BackbayError as error:
            self._observation.on_error(error)
            raise
        except BaseException:  # It was cancelled, or the sink does not go on.
            self._observation.on_close(self._call.attempts)
            raise
        finally:
            self._inside -= 1
        if self._ended and not self._inside:
            self._tell_end()
        return found

    def _tell_end(self) -> None:
        if self._ended:
            self._observation.on_job(self.result)
        else:
            self._observation.on_close(self._call.attempts)

    def __del__(self) -> None:
        if not self._observation.over:
            let_go(self._observation, self._loop, self._call.attempts)
