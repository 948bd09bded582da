"""Messages in the form of the conventions' JSON schemas. Only what was asked for gets here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backbay.messages import (
    AudioPart,
    FilePart,
    HostedTool,
    ImagePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolSpec,
)

from . import names

if TYPE_CHECKING:
    from backbay.messages import AnyTool, Message
    from backbay.response import Response

JSON = dict[str, object]


def input_messages(messages: Iterable[Message]) -> str:
    """Return the conversation as JSON; images, sound and files by their kind or address, never their bytes."""
    return _dumped([{"role": message.role, "parts": _parts(message)} for message in messages])


def output_messages(response: Response) -> str:
    """Return an answer as JSON: text, thinking and calls in the order in which they came."""
    said: JSON = {
        "role": "assistant",
        "parts": [_part(part) for part in response.parts],
        "finish_reason": names.FINISH_ERROR if response.finish is None else response.finish.value,
    }
    return _dumped([said])


def tool_definitions(tools: Sequence[AnyTool]) -> str:
    """Return the tools as JSON."""
    return _dumped([_definition(tool) for tool in tools])


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parts(message: Message) -> list[JSON]:
    if message.role == "tool":
        return [{"type": "tool_call_response", "id": message.tool_call_id, "response": message.text}]
    return [_part(part) for part in (*message.parts(), *(message.tool_calls or ()))]


def _part(part: object) -> JSON:
    match part:
        case TextPart():
            return {"type": "text", "content": part.text}
        case ThinkingPart():
            return {"type": "reasoning", "content": part.text}
        case ToolCall():
            asked = part.raw_arguments if part.arguments is None else part.arguments
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": asked}
        case ImagePart():
            return _attached("image", part.media_type, uri=part.url)
        case AudioPart():
            return _attached("audio", f"audio/{part.format}")
        case FilePart():
            return _attached("document", part.media_type, uri=part.url, file_id=part.file_id)
    return {"type": type(part).__name__}


def _attached(modality: str, media_type: str | None, *, uri: str | None = None, file_id: str | None = None) -> JSON:
    known: JSON = {"modality": modality, "mime_type": media_type}
    if uri is not None:
        return {"type": "uri", **known, "uri": uri}
    if file_id is not None:
        return {"type": "file", **known, "file_id": file_id}
    return {"type": "blob", **known, "content": "", "omitted": True}


def _definition(tool: AnyTool) -> JSON:
    match tool:
        case ToolSpec():
            return {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            }
        case HostedTool():
            return {"type": "hosted", "name": tool.name}
