"""Walks: the thunks in a tree of spans, and how all of them are had."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator, Sequence
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
    """Yield a span and all below it, each once, and what a component is made of before it. Raises as ``spans``."""
    return (span for span, leaving in _steps(root, once=True) if leaving)


def _steps(root: object, *, once: bool) -> Iterator[tuple[Span, bool]]:
    # A stack, since a tree may be deeper than Python's own.
    above: set[int] = set()
    seen: set[int] = set()
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
        if once and id(span) in seen:
            continue
        seen.add(id(span))
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
    return [span for span in spans(action) if isinstance(span, ModelOutputThunk) and not span.is_computed()]


def pending(action: Span) -> Iterator[ModelOutputThunk]:
    """Yield the thunks of a tree that are not computed yet, each once. Raises as ``generate_walk``."""
    for span in spans(action, once=True):
        if isinstance(span, ModelOutputThunk) and not span.is_computed():
            yield span


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
        if deadline is None or walk.ended:
            raise
        await asyncio.gather(*(thunk.cancel_generation() for thunk in unique))
        raise LimitExceededError(
            f"The walk was not done within {deadline:g} s; what was left of it is cancelled.",
            limit="total",
            seconds=deadline,
        ) from None
    walk.raise_failure()


class _Walk:
    """Thunks that are computed together. It needs no task of its own for any of them."""

    def __init__(self, thunks: Sequence[ModelOutputThunk], concurrency: int | None, *, cancel: bool) -> None:
        self._thunks = thunks
        self._waiting = iter(thunks)
        self._left = len(thunks)
        self._cancel = cancel
        self._concurrency = concurrency or len(thunks)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = False

    async def run(self) -> None:
        for thunk in self._thunks:
            thunk.check_start()
        for _ in range(self._concurrency):
            self._next()
        if self._left:
            await self._done
        self.ended = True
        if self._cancel and any(map(_failed, self._thunks)):
            await asyncio.gather(*(thunk.cancel_generation() for thunk in self._thunks))

    def _next(self) -> None:
        """Start one more, if any is left and none failed that ends the walk."""
        for thunk in self._waiting:
            if not thunk.is_done:
                thunk.start()
                thunk.when_done(functools.partial(self._ended, thunk))
                return
            self._count(thunk)

    def _ended(self, thunk: ModelOutputThunk) -> None:
        self._count(thunk)
        if not self._done.done():
            self._next()

    def _count(self, thunk: ModelOutputThunk) -> None:
        self._left -= 1
        if self._cancel and _failed(thunk):
            self._left = 0
        if self._left <= 0 and not self._done.done():
            self._done.set_result(None)

    def raise_failure(self) -> None:
        for thunk in self._thunks:
            if _failed(thunk) and thunk.error is not None:
                raise thunk.error


def _failed(thunk: ModelOutputThunk) -> bool:
    return thunk.error is not None and not thunk.is_computed()
