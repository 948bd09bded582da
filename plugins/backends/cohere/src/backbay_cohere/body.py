"""Requests as bodies of ``POST /v2/chat``. Source: Cohere's API reference, Chat; recorded requests."""

from __future__ import annotations

from typing import Any

from backbay.errors import UnsupportedError
from backbay.messages import ResponseFormat, ToolSpec
from backbay.request import Effort, Request
from backbay.wires.writing import refuse_owned

from .messages import message_of

OWNED = frozenset(
    "model messages stream tools tool_choice temperature p max_tokens stop_sequences seed response_format".split()
)
"""Fields that ``extra`` may never name. It may name ``thinking`` and ``strict_tools`` where no option says them."""

BUDGETS = {"minimal": 1024, "low": 2048, "high": 16384, "xhigh": 24576}
"""Tokens of thinking for an effort, since the wire knows budgets only. ``"medium"``, which is also what
``reasoning=True`` means, leaves the budget to the model."""


def body_of(request: Request, *, stream: bool, name: str) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    Args:
        request: What to ask.
        stream: Whether to stream the answer.
        name: The backend, whose ``opaque`` data goes back.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        OptionConflictError: ``extra`` names a field that is written here.
        UnsupportedError: An option has no place on this wire; the message says what has.
    """
    written = {**_tool_options(request), **_thinking(request.reasoning)}
    refuse_owned(request.extra, OWNED | written.keys())
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    body["messages"] = [message_of(message, index, name) for index, message in enumerate(request.messages)]
    body["stream"] = stream
    body.update(written)
    for option in ("temperature", "top_p", "max_tokens", "seed"):
        if getattr(request, option) is not None:
            body["p" if option == "top_p" else option] = getattr(request, option)
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.response_format is not None:
        body["response_format"] = _format(request.response_format)
    return {**body, **request.extra}


def _tool_options(request: Request) -> dict[str, Any]:
    if request.hosted_tools:
        raise UnsupportedError("The vendor runs no tools on this wire; give tools of your own.", code="hosted_tools")
    if request.parallel_tool_calls is not None:
        raise UnsupportedError(
            "The number of calls cannot be limited on this wire; say in the prompt how many there may be.",
            code="parallel_tool_calls",
        )
    if not request.own_tools:
        return {}
    options: dict[str, Any] = {"tools": [_tool(tool) for tool in request.own_tools]}
    if request.tool_choice == "none":
        options["tool_choice"] = "NONE"
    elif request.tool_choice not in (None, "auto"):
        if request.tool_choice != "required" and len(request.own_tools) > 1:
            raise UnsupportedError(
                f"Which tool is called cannot be forced on this wire, only that one is. Give {request.tool_choice!r} "
                "as the only tool, or tool_choice='required'.",
                code="forced_tool_choice",
            )
        options["tool_choice"] = "REQUIRED"
    strict = {bool(tool.strict) for tool in request.own_tools}
    if len(strict) > 1:
        raise UnsupportedError("On this wire strict holds for all tools or for none; set it alike.", code="tools")
    return {**options, "strict_tools": True} if strict == {True} else options


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": {**function, "parameters": tool.parameters}}


def _thinking(asked: Effort | int | None) -> dict[str, Any]:
    if asked is None:
        return {}
    if asked in ("none", 0):
        return {"thinking": {"type": "disabled"}}
    budget = asked if isinstance(asked, int) else BUDGETS.get(asked)
    return {"thinking": {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}}


def _format(form: ResponseFormat) -> dict[str, Any]:
    return {"type": "json_object"} | ({} if form.schema_ is None else {"json_schema": form.schema_})
