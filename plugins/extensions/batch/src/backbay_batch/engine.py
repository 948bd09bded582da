"""What an engine is: whatever takes items, asks a backend for each, and yields how each came out.

Everything else stays with the process that runs the batch: files, journal, pace, limits, budget, and what is asked for
again. An engine is given an item only when it may be asked for at once, so limits hold over however many workers there
are, and a worker that vanishes loses nothing but the items that it had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from backbay import (
    BackbayError,
    Backend,
    OverloadedError,
    RateLimitError,
    Response,
    RetryPolicy,
    Usage,
    connect,
)
from backbay.messages import Message

from .errors import BatchSetupError

GROUP = "backbay.engines"
"""The entry-point group of engines: ``NAME = "package.module:Class"``, a class that takes no arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a program, in place of a line of a file. Can be pickled if its options can.

    Attributes:
        prompt: The conversation; or the text to continue, where it is raw.
        options: As ``Backend.complete`` takes them, or ``complete_raw``.
        raw: Whether it is raw text.
    """

    prompt: str | Sequence[Message] = field(repr=False)
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line to ask for, or one call. Can be pickled.

    Attributes:
        number: The line's number, from 1.
        line: The line's bytes, ``{"custom_id", "method", "url", "body"}``; empty for a call.
        call: The call, or ``None`` for a line.
    """

    number: int
    line: bytes
    call: Call | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a line has no answer. Can be pickled; never holds a credential.

    Attributes:
        code: Why, in one word: the vendor's own where it gave one.
        message: What happened, and what to try.
        type: The name of the error's class.
        status: HTTP status, or ``None`` where there was no response.
        request_id: The vendor's id of the request, or ``None``.
        body: At most 2000 characters of the vendor's error body, or ``None``.
        retryable: Whether the same call may work later.
        retry_after: Seconds that the vendor asked to wait; ``None`` if it did not say.
        slow_down: Whether it says that there are too many calls: 429, 503, 529.
        account: Whether it says something of the account and not of the line: the key is refused, the quota is used up.
        attempts: How many times the request was sent; 0 if it never was.
    """

    code: str
    message: str
    type: str
    status: int | None = None
    request_id: str | None = None
    body: str | None = field(default=None, repr=False)
    retryable: bool = False
    retry_after: float | None = None
    slow_down: bool = False
    account: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one item came out: it has a body (of a call: a response) or a failure. Can be pickled.

    Attributes:
        number: The item's.
        custom_id: The line's own id; ``""`` if it could not be read.
        body: The answer's body as JSON, in OpenAI's form; ``None`` if there is none.
        failure: Why there is none.
        usage: Token counts, or ``None`` if the vendor gave none.
        model: The model that answered, as the vendor names it, or ``None``.
        attempts: How many times the request was sent.
        response: The answer to a call; ``None`` for a line, and without an answer.
        error: What a call failed with, whole; ``None`` for a line, and where only ``failure`` is known.
    """

    number: int
    custom_id: str = ""
    body: bytes | None = field(default=None, repr=False)
    failure: Failure | None = None
    usage: Usage | None = None
    model: str | None = None
    attempts: int = 1
    response: Response | None = field(default=None, repr=False)
    error: BackbayError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to ask. Can be pickled if ``backend`` is a name.

    Attributes:
        backend: A name, as ``connect`` takes it, or a backend, which stays open.
        arguments: Keyword arguments of ``connect``.
        key_variable: The environment variable that has the key, read where the backend is connected, so that no key
            travels; ``None`` for what ``connect`` finds itself.
        concurrency: Calls under way at once, at most, over all workers.
    """

    backend: str | Backend
    arguments: Mapping[str, object] = field(default_factory=dict, repr=False)
    key_variable: str | None = None
    concurrency: int = 64

    def open(self) -> Backend:
        """Return the backend, with retries as a batch wants them; ``connected`` closes it too, where that is right.

        Raises:
            BackbayError: As ``connect`` raises.
        """
        if isinstance(self.backend, Backend):
            view = self.backend.with_options()
            view.settings = replace(view.settings, retry=BatchRetries.of(view.settings.retry))
            return view
        given: dict[str, object] = dict(self.arguments)
        retries = given.pop("retries", None)
        policy = retries if isinstance(retries, RetryPolicy) else None
        if policy is None:
            policy = RetryPolicy() if retries is None else RetryPolicy(retries=retries)  # type: ignore[arg-type]
        if self.key_variable is not None:
            from .keys import key_in

            given["api_key"] = key_in(self.key_variable)
        return connect(self.backend, retries=BatchRetries.of(policy), **given)  # type: ignore[arg-type]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Backend]:
        """Give the backend, and close it afterwards unless it is the caller's. Errors as ``open``."""
        backend = self.open()
        try:
            yield backend
        finally:
            if self.owned:
                await backend.aclose()

    @property
    def owned(self) -> bool:
        """Whether ``open`` makes a backend of its own, which is to be closed."""
        return isinstance(self.backend, str)


@runtime_checkable
class Engine(Protocol):
    """Asks for items. The entry-point group ``backbay.engines`` has classes of these, made without arguments."""

    def run(self, items: AsyncIterator[Item], target: Target) -> AsyncIterator[Outcome]:
        """Ask for each item, and yield each outcome as soon as it is there, in any order.

        Write it as an async generator. When it is closed, stop the work at once.

        Args:
            items: What to ask for. ``anext`` may be awaited by several tasks at once; each call waits until an item
                may be asked for, so do so at once, and take none that must wait. After ``StopAsyncIteration``, finish
                what is under way. The same item may come again later.
            target: Whom to ask. ``backbay_batch.asking.ask(backend, item)`` asks, and never raises.

        Raises:
            BackbayError: The engine as a whole failed. Items that have no outcome are asked for in the next run.
        """


class BatchRetries(RetryPolicy):
    """A backend's own policy, without retries of what says that there are too many calls.

    Those are the run's to repeat, since all its calls have to wait, and not that one alone.
    """

    __slots__ = ()

    def pause(self, error: BackbayError, attempt: int, remaining: float | None) -> float | None:
        """Return as ``RetryPolicy.pause`` does."""
        if isinstance(error, RateLimitError | OverloadedError):
            return None
        return RetryPolicy.pause(self, error, attempt, remaining)


def find_engine(name: str) -> Engine:
    """Return an engine by its name.

    Raises:
        BatchSetupError: No installed distribution has it, or it cannot be loaded.
    """
    from importlib.metadata import EntryPoint, entry_points

    from backbay.selection import allow_list, normalised

    allow = allow_list()
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        owner = normalised(entry.dist.name) if entry.dist is not None else ""
        if allow is None or owner in allow or normalised(entry.name) in allow or owner == "backbay-batch":
            found.setdefault(entry.name, entry)
    if name not in found:
        hint = f"There are {', '.join(sorted(found)) or 'none'}; ray is in the distribution backbay-ray."
        raise BatchSetupError(f"There is no engine {name!r}.", hint=hint)
    try:
        engine = found[name].load()()
    except Exception as failure:
        raise BatchSetupError(
            f"The engine {name!r} ({found[name].value}) cannot be loaded: {type(failure).__name__}: {failure}"
        ) from failure
    if not isinstance(engine, Engine):
        raise BatchSetupError(f"{found[name].value} is no engine: it has no method run.")
    return engine
