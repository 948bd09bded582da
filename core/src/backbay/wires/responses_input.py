"""Messages as input items of the responses wire. Source: OpenAI's API reference, Create a model response, ``input``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidRequestError, UnsupportedError
from ..messages import AudioPart, FilePart, ImagePart, Message, Part, TextPart, ThinkingPart, ToolCall

_CACHE = {"5m": {}, "1h": {"ttl": "12h"}}
"""The shortest lifetime that is at least what was asked for: 30 minutes where none is said, or 12 hours.

Source: OpenAI's API reference, ``prompt_cache_breakpoint``.
"""

_Placed = list[tuple[int | None, dict[str, Any]]]
"""Items with their places among the items of the answer that they were in; ``None`` where that is not known."""

_NO_AUDIO = "sound has no place on this wire; use the chat-completions wire"
_NO_CITATIONS = "citations of a document cannot be asked for here; leave citations out, or use the hosted file_search"
_NO_ERROR = "is_error has no place on this wire; say in the content that the tool failed"
_NO_NAME = "this wire has no place for a speaker's name; say it in the text"
_NO_CACHE = "this server takes no cache marks on this wire; leave cache out"


class InputWriter:
    """Writes the items of one request.

    Args:
        backend: The name under which vendor data is kept in ``opaque``.
        stateful: Whether the vendor keeps answers, so that the ids of their items mean something to it.
        role: The role of system messages, ``"system"`` or ``"developer"``.
        cache: Whether marks of what to cache are written.
        reasons: Whether the model may reason; others refuse to be given reasoning.
    """

    def __init__(self, backend: str, *, stateful: bool, role: str, cache: bool, reasons: bool) -> None:
        self._backend = backend
        self._stateful = stateful
        self._role = role
        self._cache = cache
        self._reasons = reasons
        self._free_text: set[str] = set()

    def items(self, messages: Iterable[tuple[int, Message]]) -> list[dict[str, Any]]:
        """Return the items of messages, each with its index.

        Raises:
            InvalidRequestError: A message has no place on this wire; names its index.
            UnsupportedError: A part of one has none, at all or with this vendor.
        """
        return [item for index, message in messages for item in self._of(message, index)]

    def _of(self, message: Message, index: int) -> list[dict[str, Any]]:
        if message.role == "tool":
            return [self._output(message, index)]
        if message.name is not None:
            raise UnsupportedError(f"messages[{index}]: {_NO_NAME}.")
        if message.role == "assistant":
            return self._assistant(message, index)
        role = self._role if message.role == "system" else message.role
        return [{"role": role, "content": self._content(message, index)}]

    def _content(self, message: Message, index: int) -> str | list[dict[str, Any]]:
        if isinstance(message.content, str) and not message.images:
            return message.content
        return [self._part(part, index) for part in message.parts()]

    def _part(self, part: Part, index: int) -> dict[str, Any]:
        written: dict[str, Any]
        match part:
            case TextPart():
                written = {"type": "input_text", "text": part.text}
            case ImagePart():
                # The reference's default, which OpenAI's client and vLLM's check of it want said.
                written = {"type": "input_image", "image_url": part.as_url, "detail": part.detail or "auto"}
            case FilePart():
                written = _file(part, index)
            case AudioPart():
                raise UnsupportedError(f"messages[{index}]: {_NO_AUDIO}.")
            case _:
                raise InvalidRequestError(f"messages[{index}]: {part.type} parts can only stand with an assistant.")
        return written | self._mark(part, index)

    def _mark(self, part: TextPart | ImagePart | FilePart, index: int) -> dict[str, Any]:
        if part.cache is None:
            return {}
        if not self._cache:
            raise UnsupportedError(f"messages[{index}]: {_NO_CACHE}.")
        return {"prompt_cache_breakpoint": {"mode": "explicit", **_CACHE[part.cache]}}

    def _output(self, message: Message, index: int) -> dict[str, Any]:
        if message.is_error:
            raise InvalidRequestError(f"messages[{index}]: {_NO_ERROR}.")
        if not message.tool_call_id:
            raise InvalidRequestError(f"messages[{index}]: a tool message needs tool_call_id on this wire.")
        kind = "custom_tool_call_output" if message.tool_call_id in self._free_text else "function_call_output"
        return {"type": kind, "call_id": message.tool_call_id, "output": self._content(message, index)}

    def _assistant(self, message: Message, index: int) -> list[dict[str, Any]]:
        """Return the items of an assistant's turn, in the order in which the vendor gave them where that is known."""
        written: _Placed = []
        for part in message.parts():
            if isinstance(part, ThinkingPart):
                self._add_kept(written, part)
            elif isinstance(part, TextPart):
                if part.cache is not None:
                    raise UnsupportedError(
                        f"messages[{index}]: an assistant's text cannot be marked to be cached here."
                    )
                _add_text(written, part.text)
            else:
                raise InvalidRequestError(
                    f"messages[{index}]: an assistant message cannot have {part.type} parts here."
                )
        for call in message.tool_calls or ():
            _place(written, *self._call(call))
        if not written and isinstance(message.content, str | None):
            _add_text(written, "")
        # A message that was announced may have lost its text since.
        return [item for _, item in written if item.get("content") != [] or item.get("type") == "reasoning"]

    def _kept(self, opaque: Mapping[str, Any] | None) -> tuple[int | None, dict[str, Any] | None]:
        """Return where an item of this backend's stood, and the item; ``None`` if there is no such data."""
        kept = (opaque or {}).get(self._backend)
        item = kept.get("item") if isinstance(kept, dict) else None
        number = kept.get("index") if isinstance(kept, dict) else None
        return number if isinstance(number, int) else None, item if isinstance(item, dict) else None

    def _add_kept(self, written: _Placed, part: ThinkingPart) -> None:
        number, item = self._kept(part.opaque)
        if item is None:
            return
        if item.get("type") == "message":
            written.append((number, {**self._announced(item), "content": []}))
        elif item.get("type") != "reasoning" or self._resent(item):
            same = [at for at, (other, old) in enumerate(written) if other == number and _id(old) == _id(item)]
            if same and number is not None:
                written[same[0]] = (number, item)
            else:
                written.append((number, item))

    def _announced(self, item: dict[str, Any]) -> dict[str, Any]:
        if self._stateful and _id(item):
            return {**item, "status": "completed"}
        return {name: value for name, value in item.items() if name != "id"}

    def _resent(self, item: Mapping[str, Any]) -> bool:
        """Whether the model takes a reasoning item: an id alone means nothing to a vendor that keeps nothing."""
        return self._reasons and (self._stateful or bool(item.get("encrypted_content") or item.get("content")))

    def _call(self, call: ToolCall) -> tuple[int | None, dict[str, Any]]:
        number, kept = self._kept(call.opaque)
        item = {name: value for name, value in (kept or {}).items() if self._stateful or name != "id"}
        # Malformed arguments go back as the model wrote them; none at all means an empty object.
        arguments = call.raw_arguments or json.dumps(call.arguments or {}, ensure_ascii=False)
        if item.get("type") == "custom_tool_call":
            self._free_text.add(call.id)
            return number, {**item, "call_id": call.id, "name": call.name, "input": call.raw_arguments}
        named = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}
        return number, {**item, **named}


def _place(written: _Placed, number: int | None, item: dict[str, Any]) -> None:
    """Insert a call where it stood in its answer; at the end, if that is not known."""
    places = [place for place, _ in written]
    later = (at for at, place in enumerate(places) if number is not None and place is not None and place > number)
    written.insert(next(later, len(written)), (number, item))


def _id(item: Mapping[str, Any]) -> object:
    return item.get("id")


def _add_text(written: _Placed, text: str) -> None:
    """Add to the message that is open, or to a new one."""
    if not written or written[-1][1].get("role") != "assistant":
        # llama.cpp takes an assistant's text in this form only: with a type, and as a list.
        written.append((None, {"type": "message", "role": "assistant", "content": []}))
    written[-1][1]["content"].append({"type": "output_text", "text": text})


def _file(part: FilePart, index: int) -> dict[str, Any]:
    if part.citations:
        raise UnsupportedError(f"messages[{index}]: {_NO_CITATIONS}.")
    if part.file_id is not None:
        return {"type": "input_file", "file_id": part.file_id}
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    data = f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
    return {"type": "input_file", "filename": part.filename or "file", "file_data": data}
