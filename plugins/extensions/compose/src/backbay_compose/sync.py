"""The composer with methods that block, for programs without an event loop of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel

from backbay import Backend
from backbay.bridge import run

from .composer import Composer
from .contexts import Context
from .formatting import ChatTemplate, Formatter
from .structured import Strategy
from .thunks import ModelOutputThunk
from .walks import OnFailure, do_generate_walks

if TYPE_CHECKING:
    from backbay_batch import Engine, Rules

    from .components import Span

C = TypeVar("C", bound=Context)
T = TypeVar("T")


async def _next(pieces: AsyncIterator[str]) -> str | None:
    return await anext(pieces, None)


class SyncComposer:
    """A composer whose thunks are computed on a loop in another thread, which all blocking calls share.

        with SyncComposer("local:tiny") as composer:
            thunk, context = composer.generate_from_context(CBlock("What can you do?"), ChatContext())
            print(composer.value(thunk))

    Arguments and errors are those of ``Composer``; besides, every method raises ``LoopError`` on the thread of a
    running event loop, which it would block.
    """

    def __init__(
        self,
        backend: Backend | str,
        *,
        formatter: Formatter | None = None,
        model_options: Mapping[str, object] | None = None,
        concurrency: int | None = None,
        chat_template: ChatTemplate | None = None,
        record_prompts: bool = False,
        engine: str | Engine | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.composer = Composer(
            backend,
            formatter=formatter,
            model_options=model_options,
            concurrency=concurrency,
            chat_template=chat_template,
            record_prompts=record_prompts,
            engine=engine,
            rules=rules,
        )

    def generate_from_context(
        self,
        action: Span,
        ctx: C,
        *,
        format: type[BaseModel] | None = None,  # noqa: A002 (its name in the field)
        model_options: Mapping[str, object] | None = None,
        tool_calls: bool = False,
        lazy: bool = False,
        strategy: Strategy | None = None,
        repairs: int = 2,
    ) -> tuple[ModelOutputThunk, C]:
        """As ``Composer.generate_from_context``: returns at once, while the thunk is computed."""
        return run(
            self.composer.generate_from_context(
                action,
                ctx,
                format=format,
                model_options=model_options,
                tool_calls=tool_calls,
                lazy=lazy,
                strategy=strategy,
                repairs=repairs,
            )
        )

    def generate_from_raw(
        self,
        actions: Sequence[Span],
        ctx: Context | None = None,
        *,
        format: type[BaseModel] | None = None,  # noqa: A002 (its name in the field)
        model_options: Mapping[str, object] | None = None,
        tool_calls: bool = False,
    ) -> list[ModelOutputThunk]:
        """As ``Composer.generate_from_raw``."""
        return run(
            self.composer.generate_from_raw(
                actions, ctx, format=format, model_options=model_options, tool_calls=tool_calls
            )
        )

    def value(self, thunk: ModelOutputThunk) -> str:
        """Return a thunk's text, once it is there. As ``ModelOutputThunk.avalue``."""
        return run(thunk.avalue())

    def stream(self, thunk: ModelOutputThunk) -> Iterator[str]:
        """Yield the pieces of a thunk's text as they come; none if it is computed."""
        pieces = aiter(thunk)
        while (piece := run(_next(pieces))) is not None:
            yield piece

    def walk(
        self,
        *actions: Span,
        concurrency: int | None = None,
        deadline: float | None = None,
        on_failure: OnFailure = "wait",
    ) -> None:
        """Compute all thunks in some trees. As ``do_generate_walks``."""
        run(do_generate_walks(actions, concurrency=concurrency, deadline=deadline, on_failure=on_failure))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of a coroutine of this package, run where the thunks are computed.

        result = composer.wait(sample(composer.composer, action, context, requirements))
        """
        return run(work)

    def cancel(self, thunk: ModelOutputThunk) -> None:
        """End a thunk's work. As ``ModelOutputThunk.cancel_generation``."""
        run(thunk.cancel_generation())

    def close(self) -> None:
        """Close the backend, if it was connected here."""
        run(self.composer.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
