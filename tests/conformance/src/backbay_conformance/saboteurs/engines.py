"""Saboteurs in this process: an honest engine, and engines that break what core cannot mend for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

from backbay import (
    ClosedError,
    Ended,
    Event,
    Finish,
    ModelInfo,
    Response,
    Started,
    Text,
    ToolDelta,
    Usage,
    UsageSeen,
    fold,
)
from backbay.backend import Backend
from backbay.request import Request
from backbay.settings import Settings
from backbay.spec import BackendSpec

WORDS = "Once upon a time there was a small engine that could answer, and so it did. ".split(" ")


class HonestEngine(Backend):
    """Answers at once and truly, with as many words as it may."""

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(spec, model, settings)
        self._over = False

    async def _stream(self, request: Request) -> AsyncIterator[Event]:
        yield Started(request.model, "engine-answer")
        async for event in self._answer(request):
            yield event

    async def _complete_raw(self, request: Request) -> Response:
        return fold([event async for event in self._answer(request)])

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        if request.tools and request.tool_choice != "none":
            tool = request.tools[0]
            yield ToolDelta(0, "call_0", tool.name, json.dumps({"city": "Zagreb"}))
            yield UsageSeen(Usage(input=9, output=4))
            yield Ended(Finish.TOOL_CALLS, "tool_calls")
            return
        words = _until(self._words(request), request.stop)
        limit = request.max_tokens or len(words)
        for word in words[:limit]:
            yield Text(word)
            await asyncio.sleep(0.002 if len(words) > len(WORDS) else 0)
            if self._over:
                raise ClosedError("The engine was closed before the answer was whole.")
        yield UsageSeen(Usage(input=9, output=min(limit, len(words))))
        cut = limit < len(words)
        yield Ended(Finish.LENGTH if cut else Finish.STOP, "length" if cut else "stop")

    def _words(self, request: Request) -> list[str]:
        if request.response_format is not None:
            return ['{"name": "Ana", ', '"age": 31}']
        if "long" in request.messages[-1].text:
            return [f"{word} " for word in WORDS * 400]
        return [f"{word} " for word in WORDS]

    async def _list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo(id="engine", native=True)]

    async def _aclose(self) -> None:
        self._over = True


def _until(words: Sequence[str], stop: Sequence[str]) -> Sequence[str]:
    """Return the words before the first stop sequence."""
    text = "".join(words)
    places = [text.index(one) for one in stop if one in text]
    return [word for word in (text[: min(places)],) if word] if places else words


class IgnoresStop(HonestEngine):
    """Talks on where it was to stop."""

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        async for event in super()._answer(request.model_copy(update={"stop": ()})):
            yield event


class ForgetsToEnd(HonestEngine):
    """Stops without a word."""

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        async for event in super()._answer(request):
            if not isinstance(event, Ended):
                yield event


class WrongToolArguments(HonestEngine):
    """Calls a tool with half of its arguments."""

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        async for event in super()._answer(request):
            yield ToolDelta(0, "call_0", event.name, '{"ci') if isinstance(event, ToolDelta) else event


class IgnoresTheSchema(HonestEngine):
    """Says what it likes where a schema was given."""

    def _words(self, request: Request) -> list[str]:
        return ["Ana is 31."] if request.response_format is not None else super()._words(request)


class SaysStopAtTheLimit(HonestEngine):
    """Says that a cut answer is a whole one."""

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        async for event in super()._answer(request):
            yield Ended(Finish.STOP, "stop") if isinstance(event, Ended) else event


class RawTextWithoutLimits(HonestEngine):
    """Continues a text as far as it likes."""

    async def _complete_raw(self, request: Request) -> Response:
        return await super()._complete_raw(request.model_copy(update={"max_tokens": None}))


class CompletesOtherwise(HonestEngine):
    """Has a way of its own to answer without a stream."""

    _has_whole = True

    async def _whole(self, call: object) -> Response:
        return Response(text="Something else.", finish=Finish.STOP, raw_finish="stop")


class LetsExceptionsOut(HonestEngine):
    """Fails with an exception of its own."""

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        yield Text("Once ")
        raise ZeroDivisionError("the engine fell over")


class ListsNothing(HonestEngine):
    """Declares a model list, and has none."""

    async def _list_models(self) -> Sequence[ModelInfo]:
        raise NotImplementedError("list_models")
