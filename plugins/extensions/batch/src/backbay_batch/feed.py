"""The items that an engine is given: each when it may be asked for, and again where it failed for the moment."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from backbay import BackbayError

from .budget import Budget
from .engine import Item
from .pacing import Pacer
from .rows import Place


@dataclass(slots=True)
class Sent:
    """A line that was handed out, or is to be once more.

    Attributes:
        place: Where it stands.
        item: What was handed out.
        at: When, by ``time.monotonic``.
        tries: How often it failed for a reason that may pass.
        slowed: How often it was answered that there are too many calls.
        settled: Whether it has a result, which is on its way into the journal.
    """

    place: Place
    item: Item
    at: float = 0.0
    tries: int = 0
    slowed: int = 0
    settled: bool = False


class Pages(Protocol):
    """Where lines are from."""

    @property
    def complete(self) -> bool:
        """Whether an empty page is the end. Otherwise more may come, which is said by ``Feed.pump``."""

    def page(self, after: int) -> list[tuple[Place, Item]]:
        """Return the next lines after one; an empty list if there are none.

        Raises:
            BackbayError: They cannot be read.
        """


class Feed(AsyncIterator[Item]):
    """Hands out lines. ``anext`` may be awaited by several tasks at once.

    Args:
        pages: Gives them.
        pacer: Says when.
        budget: Says whether.
        most: How many lines may be put back for later, before no further ones are begun.

    Attributes:
        under_way: Lines that were handed out, until their results are kept.
        out_of_budget: Whether nothing was left for the next line.
        failure: What reading failed with, or ``None``.
    """

    def __init__(self, pages: Pages, pacer: Pacer, budget: Budget, most: int) -> None:
        self._pages = pages
        self._pacer = pacer
        self._budget = budget
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Sent] = deque()
        self._later: list[tuple[float, int, Sent]] = []
        self._counter = count()
        self._last = 0
        self._all_read = False
        self._waiters: deque[asyncio.Future[Item | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.under_way: dict[int, Sent] = {}
        self.out_of_budget = False
        self.failure: BackbayError | None = None

    @property
    def ended(self) -> bool:
        """Whether no further line is handed out."""
        return self._ended

    async def __anext__(self) -> Item:
        if self._ended:
            raise StopAsyncIteration
        waiter: asyncio.Future[Item | None] = self._loop.create_future()
        self._waiters.append(waiter)
        self.pump()
        item = waiter.result() if waiter.done() else await waiter
        if item is None:
            raise StopAsyncIteration
        return item

    def pump(self) -> None:
        """Hand out what may go now. To be called whenever something has changed."""
        while self._waiters and not self._ended:
            if self._waiters[0].done():
                self._waiters.popleft()  # Its task was cancelled.
                continue
            now = time.monotonic()
            sent, due = self._next(now)
            if sent is None:
                self._wait(due - now) if due < math.inf else self._end_if_done()
                return
            tokens = self._budget.expected(sent.place.prompt, sent.place.answer)
            seconds = self._pacer.wait(len(self.under_way), tokens)
            if seconds:
                self._wait(seconds)
                return
            if not self._budget.fits(sent.place.prompt, sent.place.answer):
                if not self.under_way:
                    self.out_of_budget = True
                    self.end()
                return
            self._hand_out(sent, tokens, now)

    def put_back(self, number: int, seconds: float) -> None:
        """Take back a line that was handed out, to hand it out again after some time."""
        sent = self.under_way.pop(number)
        self._budget.release(number)
        if not self._ended:
            heapq.heappush(self._later, (time.monotonic() + seconds, next(self._counter), sent))
        self.pump()

    def done(self, number: int) -> None:
        """Say that a line's result is kept, or that the line is left for the next run."""
        self.under_way.pop(number, None)

    def end(self) -> None:
        """Hand out nothing more."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _next(self, now: float) -> tuple[Sent | None, float]:
        """Return the next line, or when there may be one: infinity if something else must happen first."""
        if self._later and self._later[0][0] <= now:
            return self._later[0][2], now
        crowded = len(self._later) >= self._most
        if not crowded:
            if not self._ready and not self._all_read:
                self._read()
            if self._ready:
                return self._ready[0], now
        return None, self._later[0][0] if self._later else math.inf

    def _hand_out(self, sent: Sent, tokens: int, now: float) -> None:
        self._take_out(sent)
        sent.at = now
        self._pacer.sent(tokens)
        self._budget.set_aside(sent.place.number, sent.place.prompt, sent.place.answer)
        self.under_way[sent.place.number] = sent
        self._waiters.popleft().set_result(sent.item)

    def _take_out(self, sent: Sent) -> None:
        """Take out the next line, which ``_next`` returned."""
        if self._ready and self._ready[0] is sent:
            self._ready.popleft()
        else:
            heapq.heappop(self._later)

    def _wait(self, seconds: float) -> None:
        """Look again after some seconds; for infinity, when something has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds < math.inf:
            self._timer = self._loop.call_later(max(seconds, 0.001), self._look)

    def _look(self) -> None:
        self._timer = None
        self.pump()

    def _end_if_done(self) -> None:
        if self._all_read and not (self._ready or self._later or self.under_way):
            self.end()

    def _read(self) -> None:
        """Read some lines ahead."""
        try:
            found = self._pages.page(self._last)
        except BackbayError as failure:
            self.failure = failure
            self.end()
            return
        if found:
            self._last = found[-1][0].number
            self._ready.extend(Sent(place, item) for place, item in found)
        else:
            self._all_read = self._pages.complete
