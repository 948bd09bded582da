"""Conversations as turns of the messages wire: who speaks, and the content blocks of it.

Source: Anthropic's Messages API reference (Create a Message), its guides, and recorded traffic.

Vendors of this wire want an assistant's turn back as it was, block by block: the signature of a thought covers what
came before it (Anthropic's guide "Preserved thinking"). What our messages have no place for stands in ``opaque`` under
the backend's name; see ``anthropic_events``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidRequestError, UnsupportedError
from ..messages import CacheFor, FilePart, ImagePart, Message, Part, TextPart, ThinkingPart, ToolCall

Block = dict[str, Any]

_PDF = "JVBERi"
"""How the base64 of a PDF begins."""


def cached(block: Block, cache: CacheFor | None) -> Block:
    """Return ``block`` with a cache mark. Five minutes are the wire's default, and need no word."""
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}
    return block


def system_of(messages: Sequence[Message]) -> str | list[Block] | None:
    """Return the system prompt: a string, or blocks where a message has parts; ``None`` if there are no messages.

    Several messages that are strings are one, with an empty line between.
    """
    texts = [message.content for message in messages if isinstance(message.content, str)]
    if len(texts) == len(messages):
        return "\n\n".join(texts) if texts else None
    parts = [part for message in messages for part in message.parts()]
    return [cached({"type": "text", "text": part.text}, part.cache) for part in parts if isinstance(part, TextPart)]


class Turns:
    """Writes turns. Neighbours of one role become one turn, as the vendor itself does with them.

    Args:
        name: The backend, whose ``opaque`` data goes back.
        unsigned: Whether thinking goes back that nobody signed.
    """

    def __init__(self, name: str, *, unsigned: bool) -> None:
        self._name = name
        self._unsigned = unsigned
        self.written: list[dict[str, Any]] = []

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
            self._append("user", [tool_result(message, index)])
        elif message.role == "assistant":
            self._append("assistant", self._assistant(message, index))
        else:
            self._append(message.role, content_of(message, index))

    def _append(self, role: str, content: str | list[Block]) -> None:
        if role == "assistant" and not content:
            return  # A turn in which nothing was said; the vendor refuses it, and there is nothing to lose.
        if self.written and self.written[-1]["role"] == role:
            self.written[-1]["content"] = [*_listed(self.written[-1]["content"]), *_listed(content)]
        else:
            self.written.append({"role": role, "content": content})

    def _assistant(self, message: Message, index: int) -> str | list[Block]:
        calls = [self._tool_use(call) for call in message.tool_calls or ()]
        if isinstance(message.content, str) and not message.images and not calls:
            return message.content
        blocks: list[Block] = []
        placed = 0
        for part in message.parts():
            if isinstance(part, TextPart):
                if part.text:
                    blocks.append(cached({"type": "text", "text": part.text}, part.cache))
            elif not isinstance(part, ThinkingPart):
                raise InvalidRequestError(
                    f"messages[{index}]: an assistant message cannot have {part.type} parts here."
                )
            else:
                own = self._own(part.opaque)
                before = own.get("calls")
                if isinstance(before, int) and before > placed:
                    blocks += calls[placed:before]
                    placed = before
                self._thinking(part, own, blocks)
        return [*blocks, *calls[placed:]]

    def _thinking(self, part: ThinkingPart, own: Mapping[str, Any], blocks: list[Block]) -> None:
        """Add what a part of thinking stands for; nothing, where another vendor made it."""
        if isinstance(own.get("signature"), str):
            blocks.append({"type": "thinking", "thinking": part.text, "signature": own["signature"]})
        elif isinstance(own.get("block"), dict):
            blocks.append(own["block"])
        elif isinstance(own.get("text"), dict):
            _split(blocks, own["text"])
        elif self._unsigned and part.text and not part.opaque:
            blocks.append({"type": "thinking", "thinking": part.text, "signature": ""})

    def _tool_use(self, call: ToolCall) -> Block:
        # Input that is no JSON object goes back inside one, as the guide to fine-grained tool streaming has it.
        malformed = call.arguments is None and call.error is not None
        arguments = {"INVALID_JSON": call.raw_arguments} if malformed else call.arguments or {}
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
        caller = self._own(call.opaque).get("caller")
        return block if caller is None else {**block, "caller": caller}

    def _own(self, opaque: Mapping[str, Any] | None) -> Mapping[str, Any]:
        own = (opaque or {}).get(self._name)
        return own if isinstance(own, dict) else {}


