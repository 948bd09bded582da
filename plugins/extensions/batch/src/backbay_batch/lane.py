"""The calls of a program on one event loop, on their way through an engine."""

from __future__ import annotations

import asyncio
import contextvars
import copy
from collections import deque
from dataclasses import dataclass, field

from backbay import BackbayError, ClosedError, Response

from .budget import Budget
from .course import Course
from .engine import Call, Engine, Item, Outcome, Target
from .errors import BatchEngineError, BatchStoppedError
from .feed import Feed, Sent
from .lines import BYTES_A_TOKEN
from .pacing import Pacer
from .rows import Place
from .rules import Rules


@dataclass(slots=True, eq=False)
class Pending:
    """A call that somebody waits for.

    Attributes:
        call: The call.
        answer: What it comes to.
        context: The caller's context, in which the call is made.
        task: What makes it, where the engine says so.
    """

    call: Call = field(repr=False)
    answer: asyncio.Future[Response] = field(repr=False)
    context: contextvars.Context = field(repr=False)
    task: asyncio.Task[Outcome] | None = None


class Calls:
    """Calls as pages of a feed: those that came since the last one.

    Attributes:
        complete: Always false: there may be another call at any time.
        pending: Calls without an outcome, by number.
    """

    complete = False

    def __init__(self) -> None:
        self._new: deque[int] = deque()
        self._last = 0
        self.pending: dict[int, Pending] = {}

    def add(self, pending: Pending) -> int:
        """Take in a call; return its number."""
        self._last += 1
        self.pending[self._last] = pending
        self._new.append(self._last)
        return self._last

    def page(self, after: int) -> list[tuple[Place, Item]]:
        """Return the calls that nobody has had; those that were withdrawn meanwhile are left out."""
        found = [(number, self.pending[number].call) for number in self._new if number in self.pending]
        self._new.clear()
        return [(_place(number, call), Item(number, b"", call)) for number, call in found]


class OpenFeed(Feed):
    """A feed of calls. Each is made in its caller's context, and may be withdrawn."""

    def __init__(self, calls: Calls, pacer: Pacer, budget: Budget, most: int) -> None:
        super().__init__(calls, pacer, budget, most)
        self._calls = calls

    def context(self, item: Item) -> contextvars.Context:
        """Return the context of whoever made the call."""
        pending = self._calls.pending.get(item.number)
        return contextvars.Context() if pending is None else pending.context

    def attend(self, item: Item, task: asyncio.Task[Outcome]) -> None:
        """Take note of what makes a call."""
        pending = self._calls.pending.get(item.number)
        if pending is None:
            task.cancel()  # It was withdrawn just now.
        else:
            pending.task = task

    def withdraw(self, number: int) -> None:
        """Forget a call that nobody waits for any more."""
        if number in self.under_way:
            self._budget.release(number)
            self.done(number)
        self.pump()

    def _next(self, now: float) -> tuple[Sent | None, float]:
        while True:
            sent, due = super()._next(now)
            if sent is None or sent.place.number in self._calls.pending:
                return sent, due
            self._take_out(sent)


class Lane(Course):
    """One run of an engine, from a loop's first call until it is closed or stops.

    Args:
        engine: What asks.
        target: Who is asked.
        rules: What bounds it.
        pacer: Says when.
        budget: Says whether.
    """

    def __init__(self, engine: Engine, target: Target, rules: Rules, *, pacer: Pacer, budget: Budget) -> None:
        self._calls = Calls()
        feed = OpenFeed(self._calls, pacer, budget, 2 * rules.concurrency + 16)
        super().__init__(engine, target, rules, feed=feed, pacer=pacer, budget=budget)
        self._open = feed
        self._account: BackbayError | None = None
        self._failure: BackbayError | None = None
        self._task = asyncio.create_task(self._run(), name="backbay-batch-calls")
        # What was cancelled before its first step has settled nothing.
        self._task.add_done_callback(lambda _: self._give_up())

    @property
    def ended(self) -> bool:
        """Whether it takes no further calls."""
        return self._feed.ended or self._task.done()

    async def call(self, call: Call) -> Response:
        """Make a call; as ``Caller.call``."""
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        pending = Pending(call, answer, contextvars.copy_context())
        number = self._calls.add(pending)
        self._feed.pump()
        try:
            return await answer
        except asyncio.CancelledError:
            self._calls.pending.pop(number, None)
            self._open.withdraw(number)
            if pending.task is not None:
                pending.task.cancel()
                await asyncio.wait([pending.task])  # So that its connection is closed when this is done.
            raise
        finally:
            self._calls.pending.pop(number, None)

    async def aclose(self) -> None:
        """End the engine, and what is under way."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await self._consume()
        except BackbayError as failure:
            self._failure = failure
        finally:
            self._feed.end()

    def _give_up(self) -> None:
        """Tell all that still wait why there is no answer."""
        waiting = [pending for pending in self._calls.pending.values() if not pending.answer.done()]
        for pending in waiting:
            pending.answer.set_exception(self._why())

    def _why(self) -> BackbayError:
        known = self._failure or self._account
        if known is not None:
            return copy.copy(known)  # One object raised at several places would gather all their tracebacks.
        if self._feed.out_of_budget:
            return BatchStoppedError("The call was not made: the budget is used up.")
        if self.reason is not None:
            return BatchStoppedError(f"The call was not made. {self.reason}")
        return ClosedError("The call was not made to its end: its engine was closed.")

    def _keep(self, sent: Sent, outcome: Outcome) -> None:
        self._count(sent, outcome)
        self._answer(sent, outcome)

    def _leave(self, sent: Sent, outcome: Outcome) -> None:
        self._budget.release(sent.place.number)
        self._account = outcome.error
        self._answer(sent, outcome)

    def _answer(self, sent: Sent, outcome: Outcome) -> None:
        number = sent.place.number
        self._feed.done(number)
        pending = self._calls.pending.pop(number, None)
        if pending is None or pending.answer.done():
            return
        if outcome.response is not None:
            pending.answer.set_result(outcome.response)
            return
        failure = outcome.failure
        said = "The engine gave neither an answer nor an error." if failure is None else failure.message
        pending.answer.set_exception(outcome.error or BatchEngineError(said))


def _place(number: int, call: Call) -> Place:
    """Return what a call is expected to use, by the measure of a batch's lines."""
    prompt = call.prompt
    size = len(prompt) if isinstance(prompt, str) else sum(len(message.text) for message in prompt)
    most = call.options.get("max_tokens")
    return Place(number, None, 0, size, size // BYTES_A_TOKEN + 1, most if isinstance(most, int) and most > 0 else -1)
