"""Messages as Mistral has them otherwise than the chat-completions wire, from which they are rewritten.

Source: recorded requests, and the types of Mistral's Python SDK (``ContentChunk``, ``AssistantMessage``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backbay.errors import InvalidRequestError
from backbay.messages import FilePart, ImagePart, Message, Part, TextPart, ThinkingPart

from .ids import tool_id
from .reader import CHUNK


def check(messages: Sequence[Message]) -> None:
    """Refuse what has no place at Mistral, and has one on the chat-completions wire.

    Raises:
        InvalidRequestError: A speaker has a name, or an assistant's turn says nothing; names the message's index.
    """
    for index, message in enumerate(messages):
        if message.name is not None and message.role != "tool":
            raise InvalidRequestError(
                f"messages[{index}]: a speaker's name has no place at Mistral; say it in the content."
            )
        if message.role == "assistant" and not message.tool_calls and not any(_says(part) for part in message.parts()):
            raise InvalidRequestError(
                f"messages[{index}]: Mistral refuses an assistant's turn without text and tool calls; leave it out."
            )


def rewritten(messages: Sequence[Message], written: Sequence[dict[str, Any]], backend: str) -> list[dict[str, Any]]:
    """Return messages in Mistral's form.

    Args:
        messages: The conversation.
        written: Each of its messages as the chat-completions wire has it.
        backend: The name under which opaque data is ours.
    """
    found = []
    for message, each in zip(messages, written, strict=True):
        if message.role == "assistant":
            found.append(_assistant(message, each, backend))
        elif isinstance(each["content"], list):
            found.append({**each, "content": _chunks(list(message.parts()), each["content"])})
        else:
            found.append(each)
        if "tool_call_id" in each:
            found[-1] = {**found[-1], "tool_call_id": tool_id(each["tool_call_id"])}
    if found and found[-1]["role"] == "assistant" and "tool_calls" not in found[-1]:
        # "Expected last role User or Tool (or Assistant with prefix True)" (anomalyco/opencode #19115): the answer is
        # to go on from here.
        found[-1] = {**found[-1], "prefix": True}
    return found


def _says(part: Part) -> bool:
    return not isinstance(part, TextPart | ThinkingPart) or (isinstance(part, TextPart) and bool(part.text))


def _assistant(message: Message, written: dict[str, Any], backend: str) -> dict[str, Any]:
    found = {**written, "content": written["content"] or ""}
    chunks = [(part, _thought(part, backend)) for part in message.parts()]
    if any(thought is not None for _, thought in chunks):
        said = [_text(part) if thought is None else thought for part, thought in chunks]
        found["content"] = [chunk for chunk in said if chunk is not None]
    if "tool_calls" in written:
        found["tool_calls"] = [{**call, "id": tool_id(call["id"])} for call in written["tool_calls"]]
    return found


def _thought(part: Part, backend: str) -> dict[str, Any] | None:
    """Return the chunk in which thinking came, as it came; ``None`` for what Mistral did not think."""
    ours = (part.opaque or {}).get(backend) if isinstance(part, ThinkingPart) else None
    chunk = ours.get(CHUNK) if isinstance(ours, dict) else None
    return chunk if isinstance(chunk, dict) else None


def _text(part: Part) -> dict[str, Any] | None:
    return {"type": "text", "text": part.text} if isinstance(part, TextPart) and part.text else None


def _chunks(parts: Sequence[Part], written: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_chunk(part, each) for part, each in zip(parts, written, strict=True)]


def _chunk(part: Part, written: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part, ImagePart) and part.detail is None:
        return {"type": "image_url", "image_url": part.as_url}
    if isinstance(part, FilePart) and part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if isinstance(part, FilePart):
        named = {} if part.filename is None else {"document_name": part.filename}
        return {"type": "document_url", "document_url": written["file"]["file_data"], **named}
    return written
