"""Messages as Ollama's own wire has them: a text, and images beside it.

Source: Ollama's API reference, and requests of other clients (recorded).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backbay.errors import InvalidRequestError
from backbay.messages import ImagePart, Message, TextPart, ThinkingPart, ToolCall


def messages_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as they are sent; a turn with text between its images becomes several.

    Raises:
        InvalidRequestError: A message has something that has no place on this wire; names its index.
    """
    written: list[dict[str, Any]] = []
    tools: dict[str, str] = {}
    for index, message in enumerate(messages):
        if message.name is not None and message.role != "tool":
            raise _misplaced(index, "only a tool's message can have a name on this wire; put it into the content")
        if message.role == "assistant":
            tools |= {call.id: call.name for call in message.tool_calls or ()}
            written.append(_assistant(message, index))
        elif message.role == "tool":
            written.append(_tool_result(message, index, tools))
        else:
            written += _said(message, index)
    return written


def _said(message: Message, index: int) -> Iterator[dict[str, Any]]:
    """Yield what a user or the system said.

    Images stand before the text of their message in the prompt. Where text comes between images, each run of images
    begins a message of its own, as the server's own OpenAI endpoint does it; the server joins messages of one role.
    """
    runs: list[tuple[list[str], list[str]]] = [([], [])]
    for part in message.parts():
        images, texts = runs[-1]
        if isinstance(part, ImagePart):
            if texts:
                runs.append(([], []))
            runs[-1][0].append(_image(part, index))
        elif isinstance(part, TextPart):
            texts.append(part.text)
        else:
            raise _misplaced(index, f"a {message.role} message cannot have {part.type} parts on this wire")
    if len(runs) == 2 and not runs[0][0] and not runs[1][1]:
        # A question and its images after it: the usual message, with images beside the text.
        yield {"role": message.role, "content": "".join(runs[0][1]), "images": runs[1][0]}
        return
    for images, texts in runs:
        yield {"role": message.role, **({"images": images} if images else {}), "content": "".join(texts)}


def _image(part: ImagePart, index: int) -> str:
    if part.data is None:
        raise _misplaced(index, "an image by URL has no place on this wire; fetch it, and give its data (base64)")
    if part.detail not in (None, "auto"):
        raise _misplaced(index, "this wire has no place for an image's detail; scale the image instead")
    return part.data


def _assistant(message: Message, index: int) -> dict[str, Any]:
    for part in message.parts():
        if part.type not in ("text", "thinking"):
            raise _misplaced(index, f"an assistant message cannot have {part.type} parts on this wire")
    written: dict[str, Any] = {"role": "assistant", "content": message.text}
    # What another vendor kept with its thinking is that vendor's; plain thinking may be anybody's.
    thoughts = [part.text for part in message.parts() if isinstance(part, ThinkingPart) and not part.opaque]
    if any(thoughts):
        written["thinking"] = "".join(thoughts)
    if message.tool_calls:
        written["tool_calls"] = [_call(call, index) for call in message.tool_calls]
    return written


def _call(call: ToolCall, index: int) -> dict[str, Any]:
    if call.arguments is None:
        raise _misplaced(index, f"the arguments of {call.name!r} are no JSON object, and this wire takes no other")
    # Servers that know no ids ignore them.
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool_result(message: Message, index: int, tools: dict[str, str]) -> dict[str, Any]:
    if message.is_error:
        raise _misplaced(index, "is_error has no place on this wire; say in the content that the tool failed")
    for part in message.parts():
        if part.type != "text":
            raise _misplaced(
                index,
                f"a tool's result cannot have {part.type} parts on this wire; send them in a user message after it",
            )
    written = {"role": "tool", "content": message.text}
    name = message.name or tools.get(message.tool_call_id or "")
    if name:
        written["tool_name"] = name
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    return written


def _misplaced(index: int, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"messages[{index}]: {what}.")
