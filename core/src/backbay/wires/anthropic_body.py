"""Requests as bodies of the messages wire. Source: Anthropic's Messages API reference, and recorded traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequestError, OptionConflictError, UnsupportedError
from ..messages import AnyTool, HostedTool, Message, ResponseFormat
from ..request import Request
from ..spec import match_prefix
from .anthropic_blocks import Turns, cached, system_of
from .anthropic_thinking import asked_to_think
from .strict_schema import closed
from .writing import refuse_owned

OWNED = frozenset("model messages system stream max_tokens tools tool_choice temperature top_p stop_sequences".split())
"""Fields that Backbay always writes. ``thinking`` and ``output_config`` may be added to; see ``body_of``."""

NEWER = "2026-10-21"
"""The version of the API that has no sampling parameters (Anthropic's release notes of that day)."""

MAX_TOKENS = 4096
"""Tokens of an answer at most, beside a budget for thinking, where neither the caller nor the spec's ``defaults`` says:
the wire wants a number, and no server refuses this one."""

_SHARED = ("thinking", "output_config")


def body_of(request: Request, quirks: Mapping[str, Any], *, name: str, stream: bool) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    ``extra`` may add fields to ``thinking`` and ``output_config``, but not change those that are written here.

    Args:
        request: What to ask.
        quirks: The wire's settings; see ``anthropic_messages``.
        name: The backend, whose ``opaque`` data goes back.
        stream: Whether to stream the answer.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: The wire has no place for something.
    """
    body: dict[str, Any] = {}
    if quirks["body_version"] is not None:
        body["anthropic_version"] = quirks["body_version"]
    body.update(prompt_of(request, quirks, name=name, model=bool(quirks["model_field"])))
    body["max_tokens"] = _max_tokens(request, body.get("thinking"))
    body.update(_sampling(request, quirks))
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if stream and quirks["stream_field"]:
        body["stream"] = True
    return _with_extra(body, request.extra, quirks)


def count_of(request: Request, quirks: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return the body that counts the tokens of ``request``'s prompt; raises as ``body_of`` does."""
    return _with_extra(prompt_of(request, quirks, name=name, model=True), request.extra, quirks)


def prompt_of(request: Request, quirks: Mapping[str, Any], *, name: str, model: bool) -> dict[str, Any]:
    """Return the fields that are part of the prompt, for an answer and for a count of tokens alike."""
    body: dict[str, Any] = {"model": request.model} if model else {}
    body.update(_conversation(request.messages, quirks, name=name))
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body.update(_tool_choice(request))
    body.update(_thinking(request, quirks))
    if request.response_format is not None:
        form = _format(request.response_format, close=bool(quirks["close_schemas"]))
        if quirks["schema_field"] == "output_format":
            body["output_format"] = form
        else:
            body["output_config"] = {**body.get("output_config", {}), "format": form}
    return body


def _conversation(messages: tuple[Message, ...], quirks: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    first = next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))
    turns = Turns(name, unsigned=bool(quirks["unsigned_thinking"]))
    for index, message in enumerate(messages[first:], first):
        if message.role == "system" and not quirks["system_anywhere"]:
            raise InvalidRequestError(
                f"messages[{index}]: a system message must stand before the conversation on this wire.",
                hint="Put it first; or, for models that take one after a user's turn, connect with "
                "system_anywhere=True.",
            )
        turns.add(message, index)
    if not turns.written:
        raise InvalidRequestError("This wire wants a message that is no system message, and not empty.")
    system = system_of(messages[:first])
    return ({} if system is None else {"system": system}) | {"messages": turns.written}


def _tool(tool: AnyTool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        return tool.definition
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["input_schema"] = tool.parameters
    if tool.strict is not None:
        written["strict"] = tool.strict
    return cached(written, tool.cache)


def _tool_choice(request: Request) -> dict[str, Any]:
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if choice is None and parallel is None:
        return {}
    words = {None: "auto", "auto": "auto", "none": "none", "required": "any"}
    written: dict[str, Any] = {"type": words[choice]} if choice in words else {"type": "tool", "name": choice}
    if parallel is not None and choice != "none":
        written["disable_parallel_tool_use"] = not parallel
    return {"tool_choice": written}


def _sampling(request: Request, quirks: Mapping[str, Any]) -> dict[str, Any]:
    if request.seed is not None:
        raise UnsupportedError("seed has no place on this wire; temperature=0 is the nearest there is.")
    given = {name: value for name in ("temperature", "top_p") if (value := getattr(request, name)) is not None}
    if given and quirks["api_version"] == NEWER:
        raise removed(next(iter(given)))
    return given


def removed(name: str) -> UnsupportedError:
    """Return the error for a sampling parameter that the newer version of the API does not have."""
    return UnsupportedError(
        f"{name}: version {NEWER} of the API has no sampling parameters.",
        code=name,
        hint=f"Leave {name} out, connect with api_version='2023-06-01', or call with on_unsupported='warn'.",
    )


def _thinking(request: Request, quirks: Mapping[str, Any]) -> dict[str, Any]:
    wanted = request.reasoning
    if wanted is None:
        return {}
    form = match_prefix(quirks["thinking_by_model"] or {}, request.model) or quirks["thinking"]
    thinking, effort = asked_to_think(wanted, str(form), request.max_tokens)
    return {"thinking": thinking} if effort is None else {"thinking": thinking, "output_config": {"effort": effort}}


def _max_tokens(request: Request, thinking: object) -> int:
    if request.max_tokens is not None:
        return request.max_tokens
    budget = thinking.get("budget_tokens", 0) if isinstance(thinking, dict) else 0
    return MAX_TOKENS + int(budget)


def _format(form: ResponseFormat, *, close: bool) -> dict[str, Any]:
    if form.schema_ is None:
        raise UnsupportedError("This wire has no JSON mode without a schema; give a schema as response_format.")
    return {"type": "json_schema", "schema": closed(form.schema_) if close else form.schema_}


def _with_extra(body: dict[str, Any], extra: Mapping[str, Any], quirks: Mapping[str, Any]) -> dict[str, Any]:
    refuse_owned(extra, OWNED | (body.keys() - set(_SHARED)))
    if "top_k" in extra and quirks["api_version"] == NEWER:
        raise removed("top_k")
    for name in _SHARED:
        ours, theirs = body.get(name), extra.get(name)
        if ours is not None and theirs is not None:
            if not isinstance(theirs, Mapping) or ours.keys() & theirs.keys():
                raise OptionConflictError(
                    f"extra names fields that Backbay writes in {name}.", hint="Use the option of that meaning."
                )
            extra = {**extra, name: {**ours, **theirs}}
    return {**body, **extra}
