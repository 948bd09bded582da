"""Conversations as Converse has them: who speaks, and the content blocks of it.

Source: the API reference (Message, ContentBlock, ToolResultBlock, CachePointBlock), and recorded traffic. A turn of an
assistant goes back as it was; what our messages have no place for stands in ``opaque``, see ``reader``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backbay.errors import InvalidRequestError
from backbay.messages import AudioPart, CacheFor, FilePart, ImagePart, Message, Part, TextPart, ThinkingPart, ToolCall

from .media import Block, Names, audio_block, file_block, image_block


def cache_point(cache: CacheFor) -> Block:
    """Return the block that ends what is to be cached. Five minutes are the default, and need no word."""
    return {"cachePoint": {"type": "default"} if cache == "5m" else {"type": "default", "ttl": cache}}


def system_of(messages: Sequence[Message]) -> list[Block]:
    """Return the blocks of the system prompt, one or more a message."""
    blocks: list[Block] = []
    for message in messages:
        for part in message.parts():
            if isinstance(part, TextPart):
                blocks.append({"text": part.text})
                blocks += [cache_point(part.cache)] if part.cache else []
    return blocks


class Turns:
    """Writes turns. Neighbours of one role become one: many models want them to alternate.

    Args:
        name: The backend, whose ``opaque`` data goes back.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._names = Names()
        self.written: list[dict[str, Any]] = []
        self.has_calls = False

    def add(self, message: Message, index: int) -> None:
        """Write the next message.

        Raises:
            InvalidRequestError: It has no place on this wire; names ``index``.
            UnsupportedError: It has something that this wire has no place for.
        """
        if message.name is not None and message.role != "tool":
            raise InvalidRequestError(
                f"messages[{index}]: this wire has no place for a speaker's name.", hint="Say it in the text."
            )
        if message.role == "tool":
            self._append("user", self._tool_result(message, index))
        elif message.role == "assistant":
            self._append("assistant", self._assistant(message, index))
        else:
            self._append("user", self._content(message, index))

    def _append(self, role: str, content: list[Block]) -> None:
        if role == "assistant" and not content:
            return  # A turn in which nothing was said; Bedrock refuses it, and there is nothing to lose.
        if self.written and self.written[-1]["role"] == role:
            self.written[-1]["content"] += content
        else:
            self.written.append({"role": role, "content": content})

    def _content(self, message: Message, index: int) -> list[Block]:
        if message.content == "" and not message.images:
            return [{"text": ""}]
        blocks: list[Block] = []
        for part in message.parts():
            blocks.append(self._block(part, index))
            cache = getattr(part, "cache", None)
            blocks += [cache_point(cache)] if cache else []
        return blocks

    def _block(self, part: Part, index: int) -> Block:
        match part:
            case TextPart():
                return {"text": part.text}
            case ImagePart():
                return image_block(part, index)
            case AudioPart():
                return audio_block(part)
            case FilePart():
                return file_block(part, index, self._names)
        raise InvalidRequestError(f"messages[{index}]: thinking parts can only stand with an assistant.")

    def _tool_result(self, message: Message, index: int) -> list[Block]:
        """Return a tool's turn. Its cache points stand behind it: what is inside cannot have one."""
        if not message.tool_call_id:
            raise InvalidRequestError(f"messages[{index}]: a tool message needs tool_call_id on this wire.")
        content = self._content(message, index)
        if any("audio" in block for block in content):
            raise InvalidRequestError(f"messages[{index}]: a tool's result cannot have sound here.")
        points = [block for block in content if "cachePoint" in block]
        inside = [block for block in content if "cachePoint" not in block]
        result: Block = {"toolUseId": message.tool_call_id, "content": inside}
        if message.is_error is not None:
            result["status"] = "error" if message.is_error else "success"
        self.has_calls = True
        return [{"toolResult": result}, *points[-1:]]

    def _assistant(self, message: Message, index: int) -> list[Block]:
        calls = [_tool_use(call) for call in message.tool_calls or ()]
        self.has_calls = self.has_calls or bool(calls)
        blocks: list[Block] = []
        placed = 0
        for part in message.parts():
            if isinstance(part, TextPart):
                blocks += [{"text": part.text}] if part.text else []
                blocks += [cache_point(part.cache)] if part.cache and part.text else []
            elif not isinstance(part, ThinkingPart):
                raise InvalidRequestError(f"messages[{index}]: an assistant cannot have {part.type} parts here.")
            else:
                own = self._own(part.opaque)
                before = own.get("calls")
                if isinstance(before, int) and before > placed:
                    blocks += calls[placed:before]
                    placed = before
                _thinking(part.text, own, blocks)
        return [*blocks, *calls[placed:]]

    def _own(self, opaque: Mapping[str, Any] | None) -> Mapping[str, Any]:
        own = (opaque or {}).get(self._name)
        return own if isinstance(own, dict) else {}


def _thinking(text: str, own: Mapping[str, Any], blocks: list[Block]) -> None:
    """Add what a part of thinking stands for; nothing, where another vendor made it or nobody signed it."""
    if isinstance(own.get("signature"), str):
        blocks.append({"reasoningContent": {"reasoningText": {"text": text, "signature": own["signature"]}}})
    elif isinstance(own.get("block"), dict):
        blocks.append(own["block"])
    elif isinstance(own.get("cited"), dict):
        _cite(blocks, own["cited"])


def _cite(blocks: list[Block], cited: Mapping[str, Any]) -> None:
    """Make the end of the text before a block of its own, with its citations, as it was."""
    count, citations = cited.get("characters"), cited.get("citations")
    if not blocks or "text" not in blocks[-1] or not isinstance(count, int) or count < 1:
        return
    text = blocks.pop()["text"]
    if count < len(text):
        blocks.append({"text": text[:-count]})
    blocks.append({"citationsContent": {"content": [{"text": text[-count:]}], "citations": citations}})


def _tool_use(call: ToolCall) -> Block:
    # Input that is no JSON object goes back inside one, so that the model sees what it wrote.
    malformed = call.arguments is None and call.error is not None
    arguments = {"INVALID_JSON": call.raw_arguments} if malformed else call.arguments or {}
    return {"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments}}
