"""The backend's side of a composer: options in its words, one answer at a time, a limit on how many at once."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from backbay import Backend, Capability, Message, Response, Text
from backbay.check import apply_capabilities
from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.limits import NO_LIMITS
from backbay.rawtext import NO_PLACE, for_need
from backbay.request import build_request

from .formatting import ChatTemplate
from .generation import Take
from .metadata import GenerationNotes
from .options import Settled
from .structured import FormatReader, Strategy, Wanted, check_format, choose
from .thunks import ModelOutputThunk
from .tools import ModelTool

if TYPE_CHECKING:
    from backbay_batch import Caller

_ANY_PROMPT = "?"

UNHELD = "format: this backend cannot hold an answer to a schema"


class Asker:
    """Asks one backend.

    Args:
        backend: The backend.
        concurrency: Answers at a time on one event loop; ``None`` for any number.
        chat_template: Makes one raw prompt of a conversation; ``None`` to leave that to the vendor.
        caller: Makes the calls, through an engine; ``None`` to ask the backend itself.

    Raises:
        InvalidRequestError: ``concurrency`` is less than 1.
        UnsupportedError: There is a ``chat_template`` and the backend does not continue raw text.
    """

    def __init__(
        self,
        backend: Backend,
        concurrency: int | None,
        chat_template: ChatTemplate | None,
        caller: Caller | None = None,
    ) -> None:
        if concurrency is not None and concurrency < 1:
            raise InvalidRequestError(f"concurrency is {concurrency}; it must be 1 or more, or None.")
        self.backend = backend
        self._concurrency = concurrency
        self._chat_template = chat_template
        self._answers = caller or backend
        self._streams = caller is None
        self._gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        if chat_template is not None:
            self.require_raw()

    def require_raw(self) -> None:
        """Raise ``UnsupportedError`` if the backend does not continue raw text."""
        backend = self.backend
        backend.capabilities().require(Capability.COMPLETE_RAW, backend=backend.id, model=backend.model)

    def notes(
        self,
        settled: Settled,
        *,
        form: type[BaseModel] | None,
        tools: Mapping[str, ModelTool],
        strategy: Strategy | None,
        read: Callable[[ModelOutputThunk], object],
        raw: bool = False,
    ) -> GenerationNotes:
        """Return what is decided for an answer in a conversation, or to a raw prompt.

        Raises:
            RequestError: An option is wrong, or the backend lacks what is asked for.
        """
        templated = not raw and self._chat_template is not None
        raw = raw or templated
        call, dropped = self._for_vendor(settled, raw=raw)
        if form is not None:
            read = FormatReader(check_format(form))
            if tools:
                dropped.append(f"tools ({', '.join(tools)}): format was given, and wins")
                tools = {}
        if tools:
            call["tools"] = [tool.spec for tool in tools.values()]
        for name in NO_PLACE if raw else ():
            # A chat template has a place for what the model is told first.
            if name in call and not (templated and name == "system"):
                dropped.append(f"{name}: a raw prompt has no place for it")
                del call[name]
        self._check(call, raw=raw)
        return GenerationNotes(
            provider=self.backend.id,
            model=self.backend.model,
            options=call,
            dropped=tuple(dropped),
            conflicts=settled.conflicts,
            strategy=None if form is None else choose(self.backend, strategy, raw=raw),
            streaming=self._streams
            and not raw
            and settled.stream
            and self.backend.capabilities().allows(Capability.STREAMING),
            raw=raw,
            tools={} if raw else dict(tools),
            read=read,
        )

    def raw_notes(self, settled: Settled, *, form: type[BaseModel] | None, tool_calls: bool) -> GenerationNotes:
        """Return what is decided for a raw prompt."""
        none = replace(settled, tools=None)
        notes = self.notes(none, form=None, tools={}, strategy=None, read=str, raw=True)
        call, dropped, strategy = dict(notes.options), list(notes.dropped), None
        if tool_calls:
            dropped.append("tools: a raw prompt has no place for them")
        if form is not None:
            check_format(form)
            if self.backend.capabilities().allows(Capability.STRUCTURED_OUTPUT):
                call["response_format"], strategy = form, "schema"
            else:
                dropped.append(UNHELD)
        return replace(
            notes,
            options=call,
            dropped=tuple(dropped),
            strategy=strategy,
            streaming=False,
            raw=True,
            soft=True,
            read=str if form is None else FormatReader(form),
        )

    def _for_vendor(self, settled: Settled, *, raw: bool) -> tuple[dict[str, Any], list[str]]:
        """Return core's options, with those that one wire alone has; and what has no place on this backend's."""
        call: dict[str, Any] = dict(settled.call)
        dropped: list[str] = []
        extra = dict(call.get("extra") or {})
        # The one that it speaks; all of them, where several backends are asked as one.
        wires = self.backend.spec.wires[:1] or self.backend.wires
        if settled.context_window is not None:
            if "ollama_chat" in wires:
                extra["options"] = {**(extra.get("options") or {}), "num_ctx": settled.context_window}
            else:
                dropped.append("CONTEXT_WINDOW: this backend takes none in a request")
        if settled.logits:
            if "openai_chat" in wires and raw:
                extra["logprobs"] = settled.logits
            elif "openai_chat" in wires or "ollama_chat" in wires:
                extra |= {"logprobs": True, "top_logprobs": settled.logits}
            else:
                dropped.append("LOGITS: this backend gives none")
        if extra:
            call["extra"] = extra
        return call, dropped

    async def answer(
        self,
        messages: Sequence[Message],
        notes: GenerationNotes,
        take: Take,
        *,
        form: type[BaseModel] | None,
        repairs: int,
        sent: Callable[[], None],
    ) -> Response:
        """Return the answer to a conversation, in the form that is wanted.

        Args:
            messages: The conversation.
            notes: What was decided.
            take: Is given each event of the answer.
            form: The form of the text, or ``None``.
            repairs: How often at most the model is told what is wrong with the form.
            sent: Called once the limit on concurrency lets it go.
        """

        async def ask(asked: Sequence[Message], options: Mapping[str, Any], take: Take) -> Response:
            return await self._ask(asked, options, take, streaming=notes.streaming)

        async with self._gate():
            sent()
            if form is None or notes.strategy is None:
                return await ask(messages, notes.options, take)
            strategy: Any = notes.strategy
            return await Wanted(form, ask, messages, notes.options, take, repairs).by(strategy)

    async def continued(
        self,
        prompt: str,
        notes: GenerationNotes,
        take: Take,
        *,
        sent: Callable[[], None],
        unheld: Callable[[dict[str, object]], None],
    ) -> Response:
        """Return what follows a raw prompt.

        Args:
            prompt: The prompt.
            notes: What was decided.
            take: Is given the text.
            sent: Called once the limit on concurrency lets it go.
            unheld: Called with the options that are left, if the backend holds no raw text to a schema after all.
        """
        async with self._gate():
            sent()
            options: dict[str, Any] = dict(notes.options)
            try:
                return _given(await self._answers.complete_raw(prompt, **options), take)
            except UnsupportedError:
                # That it lacks this for raw text alone, a backend says only when it is asked; nothing was sent.
                if options.pop("response_format", None) is None:
                    raise
            unheld(options)
            return _given(await self._answers.complete_raw(prompt, **options), take)

    def _check(self, call: Mapping[str, Any], *, raw: bool) -> None:
        """Raise what the backend would raise for these options, before anything is generated."""
        backend = self.backend
        options = {name: value for name, value in call.items() if not (raw and name in NO_PLACE)}
        request = build_request(_ANY_PROMPT, options, limits=NO_LIMITS, model=backend.model)
        known = for_need(backend.capabilities(request.model), Capability.COMPLETE_RAW if raw else Capability.GENERATE)
        apply_capabilities(request, known, backend=backend.id)

    async def _ask(
        self, messages: Sequence[Message], options: Mapping[str, Any], take: Take, *, streaming: bool
    ) -> Response:
        if self._chat_template is not None:
            continued = dict(options)
            if (system := continued.pop("system", None)) is not None:
                messages = [Message(role="system", content=system), *messages]
            return _given(await self._answers.complete_raw(self._chat_template.render(messages), **continued), take)
        if not streaming:
            return _given(await self._answers.complete(messages, **options), take)
        async with self.backend.stream(messages, **options) as stream:
            async for event in stream:
                take(event)
            return stream.response

    def _gate(self) -> AbstractAsyncContextManager[object]:
        if self._concurrency is None:
            return nullcontext()
        loop = asyncio.get_running_loop()
        found = self._gates.get(loop)
        if found is None:
            found = self._gates[loop] = asyncio.Semaphore(self._concurrency)
        return found


def _given(answer: Response, take: Take) -> Response:
    if answer.text:
        take(Text(answer.text))
    return answer
