"""Requests of the chat-completions wire. Our calls take its messages, tools and formats as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import JSON, Call, Reader

_OPTIONS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "response_format": "response_format",
    "reasoning_effort": "reasoning",
}
_WRITTEN = ("model", "messages", "stream", "stream_options")


def read(body: JSON, backend: str) -> Call | None:
    """Return the call; ``None`` for several answers at once, which one call of ours does not give."""
    if body.get("n") not in (None, 1) or not isinstance(body.get("messages"), list):
        return None
    options: dict[str, Any] = {ours: body[name] for name, ours in _OPTIONS.items() if body.get(name) is not None}
    if not options.get("tools"):
        # A choice among no tools says nothing.
        options = {name: value for name, value in options.items() if name not in _ABOUT_TOOLS}
    known = {*_OPTIONS, *_WRITTEN, "n"}
    extra = {name: value for name, value in body.items() if name not in known and value is not None}
    options |= {"model": body.get("model"), "extra": extra} if extra else {"model": body.get("model")}
    return Call([_message(message, backend) for message in body["messages"]], options, body.get("stream") is True)


_ABOUT_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")


def _message(message: Any, backend: str) -> Any:
    """Return a message without the fields that say nothing, and its vendor's data as opaque data of its thinking."""
    found = {name: value for name, value in message.items() if value is not None} | {"role": message["role"]}
    details = found.pop("reasoning_details", None)
    if details:
        thought = found.pop("reasoning", "")
        thinking = {"type": "thinking", "text": thought, "opaque": {backend: {"reasoning_details": details}}}
        content = found.get("content") or []
        said = [{"type": "text", "text": content}] if isinstance(content, str) else content
        found["content"] = [thinking, *said]
    return found


def plain(body: JSON) -> JSON:
    """Return a body with one spelling of what several spellings mean."""
    found = {name: value for name, value in body.items() if value is not None and name not in ("stream_options", "n")}
    if not found.get("stream"):
        found.pop("stream", None)
    if "max_completion_tokens" in found:
        found["max_tokens"] = found.pop("max_completion_tokens")
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    if found.get("response_format") == {"type": "text"}:
        del found["response_format"]
    schema = found.get("response_format", {}).get("json_schema")
    if schema and not schema.get("description", "absent"):
        kept = {name: value for name, value in schema.items() if name != "description"}
        found["response_format"] = {"type": "json_schema", "json_schema": kept}
    if not found.get("tools"):
        found = {name: value for name, value in found.items() if name not in _ABOUT_TOOLS}
    else:
        found["tools"] = [_plain_tool(tool) for tool in found["tools"]]
    found["messages"] = [_plain_message(message) for message in found.get("messages", ())]
    return found


def _plain_tool(tool: JSON) -> JSON:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        return tool
    kept = {name: value for name, value in function.items() if value not in (None, "")}
    return {"type": "function", "function": {"parameters": {"type": "object", "properties": {}}, **kept}}


def _plain_message(message: JSON) -> JSON:
    found = {name: value for name, value in message.items() if value not in (None, [], "")}
    if found["role"] == "developer":
        found["role"] = "system"
    content = found.get("content")
    if isinstance(content, list) and all(set(part) == {"type", "text"} and part["type"] == "text" for part in content):
        found["content"] = "".join(part["text"] for part in content)
        if not found["content"]:
            del found["content"]
    if found.get("tool_calls"):
        found["tool_calls"] = [_plain_call(call) for call in found["tool_calls"]]
    if found["role"] == "tool":
        found.pop("name", None)
    if isinstance(found.get("content"), list):
        found["content"] = [_plain_part(part) for part in found["content"]]
    return found


def _plain_part(part: JSON) -> JSON:
    if part.get("type") == "image_url" and isinstance(part["image_url"], str):
        return {**part, "image_url": {"url": part["image_url"]}}
    return part


def _plain_call(call: JSON) -> JSON:
    function = call["function"]
    arguments = function.get("arguments") or "{}"
    try:
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        arguments = str(arguments)
    return {"id": call.get("id"), "name": function["name"], "arguments": arguments}


READER = Reader(read, plain)
