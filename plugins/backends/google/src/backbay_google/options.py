"""Options as ``generationConfig``, ``tools`` and ``toolConfig``. Source: their references, and recorded requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay.errors import OptionConflictError, UnsupportedError
from backbay.messages import HostedTool, ResponseFormat, ToolSpec
from backbay.request import Effort, Request
from backbay.spec import match_prefix

from .lists import bare

OWNED = frozenset("contents systemInstruction system_instruction tools generation_config tool_config model".split())
"""Fields that Backbay writes."""

_OPTIONS = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
}
"""Fields of ``generationConfig`` by the option of that meaning."""

BUDGETS: Mapping[Effort, int] = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Thinking budgets of efforts, in tokens. Source: ai.google.dev, OpenAI compatibility, table of reasoning_effort."""

_BEFORE_LEVELS: Mapping[str, bool] = {"gemini-1": True, "gemini-2": True, "learnlm": True}


def is_older(model: str | None) -> bool:
    """Whether a model is of those before Gemini 3, which know thinking budgets and no levels."""
    return match_prefix(_BEFORE_LEVELS, None if model is None else bare(model)) is True


def generation_config(request: Request, *, thinking: str, json_schema: bool) -> dict[str, Any]:
    """Return ``generationConfig``, with what ``extra`` has of it.

    Raises:
        OptionConflictError: ``extra`` has in it what an option says.
        UnsupportedError: The effort has no budget.
    """
    config: dict[str, Any] = {}
    for field, option in _OPTIONS.items():
        value = getattr(request, option)
        if value not in (None, ()):
            config[field] = list(value) if option == "stop" else value
    if request.response_format is not None:
        config.update(_format(request.response_format, json_schema=json_schema))
    if request.reasoning is not None:
        config["thinkingConfig"] = _thinking(request, thinking)
    return _over(config, request.extra.get("generationConfig"), "generationConfig", _OPTIONS)


def tools(request: Request, *, json_schema: bool) -> dict[str, Any]:
    """Return the fields ``tools`` and ``toolConfig``, where there is anything to say.

    Raises:
        OptionConflictError: ``extra`` has in it what an option says.
        UnsupportedError: The wire cannot force a hosted tool, or forbid parallel calls.
    """
    if request.parallel_tool_calls is False:
        raise UnsupportedError(
            "Gemini cannot be told to make one call at a time.", hint="Leave parallel_tool_calls out, and take several."
        )
    fields: dict[str, Any] = {}
    listed: list[dict[str, Any]] = []
    own = [_declaration(tool, json_schema=json_schema) for tool in request.own_tools]
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            listed.append(tool.definition)
        elif own:
            listed.append({"functionDeclarations": own})
            own = []
    if listed:
        fields["tools"] = listed
    config = _over(_calling(request), request.extra.get("toolConfig"), "toolConfig", ())
    if config:
        fields["toolConfig"] = config
    return fields


def _calling(request: Request) -> dict[str, Any]:
    choice = request.tool_choice
    if choice is None and any(tool.strict for tool in request.own_tools):
        choice = "auto"
    if not request.tools or choice is None:
        return {}
    if choice == "none":
        return {"functionCallingConfig": {"mode": "NONE"}}
    if choice == "auto":
        # VALIDATED holds calls to their schemas; ANY does so by itself. Source: ai.google.dev, Function calling.
        mode = "VALIDATED" if any(tool.strict for tool in request.own_tools) else "AUTO"
        return {"functionCallingConfig": {"mode": mode}}
    names = [tool.name for tool in request.own_tools]
    if choice == "required" and names:
        return {"functionCallingConfig": {"mode": "ANY"}}
    if choice not in names:
        raise UnsupportedError("Gemini can be made to call tools of yours only, not those that Google runs.")
    return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [choice]}}


def _declaration(tool: ToolSpec, *, json_schema: bool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "parametersJsonSchema" if json_schema else "parameters": tool.parameters}


def _format(form: ResponseFormat, *, json_schema: bool) -> dict[str, Any]:
    if form.schema_ is None:
        return {"responseMimeType": "application/json"}
    field = "responseJsonSchema" if json_schema else "responseSchema"
    return {"responseMimeType": "application/json", field: form.schema_}


def _thinking(request: Request, thinking: str) -> dict[str, Any]:
    """Return ``thinkingConfig``: a budget or a level, never both, which is a 400."""
    asked = request.reasoning
    budgets = thinking == "budget" or (thinking == "auto" and is_older(request.model))
    budget = asked if isinstance(asked, int) else None
    if asked == "none" or (budgets and isinstance(asked, str)):
        budget = BUDGETS.get(asked) if isinstance(asked, str) else budget
        if budget is None:
            raise UnsupportedError(f"This model has no thinking budget for {asked!r}; give a number of tokens.")
    if budget == 0:
        return {"thinkingBudget": 0}
    amount = {"thinkingLevel": asked} if budget is None else {"thinkingBudget": budget}
    return {**amount, "includeThoughts": True}


def _over(
    written: dict[str, Any], extra: object, where: str, options: Mapping[str, str] | tuple[str, ...]
) -> dict[str, Any]:
    """Return ``written`` with ``extra``'s own fields; a field of both is refused."""
    if not isinstance(extra, Mapping):
        if extra is not None:
            raise OptionConflictError(f"extra[{where!r}] is a {type(extra).__name__}; it must be an object.")
        return written
    taken = sorted(set(extra) & {*written, *options})
    if taken:
        raise OptionConflictError(
            f"extra[{where!r}] names fields that Backbay writes: {', '.join(taken)}.",
            hint="Use the option of that meaning.",
        )
    return {**written, **extra}
