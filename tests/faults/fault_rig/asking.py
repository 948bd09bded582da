"""Making one call, in each of the four ways, and looking at all that came of it."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import backbay
from backbay.backend import Backend
from backbay.retry import RetryPolicy
from backbay_conformance.laws.canaries import CANARIES, Canary
from backbay_conformance.laws.leaks import assert_no_tasks

KEY = CANARIES[0]
"""The key of every call, which must be seen nowhere."""

COMPLETE = ("complete", "sync_complete")
STREAM = ("stream", "sync_stream")
HOWS = (*COMPLETE, *STREAM)
"""The ways to make a call."""

BOUND = 20.0
"""Seconds after which a call that has not ended is stuck."""

LONG = 2**20
"""Characters of a text that is too long for a key to be looked for in."""

TWICE = RetryPolicy(retries=1, first_pause=0.01, longest_pause=0.01, budget=None)
"""One retry, at once: what is tried again is on the wire twice, what is not once."""


@dataclass(slots=True)
class Outcome:
    """What came of a call.

    Attributes:
        response: The answer, or ``None``.
        error: What was raised, or ``None``.
        events: The events of a stream that came one by one.
        seconds: How long it took.
    """

    response: backbay.Response | None = None
    error: BaseException | None = None
    events: list[backbay.Event] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def text(self) -> str | None:
        """The answer's text."""
        return None if self.response is None else self.response.text

    @property
    def partial(self) -> str:
        """The text of the partial answer; ``""`` without one."""
        partial = getattr(self.error, "partial", None)
        return "" if partial is None else partial.text or ""


def connect(url: str, reference: str = "openai:m-1", **config: Any) -> Backend:
    """Return a backend at a URL, with the canary for its key, and one retry unless said otherwise."""
    given = {"retries": TWICE, "base_url": url, **config}
    return backbay.connect(reference, api_key=KEY.reveal(), **given)


def ask(url: str, how: str, messages: Any = "hi", options: Any = None, **config: Any) -> Outcome:
    """Make a call; return what came of it. Nothing may be left on the loop."""
    outcome = Outcome()
    began = time.monotonic()
    try:
        if how.startswith("sync"):
            _sync(connect(url, **config), how, messages, options or {}, outcome)
        else:
            asyncio.run(_async(connect(url, **config), how, messages, options or {}, outcome))
    except BaseException as error:
        outcome.error = error
    outcome.seconds = time.monotonic() - began
    if outcome.error is not None:
        assert_unseen(outcome.error)
    return outcome


async def _async(opened: Backend, how: str, messages: Any, options: Any, outcome: Outcome) -> None:
    before = asyncio.all_tasks()
    async with asyncio.timeout(BOUND):
        try:
            async with opened as backend:
                await call(backend, how, messages, options, outcome)
        finally:
            await assert_no_tasks(before, "the call")


async def call(backend: Backend, how: str, messages: Any, options: Any, outcome: Outcome) -> None:
    """Make a call of a backend that is open."""
    if how == "complete":
        outcome.response = await backend.complete(messages, **options)
        return
    async with backend.stream(messages, **options) as stream:
        async for event in stream:
            outcome.events.append(event)
    outcome.response = stream.response


def _sync(backend: Backend, how: str, messages: Any, options: Any, outcome: Outcome) -> None:
    from backbay.sync import SyncBackend

    with SyncBackend(backend) as blocking:
        if how == "sync_complete":
            outcome.response = blocking.complete(messages, **options)
            return
        with blocking.stream(messages, **options) as stream:
            outcome.events += stream
        outcome.response = stream.response


K = TypeVar("K", bound=BaseException)


def raised(kind: type[K], function: Callable[[], object]) -> K:
    """Return what a call raises, which must be of this class."""
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def renderings(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the ways in which an error may be shown, or kept."""
    yield "str", str(error)
    yield "repr", repr(error)
    yield "args", repr(error.args)
    yield "vars", repr(vars(error))
    yield "traceback", "".join(traceback.format_exception(error))
    yield from local_variables(error)
    record = logging.LogRecord(
        "caller", logging.ERROR, "", 0, "failed", None, (type(error), error, error.__traceback__)
    )
    yield "log record", logging.Formatter().format(record)
    if isinstance(error, backbay.BackbayError):
        yield "pickle", pickle.dumps(error).decode("latin-1")
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            yield "cause", f"{cause!r} {cause} {vars(cause)!r}"


def local_variables(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield what a traceback with local variables shows, of an error and of what led to it."""
    shown: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        failure = left.pop()
        if failure is None or id(failure) in shown:
            continue
        shown.add(id(failure))
        left += [failure.__cause__, failure.__context__]
        for frame, line in traceback.walk_tb(failure.__traceback__):
            for name, value in frame.f_locals.items():
                if id(value) in shown or (isinstance(value, str | bytes) and len(value) > LONG):
                    continue
                shown.add(id(value))
                try:
                    yield f"local {name} of {frame.f_code.co_qualname} at {line}", repr(value)
                except Exception:
                    continue


def assert_unseen(error: BaseException, canaries: Sequence[Canary] = (KEY,)) -> None:
    """Assert that no canary is in any rendering of an error."""
    for form, text in renderings(error):
        for canary in canaries:
            assert not canary.seen_in(text), f"the {form} of {type(error).__name__} has the canary {canary}: {text}"
