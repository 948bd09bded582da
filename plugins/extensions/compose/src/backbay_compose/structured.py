"""How an answer gets the form of a class: by what the backend declares that it can, and checked in any case."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError

from backbay import Backend, Capability, Message, Response, Support, Text, TextPart, ToolSpec, Usage
from backbay.errors import InvalidRequestError
from backbay.messages import describe

from .errors import ComponentParseError
from .generation import Take

if TYPE_CHECKING:
    from .thunks import ModelOutputThunk

Strategy = Literal["schema", "tool", "json", "prompt"]
"""How an answer gets its form.

``"schema"``: the vendor holds it to a JSON schema (local engines make a grammar of it). ``"tool"``: the model is made
to call one tool whose arguments are the answer. ``"json"``: the vendor holds it to JSON, and the form is asked for in
the prompt. ``"prompt"``: the form is asked for in the prompt alone. What the last two give is checked, and the model is
told what is wrong with it, some times at most.
"""

STRATEGIES: tuple[Strategy, ...] = ("schema", "tool", "json", "prompt")

_NEEDS: Mapping[Strategy, tuple[Capability, ...]] = {
    "schema": (Capability.STRUCTURED_OUTPUT,),
    "tool": (Capability.TOOLS, Capability.FORCED_TOOL_CHOICE),
    "json": (Capability.JSON_MODE,),
    "prompt": (),
}

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
# What the name of a tool cannot have; that of a generic class has brackets.

_OPENING = re.compile(r"[{\[]")
_TRIES = 100
# Places in an answer where its JSON may begin.

Ask = Callable[[Sequence[Message], Mapping[str, Any], Take], Awaitable[Response]]
"""Asks the backend: messages, options, and where events go."""


def choose(backend: Backend, wanted: Strategy | None, *, raw: bool = False) -> Strategy:
    """Return the best strategy that a backend declares, in full if any is, or else for some of its models.

    Args:
        backend: The backend.
        wanted: The one that it must be; ``None`` for the best.
        raw: Whether it is asked to continue raw text, which has no tools.

    Raises:
        InvalidRequestError: ``wanted`` is none, or the backend cannot.
    """
    known = backend.capabilities()
    if wanted is not None:
        if wanted not in STRATEGIES:
            raise InvalidRequestError(f"The strategy {wanted!r} is none of {', '.join(STRATEGIES)}.")
        for need in _NEEDS[wanted]:
            known.require(need, backend=backend.id, model=backend.model)
        return wanted
    for good in (Support.FULL, Support.VERSIONED):
        for strategy in ("schema",) if raw else STRATEGIES[:-1]:
            found = [known[need] for need in _NEEDS[strategy]]
            if all(support in (Support.FULL, good) for support in found):
                return strategy
    return "prompt"


def check_format(form: object) -> type[BaseModel]:
    """Return ``form``, which is a pydantic class.

    Raises:
        InvalidRequestError: It is none.
    """
    if isinstance(form, type) and issubclass(form, BaseModel):
        return form
    raise InvalidRequestError(f"format is {form!r}; give a pydantic class.")


@dataclass(frozen=True, slots=True)
class FormatReader:
    """Reads a thunk's text as a class."""

    form: type[BaseModel]

    def __call__(self, thunk: ModelOutputThunk) -> BaseModel:
        """Return the instance.

        Raises:
            ComponentParseError: The text does not validate; chained from pydantic's error.
        """
        try:
            return self.form.model_validate_json(str(thunk))
        except ValidationError as failure:
            raise ComponentParseError(
                f"The result is no {self.form.__name__}: {describe(failure)}.",
                hint="Was it cut off? Look at response.finish and at max_tokens.",
            ) from failure


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer in the form of a class.

    Attributes:
        form: The class.
        ask: Asks the backend.
        messages: The conversation.
        options: Options of the call.
        take: Where events of the answer go.
        repairs: How often at most the model is told what is wrong with the form.
    """

    form: type[BaseModel]
    ask: Ask
    messages: Sequence[Message]
    options: Mapping[str, Any]
    take: Take
    repairs: int

    async def by(self, strategy: Strategy) -> Response:
        """Return the answer, had by a strategy; whichever it is, its text is the JSON."""
        if strategy == "schema":
            return await self.ask(self.messages, {**self.options, "response_format": self.form}, self.take)
        if strategy == "tool":
            return await _by_tool(self)
        if strategy == "json":
            return await _by_prompt(self, {**self.options, "response_format": {"type": "json_object"}})
        return await _by_prompt(self, self.options)


async def _by_tool(wanted: Wanted) -> Response:
    form = wanted.form
    name = _NO_NAME.sub("_", form.__name__)[:64]
    told = f"Give the answer as {name}. {form.__doc__ or ''}".strip()
    spec = ToolSpec(name=name, description=told, parameters=form.model_json_schema())
    options = {**wanted.options, "tools": [spec], "tool_choice": name}
    answer = await wanted.ask(wanted.messages, options, _no_text)
    call = next((call for call in answer.tool_calls if call.name == name), None)
    text = answer.text if call is None else call.raw_arguments or json.dumps(call.arguments or {})
    if text:
        wanted.take(Text(text))
    return _with_text(answer, text)


async def _by_prompt(wanted: Wanted, options: Mapping[str, Any]) -> Response:
    schema = json.dumps(wanted.form.model_json_schema(), ensure_ascii=False)
    told = f"Answer with JSON that fits this JSON schema, and with nothing else:\n{schema}"
    conversation = [*wanted.messages, Message(role="user", content=told)]
    attempts, usage, repairs = 0, None, wanted.repairs
    while True:
        answer = await wanted.ask(conversation, options, _no_text)
        attempts += answer.attempts
        usage = _both(usage, answer.usage)
        text = json_in(answer.text)
        problem = _problem(wanted.form, text)
        if problem is None or repairs <= 0:
            if text:
                wanted.take(Text(text))
            return replace(_with_text(answer, text), attempts=attempts, usage=usage)
        repairs -= 1
        wrong = f"That does not fit: {problem}. Answer again, with the corrected JSON and nothing else."
        conversation += [
            Message(role="assistant", content=answer.text or "{}"),
            Message(role="user", content=wrong),
        ]


def _problem(form: type[BaseModel], text: str) -> str | None:
    try:
        form.model_validate_json(text)
    except ValidationError as failure:
        return describe(failure)
    return None


def json_in(text: str) -> str:
    """Return the JSON in an answer that may have words or a code fence around it; the text itself if there is none."""
    decoder = json.JSONDecoder()
    for found in itertools.islice(_OPENING.finditer(text), _TRIES):
        try:
            _, end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            continue
        return text[found.start() : end]
    return text.strip()


def _with_text(answer: Response, text: str) -> Response:
    return replace(answer, text=text, tool_calls=(), parts=(TextPart(text=text),) if text else ())


def _both(one: Usage | None, other: Usage | None) -> Usage | None:
    """Return the tokens of two answers together; what either does not say is unknown."""
    if one is None or other is None:
        return one or other

    def total(name: str) -> int | None:
        first, second = getattr(one, name), getattr(other, name)
        return None if first is None or second is None else first + second

    names = ("input", "output", "cached", "cache_written", "reasoning")
    return Usage(**{name: total(name) for name in names}, raw=other.raw)


def _no_text(event: object) -> None:
    """Take nothing: what comes is not yet the answer."""
