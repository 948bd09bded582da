"""One answer being made: one task that makes it, a list of events that only grows, and any number of readers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from backbay.errors import LoopError
from backbay.events import Event
from backbay.response import Response

Take = Callable[[Event], None]
Work = Callable[[Take], Awaitable[Response]]
"""What makes an answer: gives each event as it comes, and returns the whole."""


@dataclass(slots=True)
class Timing:
    """When what happened, in seconds of ``time.monotonic``; ``None`` for what has not.

    Attributes:
        asked_at: The work was started.
        sent_at: The request could be sent: what it waits for was computed, and the limit on concurrency let it go.
        first_at: The first event came.
        ended_at: There was an outcome.
    """

    asked_at: float | None = None
    sent_at: float | None = None
    first_at: float | None = None
    ended_at: float | None = None


class Generation:
    """An answer from before its first event to its outcome, which is set once.

    Attributes:
        events: What has come so far.
        response: The whole answer, once it is there.
        error: Why there will be none, or ``None``.
        cancelled: Whether it was ended before it was whole.
        done: Whether there is an outcome.
        on_end: Called once there is an outcome, in this order; a listener can be taken out before that.
        timing: When what happened.
    """

    __slots__ = (
        "_ending",
        "_loop",
        "_reading",
        "_task",
        "_work",
        "cancelled",
        "done",
        "error",
        "events",
        "on_end",
        "response",
        "timing",
    )

    def __init__(self, work: Work) -> None:
        self._work: Work | None = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Future[None]] = set()
        self._ending: set[asyncio.Future[None]] = set()
        self.on_end: dict[Callable[[], None], None] = {}
        self.events: list[Event] = []
        self.response: Response | None = None
        self.error: BaseException | None = None
        self.cancelled = False
        self.done = False
        self.timing = Timing()

    @property
    def started(self) -> bool:
        """Whether anybody has started it."""
        return self._loop is not None

    def start(self) -> None:
        """Start the work, once; a second start changes nothing.

        Raises:
            LoopError: No loop runs, or it is another one than that on which the work goes on.
        """
        loop = self.check_loop()
        if self._loop is None:
            self._loop = loop
            self.timing.asked_at = time.monotonic()
            self._task = loop.create_task(self._run(), name="backbay-generation")
            self._task.add_done_callback(self._ended_without_a_word)

    def check_loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, if the work goes on on it or could.

        Raises:
            LoopError: As ``start`` raises.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise LoopError(
                "A generation is started on a running event loop, and there is none here.",
                hint="Call from a coroutine, or use SyncComposer.",
            ) from None
        if self._loop not in (None, loop):
            raise LoopError(
                "This thunk is being computed on another event loop.",
                hint="Await it there first; once it is computed, it can be used anywhere.",
            )
        return loop

    async def _run(self) -> None:
        work, self._work = self._work, None
        assert work is not None
        try:
            response = await work(self.take)
        except asyncio.CancelledError:
            self._settle(cancelled=True)
            raise
        except Exception as error:  # noqa: BLE001 (whoever awaits the thunk gets it)
            self._settle(error=error)
        else:
            self._settle(response=response)

    def take(self, event: Event) -> None:
        """Keep an event that came."""
        if not self.events:
            self.timing.first_at = time.monotonic()
        self.events.append(event)
        if self._reading:
            _wake(self._reading)

    def _ended_without_a_word(self, task: asyncio.Task[None]) -> None:
        # A task that is cancelled before its first step runs nothing of it.
        if not self.done:
            self._settle(cancelled=True)

    def _settle(
        self, *, response: Response | None = None, error: BaseException | None = None, cancelled: bool = False
    ) -> None:
        self.response, self.error, self.cancelled = response, error, cancelled
        self.timing.ended_at = time.monotonic()
        self.done = True
        self._work = None
        self._task = None
        _wake(self._reading)
        _wake(self._ending)
        listeners, self.on_end = self.on_end, {}
        for listener in listeners:
            self._call(listener)

    def _call(self, listener: Callable[[], None]) -> None:
        # One that fails must not leave the others waiting for ever.
        try:
            listener()
        except Exception as failure:  # noqa: BLE001 (whatever it is, the loop's handler is told)
            loop = self._loop or asyncio.get_running_loop()
            loop.call_exception_handler({"message": "A listener of a generation failed.", "exception": failure})

    async def finished(self) -> None:
        """Return once there is an outcome; starts the work. Cancelling who waits cancels nothing else."""
        if not self.done:
            self.start()
            await _turn(self._ending)

    async def more(self, seen: int) -> bool:
        """Return once there are more than ``seen`` events, or ``False`` if there will be none; starts the work."""
        while len(self.events) <= seen:
            if self.done:
                return False
            self.start()
            await _turn(self._reading)
        return True

    async def cancel(self) -> None:
        """End the work, and return once it has let go of all it held. What came stays; nothing happens at its end.

        Raises:
            LoopError: It goes on on another loop.
        """
        if self.done:
            return
        if self._loop is None:
            self._settle(cancelled=True)
            return
        self.check_loop()
        task = self._task
        assert task is not None
        task.cancel()
        await asyncio.wait([task])

    def abandon(self) -> None:
        """End the work from anywhere, without waiting: nobody holds its thunk any more."""
        loop, task = self._loop, self._task
        if task is not None and loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed, and has ended the task itself.
                loop.call_soon_threadsafe(task.cancel)


async def _turn(waiting: set[asyncio.Future[None]]) -> None:
    future = asyncio.get_running_loop().create_future()
    waiting.add(future)
    try:
        await future
    finally:
        waiting.discard(future)


def _wake(waiting: set[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
    waiting.clear()
