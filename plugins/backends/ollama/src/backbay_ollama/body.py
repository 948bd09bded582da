"""Requests as bodies of ``POST /api/chat`` and ``POST /api/generate``.

Source: Ollama's API reference, Generate a chat message and Generate a response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay.errors import InvalidRequestError, OptionConflictError, UnsupportedError
from backbay.messages import ToolSpec
from backbay.rawtext import raw_prompt
from backbay.request import Effort, Request
from backbay.wires.writing import refuse_owned

from .messages import messages_of

OWNED = frozenset({"model", "messages", "stream", "tools", "format"})
"""Fields that ``extra`` may not name. ``options`` it may; what stands there beside ours is laid over them."""

RAW_OWNED = frozenset({"model", "prompt", "raw", "stream", "format"})
"""The same, where a text is continued as it is."""

OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "num_predict",
    "seed": "seed",
    "stop": "stop",
}
"""Our options, and their names within ``options``."""


def body_of(request: Request, *, stream: bool) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    Raises:
        InvalidRequestError: A message has no place on this wire (names its index), or ``options`` is no object.
        OptionConflictError: ``extra`` names what is written here.
        UnsupportedError: An option has no place on this wire; the message says what has.
    """
    think = _think(request.reasoning)
    refuse_owned(request.extra, OWNED | think.keys())
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    body["messages"] = messages_of(request.messages)
    body["stream"] = stream
    tools = _tools(request)
    if tools:
        body["tools"] = tools
    return {**body, **think, **_rest(request)}


def raw_body_of(request: Request) -> dict[str, Any]:
    """Return the body that has the model continue the text of ``request`` as it is: ``raw`` leaves the template out.

    Raises:
        InvalidRequestError: ``options`` is no object.
        OptionConflictError: ``extra`` names what is written here.
    """
    refuse_owned(request.extra, RAW_OWNED)
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    return {**body, "prompt": raw_prompt(request), "raw": True, "stream": False, **_rest(request)}


def _rest(request: Request) -> dict[str, Any]:
    """Return what both calls have alike: the form of the answer, ``options``, and the caller's own fields."""
    written: dict[str, Any] = {}
    if request.response_format is not None:
        schema = request.response_format.schema_
        written["format"] = "json" if schema is None else schema
    extra = dict(request.extra)
    options = _options(request, extra.pop("options", None))
    if options is not None:
        written["options"] = options
    return {**written, **extra}


def _options(request: Request, given: object) -> dict[str, Any] | None:
    """Return ``options``: ours, and what ``extra`` has there, such as ``num_ctx``; ``None`` if there are none."""
    if given is not None and not isinstance(given, Mapping):
        raise InvalidRequestError('extra["options"] must be an object, such as {"num_ctx": 8192}.')
    taken = sorted(set(OPTIONS.values()) & set(given or ()))
    if taken:
        raise OptionConflictError(
            f'extra["options"] names what Backbay writes: {", ".join(taken)}.', hint="Use the option of that meaning."
        )
    options: dict[str, Any] = {}
    for name, field in OPTIONS.items():
        value = getattr(request, name)
        if value not in (None, ()):
            options[field] = list(value) if isinstance(value, tuple) else value
    return {**options, **(given or {})} if options or given is not None else None


def _think(asked: Effort | int | None) -> dict[str, Any]:
    """Return ``think``: a switch, or one of the levels that the model has.

    ``"medium"``, which is also what ``reasoning=True`` means, is the switch alone: most models have no levels.
    """
    if asked is None:
        return {}
    if asked in ("none", 0):
        return {"think": False}
    if isinstance(asked, int):
        raise UnsupportedError(
            "A reasoning budget in tokens has no place on this wire; give True, 'none' or an effort such as 'low'.",
            code="reasoning",
        )
    return {"think": True if asked == "medium" else asked}


def _tools(request: Request) -> list[dict[str, Any]]:
    for wrong, capability, what in (
        (request.hosted_tools, "hosted_tools", "The vendor runs no tools on this wire; give tools of your own."),
        (
            request.tool_choice not in (None, "auto", "none"),
            "forced_tool_choice",
            "A tool cannot be forced on this wire; say in the prompt that it must be called.",
        ),
        (
            request.parallel_tool_calls is not None,
            "parallel_tool_calls",
            "The number of calls cannot be limited on this wire; say in the prompt how many there may be.",
        ),
    ):
        if wrong:
            raise UnsupportedError(what, code=capability)
    # There is no word for "none": tools are forbidden by not being offered.
    return [] if request.tool_choice == "none" else [_tool(tool) for tool in request.own_tools]


def _tool(tool: ToolSpec) -> dict[str, Any]:
    if tool.strict:
        raise UnsupportedError(
            f"The tool {tool.name!r} asks for strict arguments, which this wire does not have; leave strict out.",
            code="tools",
        )
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": {**function, "parameters": tool.parameters}}
