"""Messages as Cohere's wire has them. Source: Cohere's API reference, Chat; recorded requests."""

from __future__ import annotations

import json
from typing import Any

from backbay.errors import InvalidRequestError
from backbay.messages import ImagePart, Message, Part, TextPart, ThinkingPart, ToolCall

PLAN = "tool_plan"
"""What the model said that it would do with its tools; kept with the first call, and sent back."""


def message_of(message: Message, index: int, name: str) -> dict[str, Any]:
    """Return one message as it is sent.

    Args:
        message: The message.
        index: Its place in the conversation, for errors.
        name: The backend, whose ``opaque`` data goes back.

    Raises:
        InvalidRequestError: The message has something that has no place on this wire; names its index.
    """
    if message.name is not None and message.role != "tool":
        raise _misplaced(index, "only a tool's message can have a name on this wire; put it into the content")
    if message.role == "assistant":
        return _assistant(message, index, name)
    if message.role == "tool":
        return _tool_result(message, index)
    return {"role": message.role, "content": _content(message, index)}


def _content(message: Message, index: int) -> str | list[dict[str, Any]]:
    if isinstance(message.content, str) and not message.images:
        return message.content
    return [_part(part, message, index) for part in message.parts()]


def _part(part: Part, message: Message, index: int) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ImagePart) and message.role == "user":
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": part.as_url, **detail}}
    instead = "; send it in a user message" if part.type == "image" else ""
    raise _misplaced(index, f"a {message.role} message cannot have {part.type} parts on this wire{instead}")


def _assistant(message: Message, index: int, name: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for part in message.parts():
        if isinstance(part, ThinkingPart):
            # What another vendor kept with its thinking is that vendor's; plain thinking may be anybody's.
            if part.text and not part.opaque:
                content.append({"type": "thinking", "thinking": part.text})
        else:
            content.append(_part(part, message, index))
    written: dict[str, Any] = {"role": "assistant"}
    if isinstance(message.content, str) and not message.images:
        said: str | list[dict[str, Any]] = message.content
    else:
        said = content or ""
    if said or not message.tool_calls:
        written["content"] = said
    if message.tool_calls:
        written["tool_calls"] = [_call(call) for call in message.tool_calls]
        plans = [plan for call in message.tool_calls if (plan := _plan(call, name))]
        if plans:
            written[PLAN] = plans[0]
    return written


def _call(call: ToolCall) -> dict[str, Any]:
    # Malformed arguments go back as the model wrote them; none at all means an empty object.
    arguments = call.raw_arguments or json.dumps(call.arguments or {}, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _plan(call: ToolCall, name: str) -> str:
    ours = (call.opaque or {}).get(name)
    plan = ours.get(PLAN) if isinstance(ours, dict) else None
    return plan if isinstance(plan, str) else ""


def _tool_result(message: Message, index: int) -> dict[str, Any]:
    if message.is_error:
        raise _misplaced(index, "is_error has no place on this wire; say in the content that the tool failed")
    if not message.tool_call_id:
        raise _misplaced(index, "a tool message needs tool_call_id on this wire")
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": _content(message, index)}


def _misplaced(index: int, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"messages[{index}]: {what}.")
