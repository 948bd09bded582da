"""Friendlier forms of messages, tools and formats turned into ours. Dicts follow the OpenAI convention."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from .errors import InvalidRequestError
from .messages import (
    AnyTool,
    AudioPart,
    FilePart,
    HostedTool,
    ImagePart,
    Message,
    Part,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolSpec,
    describe,
)

_PARTS: dict[str, type[TextPart | ImagePart | AudioPart | FilePart | ThinkingPart]] = {
    "text": TextPart,
    "image": ImagePart,
    "audio": AudioPart,
    "file": FilePart,
    "thinking": ThinkingPart,
}


def as_messages(value: object, *, system: str | None = None) -> tuple[Message, ...]:
    """Return messages from a prompt, a message, or a sequence of messages and dicts.

    Raises:
        InvalidRequestError: Something is no message; the error says at which index.
    """
    if isinstance(value, str):
        found = [Message(role="user", content=value)]
    elif isinstance(value, Message | Mapping):
        found = [_as_message(value, 0)]
    elif isinstance(value, Iterable):
        found = [_as_message(item, index) for index, item in enumerate(value)]
    else:
        raise InvalidRequestError(f"messages is a {type(value).__name__}; give a string, a message, or a list of them.")
    if system is not None:
        found.insert(0, Message(role="system", content=system))
    if not found:
        raise InvalidRequestError("messages is empty; give at least one.")
    return tuple(found)


def _as_message(value: object, index: int) -> Message:
    if isinstance(value, Message):
        return value
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"messages[{index}] is a {type(value).__name__}, not a message.")
    # Answers of SDKs, sent back as they came, have many fields that say nothing: null, or an empty list.
    fields = {key: item for key, item in value.items() if key in Message.model_fields or item not in (None, [], "")}
    if fields.get("role") == "developer":
        fields["role"] = "system"
    try:
        if fields.get("role") == "assistant":
            _take_in_answer(fields)
        if isinstance(fields.get("content"), Sequence) and not isinstance(fields["content"], str):
            fields["content"] = tuple(_as_part(part) for part in fields["content"])
        if fields.get("tool_calls") is not None:
            fields["tool_calls"] = tuple(as_tool_call(call) for call in fields["tool_calls"])
        return Message(**fields)
    except ValidationError as failure:
        raise InvalidRequestError(f"messages[{index}]: {describe(failure)}") from None
    except (TypeError, ValueError, KeyError) as failure:
        raise InvalidRequestError(f"messages[{index}]: {failure}") from None


def _take_in_answer(fields: dict[str, Any]) -> None:
    """Turn what answers have and requests have not into parts: thinking, and a refusal in place of content."""
    # Vendors answer with one name or the other, and sometimes with both.
    other = fields.pop("reasoning", None)
    thinking = fields.pop("reasoning_content", None) or other
    refusal = fields.pop("refusal", None)
    if refusal and not fields.get("content"):
        fields["content"] = refusal
    if thinking:
        content = fields.get("content")
        said = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
        fields["content"] = [ThinkingPart(text=thinking), *said]


def _as_part(value: object) -> Part:
    if isinstance(value, str):
        return TextPart(text=value)
    if not isinstance(value, Mapping):
        if isinstance(value, Part):
            return value
        raise TypeError(f"a {type(value).__name__} is no part of a message")
    marked = value.get("cache_control")
    if isinstance(marked, Mapping):
        # The mark that Anthropic began, and gateways take on this wire's parts.
        plain = {name: item for name, item in value.items() if name != "cache_control"}
        return _as_part(plain).model_copy(update={"cache": "1h" if marked.get("ttl") == "1h" else "5m"})
    kind = value.get("type")
    if kind == "image_url":
        image = value["image_url"]
        return ImagePart.model_validate({"url": image} if isinstance(image, str) else dict(image))
    if kind == "input_audio":
        return AudioPart(**value["input_audio"])
    if kind == "file" and isinstance(value.get("file"), Mapping):
        return _as_file(value["file"])
    if kind not in _PARTS:
        known = ", ".join([*_PARTS, "image_url", "input_audio"])
        raise ValueError(f"a part of type {kind!r} is not known; there are {known}")
    return _PARTS[kind](**value)


def _as_file(value: Mapping[str, Any]) -> FilePart:
    fields = dict(value)
    data = fields.pop("file_data", None)
    if isinstance(data, str) and data.startswith("data:"):
        from ._images import split_data_url

        fields["media_type"], data = split_data_url(data)
    if isinstance(data, str) and data.startswith(("http://", "https://")):
        return FilePart(url=data, **fields)
    return FilePart(data=data, **fields)


def as_tool_call(value: object) -> ToolCall:
    """Return a tool call from ours, or from OpenAI's ``{"id", "type", "function": {"name", "arguments"}}``."""
    if isinstance(value, ToolCall):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"a {type(value).__name__} is no tool call")
    function = value.get("function")
    if not isinstance(function, Mapping):
        return ToolCall(**value)
    arguments = function.get("arguments")
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return ToolCall(id=value["id"], name=function["name"], raw_arguments=raw)


