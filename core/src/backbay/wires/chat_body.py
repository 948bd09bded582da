"""Requests as bodies of the chat-completions wire. Source: the OpenAI API reference, Create chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UnsupportedError
from ..messages import AnyTool, HostedTool, ResponseFormat
from ..request import Effort, Request
from .budgets import BUDGETS
from .chat_messages import Quirks, mark, message_of
from .strict_schema import strict
from .writing import refuse_owned

OWNED = frozenset(
    "model messages stream stream_options tools tool_choice parallel_tool_calls temperature top_p max_tokens "
    "max_completion_tokens stop seed response_format reasoning_effort n".split()
)
"""Fields that Backbay writes. ``n`` is among them because one call has one answer."""


def body_of(
    request: Request, quirks: Mapping[str, object], *, stream: bool, backend: str | None = None
) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    Args:
        request: The request.
        quirks: The wire's settings; those that are missing are as ``openai_chat`` says.
        stream: Whether the answer is to be streamed.
        backend: The name under which opaque data is ours, and goes back; ``None`` sends none.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: An option has no place on this wire; the message says what has.
    """
    reasoning = _reasoning(request.reasoning, str(quirks.get("reasoning", "effort")))
    seed = str(quirks.get("seed_field", "seed"))
    refuse_owned(request.extra, _owned(quirks) | {seed, *reasoning})
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    body["messages"] = [message_of(each, index, quirks, backend) for index, each in enumerate(request.messages)]
    body["stream"] = stream
    if stream and quirks.get("stream_usage", True):
        body["stream_options"] = {"include_usage": True}
    body.update(_tool_options(request, quirks))
    for name, field in (("temperature", "temperature"), ("top_p", "top_p"), ("seed", seed)):
        if getattr(request, name) is not None:
            body[field] = getattr(request, name)
    if request.max_tokens is not None:
        body[str(quirks.get("max_tokens_field", "max_tokens"))] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.response_format is not None:
        body["response_format"] = format_of(request.response_format, make_strict=bool(quirks.get("strict_schema")))
    return {**body, **reasoning, **request.extra}


def _owned(quirks: Quirks) -> frozenset[str]:
    """Return the fields that ``extra`` may never name: an effort may be, where ``reasoning`` is written otherwise."""
    plain = quirks.get("reasoning", "effort") == "effort"
    return OWNED if plain else OWNED - {"reasoning_effort"}


def _reasoning(asked: Effort | int | None, form: str) -> dict[str, Any]:
    """Return the fields that ask for thinking, in the vendor's form.

    Sources: OpenAI's reference (``reasoning_effort``); OpenRouter's guide to reasoning tokens, and recorded requests of
    OpenRouter and Snowflake (``reasoning``); DeepSeek's and Z.ai's guides to the thinking mode (``thinking``, with an
    effort beside it); Alibaba's guide to deep thinking (``enable_thinking``, ``thinking_budget``).
    """
    if asked is None:
        return {}
    if form == "object":
        return {"reasoning": {"effort": asked} if isinstance(asked, str) else {"max_tokens": asked}}
    if form == "enable_thinking":
        return _switched(asked)
    if isinstance(asked, int):
        raise UnsupportedError(
            "A reasoning budget in tokens has no place on this wire; give an effort such as 'low'.", code="reasoning"
        )
    if form == "effort":
        return {"reasoning_effort": asked}
    if asked == "none":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, "reasoning_effort": asked}


def _switched(asked: Effort | int) -> dict[str, Any]:
    if asked in ("none", 0):
        return {"enable_thinking": False}
    if isinstance(asked, int):
        return {"enable_thinking": True, "thinking_budget": asked}
    if asked == "medium":  # What reasoning=True means: as much as the vendor thinks right.
        return {"enable_thinking": True}
    return {"enable_thinking": True, "thinking_budget": BUDGETS[asked]}


def _tool_options(request: Request, quirks: Quirks) -> dict[str, Any]:
    if not request.tools:
        return {}
    named = [tool for tool in request.own_tools if tool.name == request.tool_choice]
    alone = bool(named) and quirks.get("named_choice") == "only"
    options: dict[str, Any] = {"tools": [_tool(tool, quirks) for tool in (named if alone else request.tools)]}
    if alone:
        options["tool_choice"] = quirks.get("required_choice", "required")
    elif request.tool_choice is not None:
        options["tool_choice"] = _choice(request, quirks)
    if request.parallel_tool_calls is not None:
        options["parallel_tool_calls"] = request.parallel_tool_calls
    return options


def _tool(tool: AnyTool, quirks: Quirks) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        return tool.definition
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    written = {"type": "function", "function": function}
    return written | (mark(tool.cache, quirks) if tool.cache else {})


def _choice(request: Request, quirks: Quirks) -> str | dict[str, Any]:
    choice = request.tool_choice or "auto"
    if choice == "required":
        return str(quirks.get("required_choice", "required"))
    if choice in ("auto", "none"):
        return choice
    if choice in [tool.name for tool in request.hosted_tools]:
        raise UnsupportedError(
            f"The vendor's own tool {choice!r} cannot be forced on this wire; give tool_choice='required'.",
            code="forced_tool_choice",
        )
    return {"type": "function", "function": {"name": choice}}


def format_of(form: ResponseFormat, *, make_strict: bool) -> dict[str, Any]:
    """Return the field ``response_format``; ``make_strict`` makes a schema fit OpenAI's strict mode."""
    if form.schema_ is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema_}
    if form.description:
        schema["description"] = form.description
    if form.strict is not None:
        schema["strict"] = form.strict
    elif make_strict:
        schema["schema"], schema["strict"] = strict(form.schema_), True
    return {"type": "json_schema", "json_schema": schema}
