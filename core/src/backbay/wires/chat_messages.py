"""Messages as the chat-completions wire writes them. Source: the OpenAI API reference, Create chat completion.

What other vendors write otherwise is a quirk; ``openai_chat`` says which there are, and where each is from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequestError, UnsupportedError
from ..messages import AudioPart, CacheFor, FilePart, ImagePart, Message, Part, TextPart, ThinkingPart, ToolCall
from .chat_thoughts import LISTS, OBJECTS

Quirks = Mapping[str, object]


def message_of(message: Message, index: int, quirks: Quirks, backend: str | None) -> dict[str, Any]:
    """Return one message as it is sent.

    Args:
        message: The message.
        index: Its place in the conversation, for errors.
        quirks: The wire's settings.
        backend: The name under which opaque data is ours; ``None`` sends none back.

    Raises:
        InvalidRequestError: The message has something that has no place on this wire; names its index.
        UnsupportedError: It has a cache mark, and the vendor takes none.
    """
    written: dict[str, Any] = {"role": message.role}
    if message.role == "assistant":
        written.update(_assistant(message, index, quirks, backend))
    elif message.role == "tool":
        written.update(_tool_result(message, index, quirks))
    else:
        written["content"] = _content(message, index, quirks)
    if message.name is not None and message.role != "tool":
        written["name"] = message.name
    return written


def mark(cache: CacheFor, quirks: Quirks) -> dict[str, Any]:
    """Return the field that marks the end of something to cache.

    ``"cache_control"`` is Anthropic's, which OpenRouter passes on (recorded); ``"prompt_cache_breakpoint"`` is OpenAI's
    (recorded), where ``prompt_cache_options`` in ``extra`` says for how long.

    Raises:
        UnsupportedError: The vendor takes no marks.
    """
    form = quirks.get("cache_marks")
    if form == "cache_control":
        return {"cache_control": {"type": "ephemeral", "ttl": cache}}
    if form == "prompt_cache_breakpoint":
        return {"prompt_cache_breakpoint": {"mode": "explicit"}}
    raise UnsupportedError(
        "Cache marks have no place on this wire; leave them out.",
        hint="Vendors of this wire cache prompts unasked. Where one takes marks, set cache_marks.",
        code="cache_control",
    )


def _tool_result(message: Message, index: int, quirks: Quirks) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if message.is_error:
        raise InvalidRequestError(
            f"messages[{index}]: is_error has no place on this wire; say in the content that the tool failed."
        )
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    elif quirks.get("tool_call_id", True):
        raise InvalidRequestError(f"messages[{index}]: a tool message needs tool_call_id on this wire.")
    if message.name is not None and quirks.get("tool_name"):
        written["name"] = message.name
    for part in message.parts():
        if part.type != "text" and not (part.type == "image" and quirks.get("tool_images")):
            raise InvalidRequestError(
                f"messages[{index}]: a tool's result cannot have {part.type} parts on this wire; "
                "send them in a user message after it."
            )
    written["content"] = _content(message, index, quirks)
    return written


def _content(message: Message, index: int, quirks: Quirks) -> str | list[dict[str, Any]]:
    if isinstance(message.content, str) and not message.images:
        return message.content
    return [_part(part, index, quirks) for part in message.parts()]


def _part(part: Part, index: int, quirks: Quirks) -> dict[str, Any]:
    match part:
        case TextPart():
            written: dict[str, Any] = {"type": "text", "text": part.text}
        case ImagePart():
            image = {"url": part.as_url} | ({"detail": part.detail} if part.detail else {})
            written = {"type": "image_url", "image_url": image}
        case AudioPart():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        case FilePart():
            written = {"type": "file", "file": _file(part, index, quirks)}
        case _:
            raise InvalidRequestError(f"messages[{index}]: {part.type} parts can only stand with an assistant.")
    return written | (mark(part.cache, quirks) if part.cache else {})


def _file(part: FilePart, index: int, quirks: Quirks) -> dict[str, Any]:
    if part.citations:
        raise InvalidRequestError(
            f"messages[{index}]: a file cannot ask for citations on this wire; ask for them in the prompt."
        )
    if part.file_id is not None:
        return {"file_id": part.file_id}
    if part.url is not None and not quirks.get("file_urls"):
        raise InvalidRequestError(
            f"messages[{index}]: a file by URL has no place on this wire; give its data (base64), or upload it and "
            "give file_id."
        )
    data = part.url or f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
    return {"filename": part.filename or "file", "file_data": data}


def _assistant(message: Message, index: int, quirks: Quirks, backend: str | None) -> dict[str, Any]:
    for part in message.parts():
        if part.type not in ("text", "thinking"):
            raise InvalidRequestError(f"messages[{index}]: an assistant message cannot have {part.type} parts here.")
    written: dict[str, Any] = {"content": _said(message, index, quirks)}
    if message.tool_calls:
        written["tool_calls"] = [_tool_call(call, backend) for call in message.tool_calls]
        written["content"] = written["content"] or None
    thoughts = [part for part in message.parts() if isinstance(part, ThinkingPart)]
    written.update(_thoughts(thoughts, quirks, backend))
    return written


def _said(message: Message, index: int, quirks: Quirks) -> str | list[dict[str, Any]]:
    shown = TextPart | ThinkingPart if quirks.get("thinking_parts") else TextPart
    parts = [part for part in message.parts() if isinstance(part, shown) and (part.type == "text" or part.text)]
    if all(isinstance(part, TextPart) and part.cache is None for part in parts):
        return message.text
    return [_thought(part) if isinstance(part, ThinkingPart) else _part(part, index, quirks) for part in parts]


def _thought(part: ThinkingPart) -> dict[str, Any]:
    """Return thinking as a part of the content (Mistral, recorded in answers)."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}], "closed": True}


def _thoughts(thoughts: list[ThinkingPart], quirks: Quirks, backend: str | None) -> dict[str, Any]:
    """Return the fields in which thinking goes back: what the vendor signed, unchanged, or its text."""
    ours = [part.opaque.get(backend) for part in thoughts if part.opaque and backend]
    kept = [opaque for opaque in ours if isinstance(opaque, dict)]
    written: dict[str, Any] = {}
    field = quirks.get("thinking_field")
    if field:
        text = "".join(part.text for part in thoughts)
        written = {str(field): text} if text else {}
    else:
        for opaque in kept:
            for name in LISTS:
                if isinstance(opaque.get(name), list):
                    written[name] = [*written.get(name, ()), *opaque[name]]  # type: ignore[misc]
    for opaque in kept:
        for name in OBJECTS:
            if isinstance(opaque.get(name), dict):
                written[name] = {**written.get(name, {}), **opaque[name]}  # type: ignore[dict-item]
    return written


def _tool_call(call: ToolCall, backend: str | None) -> dict[str, Any]:
    # Malformed arguments go back as the model wrote them; none at all means an empty object.
    arguments = call.raw_arguments or json.dumps(call.arguments or {}, ensure_ascii=False)
    written: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
    ours = (call.opaque or {}).get(backend) if backend else None
    for name in OBJECTS:
        if isinstance(ours, dict) and name in ours:
            written[name] = ours[name]
    return written