def as_tools(value: object) -> tuple[AnyTool, ...]:
    """Return tools from ours, or from OpenAI's ``{"type": "function", "function": {...}}``.

    A dict with another type and no function is a tool that the vendor runs, and goes to it as it is.

    Raises:
        InvalidRequestError: Something is no tool; the error says at which index.
    """
    if isinstance(value, str | Mapping | ToolSpec) or not isinstance(value, Iterable):
        raise InvalidRequestError("tools must be a list of tools.")
    return tuple(_as_tool(item, index) for index, item in enumerate(value))


def _as_tool(value: object, index: int) -> AnyTool:
    if isinstance(value, AnyTool):
        return value
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"tools[{index}] is a {type(value).__name__}; give a ToolSpec or a dict.")
    if value.get("type", "function") != "function" and "function" not in value:
        return HostedTool(definition=dict(value))
    function = value.get("function", value)
    fields = {key: item for key, item in dict(function).items() if key != "type" and item is not None}
    try:
        return ToolSpec(**fields)
    except ValidationError as failure:
        raise InvalidRequestError(f"tools[{index}]: {describe(failure)}") from None


def as_response_format(value: object) -> ResponseFormat | None:
    """Return a format from ours, a pydantic class, a JSON Schema, or OpenAI's ``response_format`` object.

    Raises:
        InvalidRequestError: It is none of these.
    """
    if isinstance(value, ResponseFormat):
        return value
    schema_of = getattr(value, "model_json_schema", None)
    if isinstance(value, type) and callable(schema_of):
        return ResponseFormat(schema_=schema_of(), name=value.__name__)
    if not isinstance(value, Mapping):
        raise InvalidRequestError(
            f"response_format is a {type(value).__name__}; give a JSON Schema or a pydantic model class."
        )
    if value.get("type") == "json_object" and "properties" not in value:
        return ResponseFormat()
    if value.get("type") == "text" and len(value) == 1:
        return None
    if value.get("type") == "json_schema":
        return _openai_format(value)
    return ResponseFormat(schema_=dict(value), name=_name(value.get("title")))


def _openai_format(value: Mapping[str, Any]) -> ResponseFormat:
    inner = value.get("json_schema")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
        raise InvalidRequestError("response_format has type json_schema and no json_schema.schema.")
    return ResponseFormat(
        schema_=dict(inner["schema"]),
        name=_name(inner.get("name")),
        description=inner.get("description"),
        strict=inner.get("strict"),
    )


def _name(title: object) -> str:
    """Return ``title`` as a format's name: letters, digits, ``_`` and ``-``, at most 64, as OpenAI asks."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in str(title or "")[:64])
    return kept or "answer"
