"""Requests as bodies of the responses wire. Source: OpenAI's API reference, Create a model response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidRequestError, OptionConflictError, UnsupportedError
from ..messages import AnyTool, HostedTool, ResponseFormat
from ..request import Request
from .responses_input import InputWriter
from .strict_schema import strict
from .writing import refuse_owned

OWNED = frozenset(
    "model input stream store tools parallel_tool_calls temperature top_p max_output_tokens background n".split()
)
"""Fields that Backbay writes, or that would leave no answer to read. Of ``text`` and ``reasoning`` it writes a part."""

ENCRYPTED = "reasoning.encrypted_content"

_COUNTED = ("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning")


def body_of(
    request: Request, quirks: Mapping[str, object], *, backend: str, reasons: bool, stream: bool
) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    Args:
        request: What is asked.
        quirks: The wire's settings.
        backend: The name under which vendor data is kept in ``opaque``.
        reasons: Whether the model may reason; others refuse to be asked for encrypted reasoning.
        stream: Whether the answer is to come in events.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: Something that was asked for has no place on this wire.
    """
    _refuse(request)
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    body.update(_input(request, quirks, backend, reasons=reasons))
    # Said even if false: transformers serve streams where nothing is said.
    body["stream"] = stream
    if quirks["store"] is not None:
        body["store"] = quirks["store"]
    if reasons and quirks["encrypted_reasoning"] and quirks["store"] is not True:
        body["include"] = [ENCRYPTED]
    body.update(_tool_options(request))
    for name, field in (("temperature", "temperature"), ("top_p", "top_p"), ("max_tokens", "max_output_tokens")):
        if getattr(request, name) is not None:
            body[field] = getattr(request, name)
    body.update(_format(request.response_format, make_strict=bool(quirks["strict_schema"])))
    body.update(_reasoning(request, quirks, reasons=reasons))
    return _with_extra(body, request.extra)


def counted_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a body is part of the prompt, for the call that counts its tokens."""
    return {name: value for name, value in body.items() if name in _COUNTED}


def _refuse(request: Request) -> None:
    refuse_owned(request.extra, OWNED)
    if request.stop:
        raise UnsupportedError("stop has no place on the responses wire; use the chat-completions wire.", code="stop")
    if request.seed is not None:
        raise UnsupportedError("seed has no place on the responses wire; use the chat-completions wire.", code="seed")
    if isinstance(request.reasoning, int):
        raise UnsupportedError("A reasoning budget in tokens has no place on this wire; give an effort such as 'low'.")
    if any(tool.cache is not None for tool in request.own_tools):
        raise UnsupportedError("A tool cannot be marked to be cached on this wire; mark a part of a message.")


def _input(request: Request, quirks: Mapping[str, object], backend: str, *, reasons: bool) -> dict[str, Any]:
    numbered = list(enumerate(request.messages))
    role = str(quirks["system_role"])
    written: dict[str, Any] = {}
    if role == "instructions":
        # ChatGPT's own backend takes no system messages, and wants instructions in every request (recorded).
        first = next((n for n, message in numbered if message.role != "system"), len(numbered))
        written["instructions"] = "\n\n".join(message.text for _, message in numbered[:first])
        numbered, role = numbered[first:], "developer"
    stateful, cache = quirks["store"] is not False, quirks["cache_marks"] is not None
    writer = InputWriter(backend, stateful=stateful, role=role, cache=cache, reasons=reasons)
    return {**written, "input": writer.items(numbered)}


def _tool_options(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    options: dict[str, Any] = {"tools": [_tool(tool) for tool in request.tools]}
    if request.tool_choice is not None:
        options["tool_choice"] = _choice(request.tool_choice, request.tools)
    if request.parallel_tool_calls is not None:
        options["parallel_tool_calls"] = request.parallel_tool_calls
    return options


def _tool(tool: AnyTool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        return tool.definition
    written: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["parameters"] = tool.parameters
    if tool.strict is not None:
        written["strict"] = tool.strict
    return written


def _choice(choice: str, tools: Sequence[AnyTool]) -> str | dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return choice
    hosted = [tool.definition for tool in tools if isinstance(tool, HostedTool) and tool.name == choice]
    if not hosted:
        return {"type": "function", "name": choice}
    # A hosted tool is chosen by its type, and by its name or its server where it has one.
    return {name: hosted[0][name] for name in ("type", "name", "server_label") if name in hosted[0]}


def _format(form: ResponseFormat | None, *, make_strict: bool) -> dict[str, Any]:
    if form is None:
        return {}
    if form.schema_ is None:
        return {"text": {"format": {"type": "json_object"}}}
    written: dict[str, Any] = {"type": "json_schema", "name": form.name, "schema": form.schema_}
    if form.description is not None:
        written["description"] = form.description
    if form.strict is not None:
        written["strict"] = form.strict
    elif make_strict:
        written["schema"], written["strict"] = strict(form.schema_), True
    return {"text": {"format": written}}


def _reasoning(request: Request, quirks: Mapping[str, object], *, reasons: bool) -> dict[str, Any]:
    written: dict[str, Any] = {} if request.reasoning is None else {"effort": request.reasoning}
    if quirks["reasoning_summary"] is not None and reasons and request.reasoning != "none":
        written["summary"] = quirks["reasoning_summary"]
    return {"reasoning": written} if written else {}


def _with_extra(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``extra`` over a body: lists of what to include are joined, and objects that Backbay writes a part of."""
    for field, own in (("text", "format"), ("reasoning", "effort")):
        if isinstance(extra.get(field), Mapping) and own in extra[field]:
            raise OptionConflictError(
                f"extra names a field that Backbay writes: {field}.{own}.", hint="Use the option of that meaning."
            )
    if isinstance(extra.get("tool_choice"), str) or ("tool_choice" in extra and "tool_choice" in body):
        # An object, such as allowed_tools, is a choice for which there is no option.
        raise OptionConflictError("extra names a field that Backbay writes: tool_choice.", hint="Use tool_choice=.")
    if "instructions" in extra and "instructions" in body:
        raise OptionConflictError("extra names a field that Backbay writes: instructions.", hint="Use system=.")
    for field, value in extra.items():
        mine = body.get(field)
        if isinstance(mine, list):
            if not isinstance(value, list):
                raise InvalidRequestError(f"extra: {field} must be a list.")
            body[field] = [*mine, *(item for item in value if item not in mine)]
        elif isinstance(mine, dict) and isinstance(value, Mapping):
            body[field] = {**mine, **value}
        else:
            body[field] = value
    return body
