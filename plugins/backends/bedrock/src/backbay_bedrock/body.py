"""Requests as bodies of Converse. Source: the API reference (Converse, CountTokens), and recorded traffic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backbay.errors import InvalidRequestError, OptionConflictError, UnsupportedError
from backbay.messages import AnyTool, HostedTool, ResponseFormat
from backbay.request import Request
from backbay.wires.strict_schema import closed
from backbay.wires.writing import refuse_owned

from .models import split_id
from .thinking import thinking_of
from .turns import Turns, cache_point, system_of

OWNED = frozenset({"messages", "system", "inferenceConfig", "toolConfig", "modelId"})
"""Fields that Backbay always writes. ``additionalModelRequestFields`` and ``outputConfig`` may be added to."""

_SHARED = ("additionalModelRequestFields", "outputConfig")
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def body_of(request: Request, *, name: str, thinking: str | None) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    Args:
        request: What to ask.
        name: The backend, whose ``opaque`` data goes back.
        thinking: How the model is asked to think, where its id does not say; see ``thinking.FORMS``.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: The wire, or the model, has no place for something.
    """
    if request.seed is not None:
        raise UnsupportedError("seed has no place on this wire; temperature=0 is the nearest there is.")
    turns, body = _conversation(request, name)
    inference = _inference(request)
    if inference:
        body["inferenceConfig"] = inference
    own_fields, effort = thinking_of(request, thinking)
    fields = dict(own_fields)
    tools, choice = _tools(request, turns)
    if tools:
        body["toolConfig"] = tools
    fields |= choice
    if fields:
        body["additionalModelRequestFields"] = fields
    output: dict[str, Any] = {} if effort is None else {"effort": effort}
    if request.response_format is not None:
        output["textFormat"] = _format(request.response_format, close=split_id(request.model)[0] == "anthropic")
    if output:
        body["outputConfig"] = output
    return _with_extra(body, request.extra)


def count_of(request: Request, *, name: str, thinking: str | None) -> dict[str, Any]:
    """Return the body that counts the tokens of ``request``'s prompt; raises as ``body_of`` does."""
    body = body_of(request, name=name, thinking=thinking)
    return {"input": {"converse": {field: body[field] for field in _COUNTED if field in body}}}


def _conversation(request: Request, name: str) -> tuple[Turns, dict[str, Any]]:
    messages = request.messages
    first = next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))
    turns = Turns(name)
    for index, message in enumerate(messages[first:], first):
        if message.role == "system":
            raise InvalidRequestError(
                f"messages[{index}]: a system message must stand before the conversation on this wire.",
                hint="Put it first.",
            )
        turns.add(message, index)
    if not turns.written:
        raise InvalidRequestError("This wire wants a message that is no system message, and not empty.")
    body: dict[str, Any] = {"messages": turns.written}
    system = system_of(messages[:first])
    return turns, {**body, "system": system} if system else body


def _inference(request: Request) -> dict[str, Any]:
    given = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _tools(request: Request, turns: Turns) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``toolConfig``, and what else says how tools are chosen: fields of the model's own."""
    if not request.tools:
        return {}, {}
    claude = split_id(request.model)[0] in ("anthropic", "")  # As in ``thinking``, an id that does not say.
    forbidden = request.tool_choice == "none"
    if forbidden and not turns.has_calls:
        return {}, {}  # No word for it is needed, since no tool is offered.
    listed = [block for tool in request.tools for block in _tool(tool)]
    if forbidden:
        if not claude:
            raise UnsupportedError(
                "tool_choice 'none' cannot be said to this model after tool calls, for which tools must be declared.",
                code="tool_choice",
                hint="Say in a message that no tool is to be called.",
            )
        return {"tools": listed}, {"tool_choice": {"type": "none"}}
    words: Mapping[str | None, dict[str, Any]] = {"auto": {"auto": {}}, "required": {"any": {}}}
    choice = request.tool_choice
    config: dict[str, Any] = {"tools": listed}
    if choice is not None:
        config["toolChoice"] = words.get(choice, {"tool": {"name": choice}})
    return config, {} if request.parallel_tool_calls is not False else _one_call(request, claude=claude)


def _one_call(request: Request, *, claude: bool) -> dict[str, Any]:
    """Return the field that allows one call only.

    Converse has none, and Claude's own may not repeat what ``toolChoice`` says (litellm's issue 36536, pull request
    34347).
    """
    if not claude:
        raise UnsupportedError(
            "parallel_tool_calls=False cannot be said to this model; it calls tools as it does by itself.",
            code="parallel_tool_calls",
            hint="Leave it out, and answer the calls that come.",
        )
    kind = {"type": "auto"} if request.tool_choice is None else {}
    return {"tool_choice": {**kind, "disable_parallel_tool_use": True}}


def _tool(tool: AnyTool) -> list[dict[str, Any]]:
    if isinstance(tool, HostedTool):
        return [tool.definition]
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["inputSchema"] = {"json": tool.parameters}
    if tool.strict is not None:
        written["strict"] = tool.strict
    return [{"toolSpec": written}, *([cache_point(tool.cache)] if tool.cache else [])]


def _format(form: ResponseFormat, *, close: bool) -> dict[str, Any]:
    if form.schema_ is None:
        raise UnsupportedError("This wire has no JSON mode without a schema; give a schema as response_format.")
    wanted = closed(form.schema_) if close else form.schema_
    schema: dict[str, Any] = {"schema": json.dumps(wanted, ensure_ascii=False), "name": form.name}
    if form.description is not None:
        schema["description"] = form.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _with_extra(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    refuse_owned(extra, OWNED)
    for name in _SHARED:
        ours, theirs = body.get(name), extra.get(name)
        if ours is not None and theirs is not None:
            if not isinstance(theirs, Mapping) or ours.keys() & theirs.keys():
                raise OptionConflictError(
                    f"extra names fields that Backbay writes in {name}.", hint="Use the option of that meaning."
                )
            extra = {**extra, name: {**ours, **theirs}}
    return {**body, **extra}
