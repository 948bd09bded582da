"""Requests as bodies of the chat-completions wire. Source: the OpenAI API reference, Create chat completion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequestError, UnsupportedError
from ..messages import (
    AnyTool,
    AudioPart,
    FilePart,
    HostedTool,
    ImagePart,
    Message,
    Part,
    ResponseFormat,
    TextPart,
    ToolCall,
)
from ..request import Request
from .strict_schema import strict
from .writing import refuse_owned

OWNED = frozenset(
    "model messages stream stream_options tools tool_choice parallel_tool_calls temperature top_p max_tokens "
    "max_completion_tokens stop seed response_format reasoning_effort n".split()
)
"""Fields that Backbay writes. ``n`` is among them because one call has one answer."""


def body_of(request: Request, quirks: Mapping[str, object], *, stream: bool) -> dict[str, Any]:
    """Return the body for ``request``, which stays as it is.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: A reasoning budget in tokens was asked for; this wire knows efforts only.
    """
    refuse_owned(request.extra, OWNED)
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    body["messages"] = [_message(message, index, quirks) for index, message in enumerate(request.messages)]
    body["stream"] = stream
    if stream and quirks.get("stream_usage", True):
        body["stream_options"] = {"include_usage": True}
    body.update(_options(request, quirks))
    body.update(request.extra)
    return body


def _options(request: Request, quirks: Mapping[str, object]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    options.update(_tool_options(request))
    for name in ("temperature", "top_p", "seed"):
        value = getattr(request, name)
        if value is not None:
            options[name] = value
    if request.max_tokens is not None:
        options[str(quirks.get("max_tokens_field", "max_tokens"))] = request.max_tokens
    if request.stop:
        options["stop"] = list(request.stop)
    if request.response_format is not None:
        options["response_format"] = _format(request.response_format, make_strict=bool(quirks.get("strict_schema")))
    if isinstance(request.reasoning, int):
        raise UnsupportedError("A reasoning budget in tokens has no place on this wire; give an effort such as 'low'.")
    if request.reasoning is not None:
        options["reasoning_effort"] = request.reasoning
    return options


def _tool_options(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    options: dict[str, Any] = {"tools": [_tool(tool) for tool in request.tools]}
    if request.tool_choice is not None:
        options["tool_choice"] = _choice(request.tool_choice)
    if request.parallel_tool_calls is not None:
        options["parallel_tool_calls"] = request.parallel_tool_calls
    return options


def _message(message: Message, index: int, quirks: Mapping[str, object]) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role}
    if message.role == "assistant":
        written.update(_assistant(message, index, quirks))
    elif message.role == "tool":
        if message.tool_call_id:
            written["tool_call_id"] = message.tool_call_id
        elif quirks.get("tool_call_id", True):
            raise InvalidRequestError(f"messages[{index}]: a tool message needs tool_call_id on this wire.")
        written["content"] = _content(message, index)
    else:
        written["content"] = _content(message, index)
    if message.name is not None and message.role != "tool":
        written["name"] = message.name
    return written


def _content(message: Message, index: int) -> str | list[dict[str, Any]]:
    if isinstance(message.content, str) and not message.images:
        return message.content
    return [_part(part, index) for part in message.parts()]


def _part(part: Part, index: int) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            image = {"url": part.as_url} | ({"detail": part.detail} if part.detail else {})
            return {"type": "image_url", "image_url": image}
        case AudioPart():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        case FilePart(file_id=str(file_id)):
            return {"type": "file", "file": {"file_id": file_id}}
        case FilePart():
            data = f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
            return {"type": "file", "file": {"filename": part.filename or "file", "file_data": data}}
    raise InvalidRequestError(f"messages[{index}]: {part.type} parts can only stand with an assistant.")


def _assistant(message: Message, index: int, quirks: Mapping[str, object]) -> dict[str, Any]:
    for part in message.parts():
        if part.type not in ("text", "thinking"):
            raise InvalidRequestError(f"messages[{index}]: an assistant message cannot have {part.type} parts here.")
    written: dict[str, Any] = {"content": message.text}
    if message.tool_calls:
        written["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
        if not message.text:
            written["content"] = None
    field = quirks.get("thinking_field")
    thinking = "".join(part.text for part in message.parts() if part.type == "thinking")
    if field and thinking:
        written[str(field)] = thinking
    return written


def _tool_call(call: ToolCall) -> dict[str, Any]:
    # Malformed arguments go back as the model wrote them; none at all means an empty object.
    arguments = call.raw_arguments or json.dumps(call.arguments or {}, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _tool(tool: AnyTool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        return tool.definition
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: str) -> str | dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _format(form: ResponseFormat, *, make_strict: bool) -> dict[str, Any]:
    if form.schema_ is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema_}
    if form.strict is not None:
        schema["strict"] = form.strict
    elif make_strict:
        schema["schema"], schema["strict"] = strict(form.schema_), True
    return {"type": "json_schema", "json_schema": schema}
