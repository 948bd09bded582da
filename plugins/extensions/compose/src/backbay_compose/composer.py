"""The composer: generations from actions and contexts, over one backend."""

from __future__ import annotations

import asyncio
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import BaseModel

from backbay import Backend, Message, Response, connect
from backbay.errors import InvalidRequestError, LoopError, UnsupportedError

from .asking import UNHELD, Asker
from .components import Component
from .contexts import Context, added, offered_tools
from .engines import caller
from .errors import ContextTypeMismatchError
from .formatting import ChatTemplate, Formatter, TemplateFormatter
from .generation import Take
from .metadata import GenerationNotes
from .options import settle
from .structured import Strategy
from .thunks import ModelOutputThunk
from .tools import as_tools
from .walks import checked, do_generate_walks, pending

if TYPE_CHECKING:
    from backbay_batch import Engine, Rules

    from .components import Span

C = TypeVar("C", bound=Context)


class ComposeWarning(UserWarning):
    """Something that was asked for was left out; the thunk's ``notes.dropped`` has it too."""


class Composer:
    """Generates from actions and contexts.

        async with Composer("local:tiny") as composer:
            thunk, context = await composer.generate_from_context(CBlock("What can you do?"), ChatContext())
            print(await thunk.avalue())

    Args:
        backend: A backend, or its name as ``connect`` takes it; one that is given by name is closed with the composer.
        formatter: How prompts are made; ``None`` for templates that components carry themselves.
        model_options: Options of every generation; see ``ModelOption``. Those of a call win.
        concurrency: Generations that ask the backend at a time, on one event loop; ``None`` for any number.
        chat_template: The model's own chat template: prompts then go out as raw text. The backend must continue text.
        record_prompts: Whether each thunk keeps the messages that were sent, for pages and logs.
        engine: An engine of backbay-batch, or its name (``"local"``, ``"ray"``), through which everything is asked:
            at the pace that the vendor bears, within the rules; answers then come whole, and are not streamed.
            ``None`` to ask directly. An engine of other processes needs a backend that is given by name.
        rules: What bounds the calls of the engine, a ``backbay_batch.Rules``: how many at once, rates, a budget.

    Raises:
        BackbayError: The backend cannot be connected to.
        ConfigurationError: There is no such engine, or backbay-batch is not installed.
        InvalidRequestError: An option is wrong.
        UnsupportedError: There is a ``chat_template`` and the backend does not continue raw text.
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
        self.model_options = dict(model_options or {})
        settle(self.model_options, None)
        self._owned = isinstance(backend, str)
        self.backend = connect(backend) if isinstance(backend, str) else backend
        self.formatter: Formatter = formatter or TemplateFormatter()
        self.record_prompts = record_prompts
        self._caller = caller(self.backend, backend if isinstance(backend, str) else None, engine, rules)
        self._asker = Asker(self.backend, concurrency, chat_template, self._caller)
        self._listeners: list[Callable[[ModelOutputThunk], None]] = []

    async def generate_from_context(
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
        """Return the thunk of what the model says to ``action`` after ``ctx``, and the context with both behind it.

        Thunks that the action or the context hold are computed first, at once, and each is generated once.

        Args:
            action: What to say.
            ctx: What came before; it stays as it is.
            format: A pydantic class whose JSON the text shall be; ``thunk.parsed`` then is an instance.
            model_options: Options of this call; see ``ModelOption``.
            tool_calls: Whether the model may call the tools that the options, the context's components and the action
                offer; a later one of the same name wins. Nothing calls them by itself.
            lazy: Whether to wait with the work until somebody awaits, reads or starts the thunk.
            strategy: How to reach ``format``; ``None`` for the best that the backend declares.
            repairs: How often at most the model is told what is wrong with the form, where nothing holds it to that.

        Raises:
            LoopError: No event loop is running.
            SpanError: The action or the context holds what is no span, or a component contains itself.
            ContextTypeMismatchError: ``ctx`` is no context, or its ``add`` gives another type.
            RequestError: An option is wrong, or the backend lacks what is asked for.
            TemplateError: A template is missing or wrong.
        """
        _require_loop()
        if not isinstance(ctx, Context):
            raise ContextTypeMismatchError(
                f"ctx is a {type(ctx).__name__}; give a Context, such as ChatContext() or SimpleContext()."
            )
        checked(action)
        settled = settle(self.model_options, model_options)
        view = ctx.view_for_generation()
        if view is None:
            raise UnsupportedError(f"A {type(ctx).__name__} is no list of turns, and a backend takes nothing else.")
        asked = [*view, action]
        waits_for = tuple(dict.fromkeys(thunk for span in asked for thunk in pending(span)))
        notes = self._asker.notes(
            settled,
            form=format,
            tools={**as_tools(settled.tools or {}), **offered_tools(ctx, action)} if tool_calls else {},
            strategy=strategy,
            read=action.parse if isinstance(action, Component) else str,
        )
        if waits_for:
            for span in asked:
                self.formatter.check(span)
        messages = None if waits_for else self._messages(asked)

        async def work(take: Take) -> Response:
            found = messages
            if found is None:
                # Not all that is open by now: a component that was changed since may hold this very thunk.
                await do_generate_walks(waits_for)
                found = self._messages(asked)
            if (made := held()) is not None and self.record_prompts:
                made.prompt = tuple(found)
            del made
            return await self._asker.answer(found, notes, take, form=format, repairs=repairs, sent=sent)

        thunk = ModelOutputThunk.of(work, action=action, notes=notes, waits_for=waits_for)
        held, sent = weakref.ref(thunk), _marker(thunk)
        after = added(added(ctx, action), thunk)
        self._warn(notes)
        self._told(thunk)
        if not lazy:
            thunk.start()
        return thunk, after  # type: ignore[return-value]

    async def generate_from_raw(
        self,
        actions: Sequence[Span],
        ctx: Context | None = None,
        *,
        format: type[BaseModel] | None = None,  # noqa: A002 (its name in the field)
        model_options: Mapping[str, object] | None = None,
        tool_calls: bool = False,
    ) -> list[ModelOutputThunk]:
        """Continue each action's text as it is, with no chat template and no context; return when all are done.

        Args:
            actions: The prompts.
            ctx: Not used; it may stand there for programs that give it.
            format: A pydantic class whose JSON each text shall be, where the backend can hold it to a schema; else it
                is left out with a warning, which ``notes.dropped`` has too.
            model_options: Options of this call; see ``ModelOption``.
            tool_calls: Has no place in a raw prompt: left out with a warning.

        Returns:
            One computed thunk an action, in their order. One that failed while others did not has an ``error``, and
            what had come, or ``""``, as its value.

        Raises:
            UnsupportedError: The backend does not continue raw text; nothing was sent.
            SpanError: Something is no span.
            RequestError: An option is wrong.
            BackbayError: All of them failed: the first one's error.
        """
        _require_loop()
        self._asker.require_raw()
        for action in actions:
            checked(action)
        settled = settle(self.model_options, model_options)
        notes = self._asker.raw_notes(settled, form=format, tool_calls=tool_calls)
        for action in actions:
            self.formatter.check(action)
        await do_generate_walks(actions)
        prompts = [self.formatter.to_text(action) for action in actions]
        thunks = [self._raw(action, prompt, notes) for action, prompt in zip(actions, prompts, strict=True)]
        self._warn(notes)
        for thunk in thunks:
            self._told(thunk)
            thunk.start()
        try:
            await asyncio.gather(*(thunk.wait() for thunk in thunks))
        except asyncio.CancelledError:
            await asyncio.gather(*(thunk.cancel_generation() for thunk in thunks))
            raise
        if notes.strategy is not None and any(thunk.notes.strategy is None for thunk in thunks):
            warnings.warn(UNHELD, ComposeWarning, stacklevel=2)
        errors = [thunk.error for thunk in thunks]
        if errors and all(error is not None for error in errors) and errors[0] is not None:
            raise errors[0]
        return thunks

    def listen(self, listener: Callable[[ModelOutputThunk], None]) -> Callable[[], None]:
        """Call ``listener`` with each thunk that is made from now on; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def aclose(self) -> None:
        """End the engine, if there is one, and close the backend, if it was connected here. May be called again."""
        if self._caller is not None:
            await self._caller.aclose()
        if self._owned:
            await self.backend.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # How it does that.

    def _raw(self, action: Span, prompt: str, notes: GenerationNotes) -> ModelOutputThunk:
        async def work(take: Take) -> Response:
            return await self._asker.continued(prompt, notes, take, sent=sent, unheld=unheld)

        def unheld(options: dict[str, object]) -> None:
            if (made := held()) is not None:
                made.notes = replace(notes, options=options, strategy=None, dropped=(*notes.dropped, UNHELD))

        thunk = ModelOutputThunk.of(work, action=action, notes=notes)
        held, sent = weakref.ref(thunk), _marker(thunk)
        if self.record_prompts:
            thunk.prompt = (Message(role="user", content=prompt),)
        return thunk

    def _messages(self, view: Sequence[Span]) -> list[Message]:
        messages = self.formatter.to_messages(view)
        if not messages:
            raise InvalidRequestError("There is nothing to say: neither text nor images.")
        return messages

    def _warn(self, notes: GenerationNotes) -> None:
        """Say what was left out, to whoever called the method that calls this."""
        for each in (*notes.dropped, *notes.conflicts):
            warnings.warn(each, ComposeWarning, stacklevel=3)

    def _told(self, thunk: ModelOutputThunk) -> None:
        for listener in self._listeners:
            listener(thunk)


def _marker(thunk: ModelOutputThunk) -> Callable[[], None]:
    """Return what notes that a thunk's request could be sent."""
    timing = thunk.timing

    def sent() -> None:
        timing.sent_at = time.monotonic()

    return sent


def _require_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise LoopError(
            "A composer generates on a running event loop, and there is none here.",
            hint="Call from a coroutine, or use SyncComposer.",
        ) from None