def content_of(message: Message, index: int) -> str | list[Block]:
    """Return a message's content: a string where it is one, else blocks."""
    if isinstance(message.content, str) and not message.images:
        return message.content
    return [_block(part, index) for part in message.parts()]


def tool_result(message: Message, index: int) -> Block:
    """Return a tool's turn as a block. A cache mark of a part goes to the block: what is inside cannot have one."""
    if not message.tool_call_id:
        raise InvalidRequestError(f"messages[{index}]: a tool message needs tool_call_id on this wire.")
    content = content_of(message, index)
    marks = [inner.pop("cache_control") for inner in _listed(content) if "cache_control" in inner]
    block: Block = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": content}
    if message.is_error is not None:
        block["is_error"] = message.is_error
    return {**block, "cache_control": marks[-1]} if marks else block


def _block(part: Part, index: int) -> Block:
    match part:
        case TextPart():
            return cached({"type": "text", "text": part.text}, part.cache)
        case ImagePart():
            return cached(_image(part, index), part.cache)
        case FilePart():
            return cached(_file(part, index), part.cache)
        case ThinkingPart():
            raise InvalidRequestError(f"messages[{index}]: thinking parts can only stand with an assistant.")
    raise UnsupportedError(f"messages[{index}]: this wire has no place for {part.type}; give its text.")


def _image(part: ImagePart, index: int) -> Block:
    if part.detail not in (None, "auto"):
        raise UnsupportedError(
            f"messages[{index}]: this wire has no place for an image's detail; scale the image instead."
        )
    if part.url is not None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    if part.media_type is None:
        raise InvalidRequestError(f"messages[{index}]: an image needs media_type here, such as 'image/png'.")
    return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}


def _file(part: FilePart, index: int) -> Block:
    kind = part.media_type or ("application/pdf" if (part.data or "").startswith(_PDF) else None)
    if kind is not None and kind.startswith("image/"):
        return {"type": "image", "source": _source(part, kind, index)}
    block: Block = {"type": "document", "source": _source(part, kind, index)}
    if part.filename is not None:
        block["title"] = part.filename
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return block


def _source(part: FilePart, kind: str | None, index: int) -> Block:
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if kind is not None and kind.startswith("text/"):
        # The one kind of text that the wire knows, whatever markup is in it.
        return {"type": "text", "media_type": "text/plain", "data": _decoded(part.data or "", index)}
    if kind == "application/pdf" or (kind is not None and kind.startswith("image/")):
        return {"type": "base64", "media_type": kind, "data": part.data}
    raise UnsupportedError(
        f"messages[{index}]: a file of the type {kind} has no place on this wire.",
        hint="It takes application/pdf, text/* and images; give media_type, or put the text into the message.",
    )


def _decoded(data: str, index: int) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        raise InvalidRequestError(f"messages[{index}]: a file of text must be base64 of UTF-8.") from None


def _split(blocks: list[Block], mark: Mapping[str, Any]) -> None:
    """Make the end of the text before a block of its own, with its citations, as it was."""
    count = mark.get("characters")
    if not blocks or blocks[-1]["type"] != "text" or not isinstance(count, int) or count < 1:
        return
    text = blocks[-1]["text"]
    if count < len(text):
        blocks.insert(len(blocks) - 1, {"type": "text", "text": text[:-count]})
        blocks[-1]["text"] = text[-count:]
    if isinstance(mark.get("citations"), list):
        blocks[-1]["citations"] = mark["citations"]


def _listed(content: str | list[Block]) -> list[Block]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
