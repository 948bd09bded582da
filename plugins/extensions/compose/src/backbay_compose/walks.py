"""Walks: the thunks in a tree of spans, and how all of them are had."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeGuard

from backbay.errors import InvalidRequestError, LimitExceededError

from .blocks import CBlock
from .components import Component
from .errors import CycleError, SpanError
from .thunks import ModelOutputThunk

if TYPE_CHECKING:
    from .components import Span

OnFailure = Literal["wait", "cancel"]


def is_span(value: object) -> TypeGuard[Span]:
    """Whether a value is a span: a block, a component, or a thunk."""
    return isinstance(value, CBlock | Component | ModelOutputThunk)


def as_span(value: object) -> Span:
    """Return a span; a string becomes a block.

    Raises:
        SpanError: It is neither.
    """
    return CBlock(value) if isinstance(value, str) else checked(value)


def checked(value: object) -> Span:
    """Return a span as it is.

    Raises:
        SpanError: It is none.
    """
    if is_span(value):
        return value
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    hint = "Put a string into CBlock(...)." if isinstance(value, str) else None
    raise SpanError(f"{shown} is a {type(value).__name__}, and no block, component or thunk.", hint=hint)


def spans(root: object, *, once: bool = False) -> Iterator[Span]:
    """Yield a span and all below it, depth first, from left to right.

    Args:
        root: The span.
        once: Whether what is held twice comes once; else it comes as often as it is held.

    Raises:
        SpanError: Something in it is no span.
        CycleError: A component contains itself.
    """
    return (span for span, leaving in _steps(root, once=once) if not leaving)


def bottom_up(root: object) -> Iterator[Span]:
    """Yield a span and all below it, each once, and what a component is made of before it. Raises as ``spans``.

    While it is read, no identity of a span that it gave is another's.
    """
    return (span for span, leaving in _steps(root, once=True) if leaving)


def _steps(root: object, *, once: bool, skip: Container[int] = ()) -> Iterator[tuple[Span, bool]]:
    # A stack, since a tree may be deeper than Python's own. What was seen is kept, since parts() may make its spans
    # anew, and the identity of one that is gone is given to the next.
    above: set[int] = set()
    seen: dict[int, Span] = {}
    stack: list[tuple[object, bool]] = [(root, False)]
    while stack:
        value, leaving = stack.pop()
        span = checked(value)
        if leaving:
            above.discard(id(span))
            yield span, True
            continue
        if id(span) in above:
            raise CycleError(f"A {type(span).__name__} contains itself.")
        if id(span) in skip or (once and id(span) in seen):
            continue
        if once:
            seen[id(span)] = span
        yield span, False
        stack.append((span, True))
        if isinstance(span, Component):
            above.add(id(span))
            stack.extend((part, False) for part in reversed(_parts(span)))


def _parts(component: Component[object]) -> Sequence[object]:
    found = component.parts()
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise SpanError(f"parts() of {type(component).__name__} gives a {type(found).__name__}, not a list of spans.")
    return found


def generate_walk(action: Span) -> list[ModelOutputThunk]:
    """Return the thunks in a tree that are not computed yet, depth first, from left to right; duplicates are kept.

    Raises:
        SpanError: Something in it is no span.
        CycleError: A component contains itself.
    """
    # What holds no such thunk is looked into once: shared components would else be walked through time and again.
    settled: dict[int, Span] = {}
    for span in bottom_up(action):
        parts = _parts(span) if isinstance(span, Component) else ()
        if not _is_pending(span) and all(id(part) in settled for part in parts):
            settled[id(span)] = span
    return [span for span, leaving in _steps(action, once=False, skip=settled) if not leaving and _is_pending(span)]


def _is_pending(span: object) -> TypeGuard[ModelOutputThunk]:
    return isinstance(span, ModelOutputThunk) and not span.is_computed()


def pending(action: Span) -> Iterator[ModelOutputThunk]:
    """Return the thunks of a tree that are not computed yet, each once. Raises, when read, as ``generate_walk``."""
    return (span for span in spans(action, once=True) if _is_pending(span))


async def do_generate_walk(
    action: Span, *, concurrency: int | None = None, deadline: float | None = None, on_failure: OnFailure = "wait"
) -> None:
    """Compute all thunks in a tree, at once. As ``do_generate_walks`` with one action."""
    await do_generate_walks([action], concurrency=concurrency, deadline=deadline, on_failure=on_failure)


async def do_generate_walks(
    actions: Sequence[Span],
    *,
    concurrency: int | None = None,
    deadline: float | None = None,
    on_failure: OnFailure = "wait",
) -> None:
    """Compute all thunks in some trees, at once; one that is held several times is generated once.

    Args:
        actions: The trees.
        concurrency: How many of those that nobody has started yet run at a time; ``None`` for all.
        deadline: Seconds for the whole walk; those that are not computed then are cancelled. ``None`` for no limit.
        on_failure: What becomes of the others when one fails: ``"wait"`` lets them end, ``"cancel"`` cancels them.

    Raises:
        SpanError: Something in a tree is no span; nothing was started.
        InvalidRequestError: ``concurrency`` is less than 1, or ``deadline`` is not above 0; nothing was started.
        ThunkError: A thunk has no work behind it; nothing was started.
        LoopError: A thunk is being computed on another loop; nothing was started.
        LimitExceededError: The deadline passed.
        Exception: What the first thunk that failed, in the order of the walk, failed with.
    """
    if concurrency is not None and concurrency < 1:
        raise InvalidRequestError(f"concurrency is {concurrency}; it must be 1 or more, or None.")
    if deadline is not None and not deadline > 0:
        raise InvalidRequestError(f"deadline is {deadline}; give seconds above 0, or None.")
    if on_failure not in ("wait", "cancel"):
        raise InvalidRequestError(f"on_failure is {on_failure!r}; give 'wait' or 'cancel'.")
    unique = list(dict.fromkeys(thunk for action in actions for thunk in pending(action)))
    walk = _Walk(unique, concurrency, cancel=on_failure == "cancel")
    try:
        async with asyncio.timeout(deadline):
            await walk.run()
    except TimeoutError:
        if deadline is None:
            raise
        await walk.cancel()
        raise LimitExceededError(
            f"The walk was not done within {deadline:g} s; what was left of it is cancelled.",
            limit="total",
            seconds=deadline,
        ) from None
    failed = next(filter(_failed, unique), None)
    if failed is not None:
        if on_failure == "cancel":
            await walk.cancel()
        raise failed.failure()


class _Walk:
    """Thunks that are computed together. It needs no task of its own for any of them."""

    def __init__(self, thunks: Sequence[ModelOutputThunk], concurrency: int | None, *, cancel: bool) -> None:
        self._thunks = thunks
        self._waiting = iter(thunks)
        self._left = len(thunks)
        self._cancel = cancel
        self._concurrency = concurrency or len(thunks)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listeners: dict[ModelOutputThunk, Callable[[], None]] = {}

    async def run(self) -> None:
        """Return when all are done, or when one failed that ends the walk."""
        for thunk in self._thunks:
            thunk.check_start()
        for _ in range(self._concurrency):
            self._next()
        try:
            if self._left > 0:
                await self._done
        finally:
            # A walk that was ended early must not keep thunks alive that nobody else holds.
            for thunk, listener in self._listeners.items():
                thunk.forget(listener)
            self._listeners.clear()

    async def cancel(self) -> None:
        """Cancel all that are not done."""
        await asyncio.gather(*(thunk.cancel_generation() for thunk in self._thunks))

    def _next(self) -> None:
        """Start one more, if any is left and none failed that ends the walk."""
        while self._left > 0:
            thunk = next(self._waiting, None)
            if thunk is None:
                return
            if not thunk.is_done:
                thunk.start()
                self._listeners[thunk] = listener = functools.partial(self._ended, thunk)
                thunk.when_done(listener)
                return
            self._count(thunk)

    def _ended(self, thunk: ModelOutputThunk) -> None:
        self._listeners.pop(thunk, None)
        self._count(thunk)
        if not self._done.done():
            self._next()

    def _count(self, thunk: ModelOutputThunk) -> None:
        self._left -= 1
        if self._cancel and _failed(thunk):
            self._left = 0
        if self._left <= 0 and not self._done.done():
            self._done.set_result(None)


def _failed(thunk: ModelOutputThunk) -> bool:
    return thunk.error is not None and not thunk.is_computed()
