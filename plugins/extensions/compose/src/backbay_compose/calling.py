"""How functions of the caller's are called: plain ones beside the loop, several at once, none left behind."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def outcome_of(
    func: Callable[..., object], /, *args: object, **named: object
) -> tuple[object, BaseException | None]:
    """Call a function, and return what it gives and ``None``, or ``None`` and what it raised.

    An async one is awaited; a plain one runs in a worker thread, which nothing can end: when this is cancelled, the
    function still runs to its end, and what it gives is thrown away.

    Raises:
        CancelledError: This was cancelled, and not only something that the function waits for.
        BaseException: It raised what is no ``Exception``, such as ``SystemExit``.
    """

    def guarded() -> tuple[object, Exception | None]:
        # Raised out of the thread, a StopIteration leaves the loop waiting forever (Python 3.11; CPython issue 112182).
        try:
            return func(*args, **named), None
        except Exception as failure:  # noqa: BLE001 (whoever asked decides)
            return None, failure

    try:
        if is_async(func):
            found, error = func(*args, **named), None
        else:
            found, error = await asyncio.to_thread(guarded)
        return (await found if inspect.isawaitable(found) else found), error
    except asyncio.CancelledError as failure:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return None, failure
    except Exception as failure:  # noqa: BLE001 (whoever asked decides)
        return None, failure


def is_async(func: Any) -> bool:  # noqa: ANN401 (any callable)
    """Whether a call of ``func`` gives a coroutine: an async function, a partial of one, or an object called so."""
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(getattr(func, "__call__", None))  # noqa: B004


async def all_of(works: Sequence[Callable[[], Awaitable[T]]], at_once: int | None = None) -> list[T]:
    """Return what some functions give, in their order, ``at_once`` of them running at a time (``None`` for all).

    Raises:
        BaseException: What the first of them raised; the others are cancelled and have ended.
    """
    gate = asyncio.Semaphore(at_once or max(1, len(works)))

    async def one(work: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await work()

    tasks = [asyncio.create_task(one(work)) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await end(tasks)


async def end(tasks: Collection[asyncio.Task[T]]) -> None:
    """Cancel what still runs of some tasks, and return once all have ended; what they raise is not of interest."""
    for task in tasks:
        task.cancel()
    if tasks:
        ended, _ = await asyncio.wait(tasks)
        for task in ended:
            if not task.cancelled():
                task.exception()  # Else the loop would complain that nobody looked.
