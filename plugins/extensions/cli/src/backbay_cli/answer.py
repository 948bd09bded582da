"""One answer, streamed into a view: read to its end, to an error, or to Ctrl-C; what was said is kept in each case."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from backbay import BackbayError, Backend, Ended, Event, EventStream, Message, Response, Started, UsageSeen
from backbay.request import Options

from . import exits
from .errors import exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long an answer took.

    Attributes:
        first_token: Seconds from the call to the first piece of thinking, text or a tool call; ``None`` if none came.
        total: Seconds from the call to the end.
        tokens_per_second: Output tokens after the first, by the seconds from the first piece to the end; ``None`` where
            the token count is unknown or below 2, or the answer came in one piece.
    """

    first_token: float | None
    total: float
    tokens_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one answer came out.

    Attributes:
        response: The whole answer; a partial one (``finish`` is ``None``) if it failed or was interrupted.
        timing: How long it took.
        error: What it failed with, or ``None``.
        interrupted: Whether Ctrl-C ended it.
    """

    response: Response
    timing: Timing
    error: BackbayError | None = None
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of a command that asked for this answer alone."""
        if self.interrupted:
            return exits.INTERRUPTED
        return exits.OK if self.error is None else exit_code(self.error)


class View(Protocol):
    """Where an answer is shown."""

    def event(self, event: Event) -> None:
        """Show one event, at once."""

    def finish(self, outcome: Outcome) -> None:
        """Show how it came out."""


async def ask(backend: Backend, messages: list[Message], options: Options, view: View) -> Outcome:
    """Stream one answer into ``view``; return how it came out.

    Cancelling the task that runs this, as Ctrl-C does, closes the stream and gives what was said so far.

    Raises:
        BackbayError: The request cannot work, and nothing was sent.
    """
    stream = backend.stream(messages, **options)
    clock = _Clock()
    error, interrupted = None, False
    try:
        async with stream:
            async for event in stream:
                clock.saw(event)
                view.event(event)
    except asyncio.CancelledError:
        interrupted = True
    except BackbayError as failure:
        error = failure
    outcome = Outcome(
        response=_answer(stream, error), timing=clock.timing(stream.partial), error=error, interrupted=interrupted
    )
    view.finish(outcome)
    return outcome


def _answer(stream: EventStream, error: BackbayError | None) -> Response:
    return error.partial if error is not None and error.partial is not None else stream.partial


class _Clock:
    """Notes when the first piece came and when the last event did."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._first: float | None = None
        self._last: float | None = None

    def saw(self, event: Event) -> None:
        now = time.perf_counter()
        if self._first is None and not isinstance(event, Started | UsageSeen | Ended):
            self._first = now
        if not isinstance(event, UsageSeen | Ended):
            self._last = now

    def timing(self, response: Response) -> Timing:
        total = time.perf_counter() - self._start
        if self._first is None or self._last is None:
            return Timing(first_token=None, total=total, tokens_per_second=None)
        tokens = response.usage.output if response.usage else None
        span = self._last - self._first
        speed = (tokens - 1) / span if tokens is not None and tokens > 1 and span > 0 else None
        return Timing(first_token=self._first - self._start, total=total, tokens_per_second=speed)
