"""The loop of a model with tools: it is asked, its calls are made, it is told what they gave, and asked again."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import to_json

from backbay.errors import InvalidRequestError

from .calling import all_of, outcome_of
from .components import ToolResult
from .composer import Composer
from .contexts import Context, added
from .conversations import Continued
from .errors import ToolRoundsError
from .options import ModelOption, settle
from .thunks import ModelOutputThunk
from .tools import ModelTool, ModelToolCall, as_tools
from .walks import checked, do_generate_walk, is_span

if TYPE_CHECKING:
    from .components import Span

C = TypeVar("C", bound=Context)

OnCall: TypeAlias = "Callable[[ModelToolCall], str | Awaitable[str | None] | None]"
"""Is asked before a call is made: ``None`` lets it be made, a string refuses it, and is what the model is told."""

_FREE = (None, "auto", "none")


async def run_tools(
    composer: Composer,
    action: Span,
    ctx: C,
    *,
    tools: Mapping[str, ModelTool | Callable[..., object]] | Sequence[ModelTool | Callable[..., object]] | None = None,
    rounds: int = 8,
    at_once: int = 8,
    model_options: Mapping[str, object] | None = None,
    on_call: OnCall | None = None,
) -> tuple[ModelOutputThunk, C]:
    """Ask the model, make the calls that it wants, tell it what they gave, and so on until it wants none.

        def weather(city: str) -> str:
            "Return the weather in a city."
            return "rain"

        thunk, context = await run_tools(composer, CBlock("Do I need an umbrella in Oslo?"), ChatContext(),
                                         tools=[weather])

    Async functions are awaited, plain ones run in worker threads, which nothing can end: after a cancel they still run
    to their end. What they give goes to the model as text: a string as it is, a span as a prompt has it, anything else
    as JSON. A call that cannot be made, or whose function raises, goes to the model as an error, by the exception's
    type and message; it may try again. Everything that is said here is seen by the model until the end, whatever of
    ``ctx`` itself is.

    Args:
        composer: Asks the model.
        action: What to say.
        ctx: What came before; it stays as it is.
        tools: Tools that may be called; ``None`` for those of the options. Those that components of the context or the
            action offer are added, and win, as in ``generate_from_context``.
        rounds: Answers with calls at most that are followed.
        at_once: Calls of one answer that run at a time. Their results keep the order of the calls.
        model_options: Options of every generation; see ``ModelOption``. A ``tool_choice`` that forces a call counts for
            the first answer only, since otherwise none would be the last.
        on_call: Is asked before each call that can be made, one after the other in their order, before any of that
            answer is made; plain (in a worker thread) or async. What it raises ends the loop.

    Returns:
        The answer without calls, and the context with the action, every answer and every result behind it.

    Raises:
        InvalidRequestError: ``rounds`` or ``at_once`` is less than 1, an option is wrong, or ``on_call`` returned
            what is neither a string nor ``None``.
        SpanError: A tool cannot be one.
        ToolRoundsError: The model wanted more calls after ``rounds`` of them; it carries the context so far.
        BackbayError: A generation failed.
    """
    for name, value in (("rounds", rounds), ("at_once", at_once)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidRequestError(f"{name} is {value!r}; give a whole number from 1 on.")
    talk, after, said = Continued(ctx), ctx, checked(action)
    options = _options(composer, model_options, tools)
    for left in range(rounds, -1, -1):
        thunk, _ = await composer.generate_from_context(said, talk, model_options=options, tool_calls=True)
        async with thunk:
            await thunk.avalue()
        if not thunk.tool_calls:
            return thunk, _with(after, said, thunk)
        if not left:
            raise ToolRoundsError(
                f"The model still wants {len(thunk.tool_calls)} calls made after {rounds} rounds of them.",
                context=_with(after, said),
                thunk=thunk,
            )
        *others, last = await _results(thunk.tool_calls, at_once, on_call)
        talk, after = _with(talk, said, thunk, *others), _with(after, said, thunk, *others)
        said, options = last, _freed(composer, options)
    raise AssertionError("a loop ends by an answer or by its rounds")


def _with(ctx: C, *new: Span) -> C:
    for span in new:
        ctx = cast("C", added(ctx, span))
    return ctx


def _options(composer: Composer, given: Mapping[str, object] | None, tools: object) -> dict[str, object]:
    """Return the options of every generation, with tools that are made of functions once."""
    settled = settle(composer.model_options, given)
    offered = settled.tools if tools is None else tools
    return {**(given or {}), **({} if offered is None else {ModelOption.TOOLS: as_tools(offered)})}


def _freed(composer: Composer, options: dict[str, object]) -> dict[str, object]:
    forced = settle(composer.model_options, options).call.get("tool_choice") not in _FREE
    return {**options, "tool_choice": "auto"} if forced else options


async def _results(calls: Sequence[ModelToolCall], at_once: int, on_call: OnCall | None) -> list[ToolResult]:
    refused = [None if on_call is None else await _refusal(call, on_call) for call in calls]
    works = [functools.partial(_made, call, why) for call, why in zip(calls, refused, strict=True)]
    return await all_of(works, at_once)


async def _refusal(call: ModelToolCall, on_call: OnCall) -> str | None:
    if call.error is not None:
        return None
    said, failure = await outcome_of(on_call, call)
    if failure is not None:
        raise failure
    if said is None or isinstance(said, str):
        return said
    raise InvalidRequestError(
        f"on_call returned a {type(said).__name__} for a call of {call.name}.",
        hint="It returns None to let the call be made, or a string to refuse it.",
    )


async def _made(call: ModelToolCall, refused: str | None) -> ToolResult:
    """Make a call, or say why it is not made."""
    content: str | Span
    if refused is not None:
        content = refused
    elif call.func is None or call.error is not None:
        content = f"Error: the call cannot be made: {call.error}"
    else:
        content = await _given(call.func, call.args)
    # Not as is_error, which many wires have no place for, and then refuse; a model understands the words.
    return ToolResult(content, call_id=call.tool_call_id or call.name, name=call.name)


async def _given(tool: ModelTool, arguments: Mapping[str, object]) -> str | Span:
    """Return what a tool gives, or what it raises, in words."""
    found, failure = await outcome_of(tool.func, **arguments)
    if failure is None:
        content, failure = await outcome_of(_content, found)
        if failure is None:
            return cast("str | Span", content)
    said = str(failure)
    return f"Error: {type(failure).__name__}: {said}" if said else f"Error: {type(failure).__name__}"


async def _content(found: object) -> str | Span:
    """Return what a tool gave as what a prompt can hold."""
    if isinstance(found, str):
        return found
    if is_span(found):
        await do_generate_walk(found)
        return found
    if isinstance(found, BaseModel):
        return found.model_dump_json()
    try:
        return to_json(found, fallback=str).decode()
    except (ValueError, RecursionError):
        return str(found)
