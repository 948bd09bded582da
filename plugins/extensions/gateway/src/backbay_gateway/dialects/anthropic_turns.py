"""A client's conversation of the messages dialect as our messages, and envelopes opened on the way.

A turn of a user becomes several messages where it holds results of tools: each result is a message of its own. A tool
call's place among an assistant's text is not kept, save where the answer came from here and said it in an envelope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backbay.messages import AudioPart, CacheFor, Message, Part, TextPart, ThinkingPart, ToolCall

from .anthropic_blocks import UserPart, block_error, cache_of, text_part, user_part
from .carrying import build, need_object, refuse_uncarried, type_of, uncarried
from .envelopes import Envelopes
from .openai_fields import Fields, wrong

NEWER = "2026-10-21"
"""The API version that refuses citations in users' text, documents with assistants, and sampling parameters.

Source: Anthropic's "Migrating to API version 2026-10-21" (read 2026-11-21).
"""

Content = str | tuple[Part, ...] | None

_MALFORMED = "INVALID_JSON"
"""The one field of the input by which malformed arguments go back. Source: Anthropic's guide to fine-grained tool
streaming."""


class Turns:
    """Reads turns.

    Args:
        envelopes: What opens envelopes.
        version: The API version that the client speaks.
    """

    def __init__(self, envelopes: Envelopes, version: str) -> None:
        self._envelopes = envelopes
        self._newer = version == NEWER

    def system(self, value: object, path: str = "system") -> Message:
        """Return a system prompt, a string or blocks of text, as a message."""
        if isinstance(value, str):
            return Message(role="system", content=value)
        if not isinstance(value, list):
            raise wrong(path, f"{path} must be a string, or a list of text blocks.", "invalid_type")
        return Message(role="system", content=tuple(self._text(block, f"{path}.{n}") for n, block in enumerate(value)))

    def _text(self, block: object, path: str) -> TextPart:
        if type_of(block) != "text":
            raise block_error(block, path)
        return text_part(block, path, cited=not self._newer)

    def messages(self, fields: Fields) -> list[Message]:
        """Return the turns in ``messages``.

        Raises:
            InvalidRequestError: One is wrong; the message names the field.
            UnsupportedError: A block has no place in our messages.
        """
        turns = fields.listed("messages")
        if not turns:
            raise wrong("messages", "messages is missing or empty; give at least one.", "missing_required_parameter")
        return [message for n, turn in enumerate(turns) for message in self._turn(turn, f"messages.{n}")]

    def _turn(self, turn: object, path: str) -> Iterator[Message]:
        fields = Fields(turn, path, {"role", "content"})
        role = fields.choice("role", ("user", "assistant", "system"))
        content = fields.any("content")
        if role is None or content is None:
            lacking = fields.at("role" if role is None else "content")
            raise wrong(lacking, f"{lacking} is missing.", "missing_required_parameter")
        at = fields.at("content")
        if not isinstance(content, str | list):
            raise wrong(at, f"{at} must be a string, or a list of content blocks.", "invalid_type")
        if role == "system":
            yield self.system(content, at)
        elif isinstance(content, str):
            yield Message(role=role, content=content)  # type: ignore[arg-type]
        elif role == "user":
            yield from self._user(content, at)
        else:
            yield self._assistant(content, at)

    def _user(self, blocks: Sequence[object], path: str) -> Iterator[Message]:
        if not blocks:
            raise wrong(path, f"{path} is empty; give a string, or at least one block.")
        run: list[UserPart] = []
        for n, block in enumerate(blocks):
            if type_of(block) != "tool_result":
                run.append(user_part(block, f"{path}.{n}", cited=not self._newer))
                continue
            if run:
                yield Message(role="user", content=tuple(run))
                run = []
            yield self._result(block, f"{path}.{n}")
        if run:
            yield Message(role="user", content=tuple(run))

    def _result(self, block: object, path: str) -> Message:
        fields = Fields(block, path, {"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"})
        refuse_uncarried(fields, ("toolset_name",))
        content = fields.any("content")
        if content is not None and not isinstance(content, str | list):
            raise wrong(fields.at("content"), f"{fields.at('content')} must be a string or a list.", "invalid_type")
        parts: Content = content if isinstance(content, str) else ""
        if isinstance(content, list):
            inner = enumerate(content)
            parts = tuple(user_part(part, f"{fields.at('content')}.{n}", cited=not self._newer) for n, part in inner)
        return Message(
            role="tool",
            tool_call_id=fields.need_text("tool_use_id"),
            content=_marked(parts, cache_of(fields)),
            is_error=fields.flag("is_error"),
        )

    def _assistant(self, blocks: Sequence[object], path: str) -> Message:
        said: list[TextPart | ThinkingPart] = []
        calls: list[ToolCall] = []
        kept: dict[str, dict[str, Any]] = {}
        for n, block in enumerate(blocks):
            kind, at = type_of(block), f"{path}.{n}"
            if kind == "text":
                said.append(text_part(block, at, cited=True))
            elif kind == "tool_use":
                calls.append(_call(block, at))
            elif kind in ("thinking", "redacted_thinking"):
                said += self._thought(block, at, kept)
            elif kind == "document" and not self._newer:
                raise uncarried(at, "A document has no place with an assistant", "Give it with the user's turn.")
            else:
                raise block_error(block, at)
        found = tuple(call.model_copy(update={"opaque": kept[call.id]}) if call.id in kept else call for call in calls)
        return Message(role="assistant", content=tuple(said) or None, tool_calls=found or None)

    def _thought(self, block: object, path: str, kept: dict[str, dict[str, Any]]) -> list[ThinkingPart]:
        """Return thinking with what its envelope held; note in ``kept`` what is of a tool call."""
        shown = type_of(block) == "thinking"
        fields = Fields(block, path, {"type", "thinking", "signature"} if shown else {"type", "data"})
        text = (fields.text("thinking") or "") if shown else ""
        opened = self._envelopes.open(fields.text("signature" if shown else "data"))
        if opened is not None and opened.call is not None:
            kept.setdefault(opened.call, {}).update(opened.opaque)
            return []
        if opened is not None and opened.text is not None:
            text = opened.text
        opaque = None if opened is None else opened.opaque
        return [ThinkingPart(text=text, opaque=opaque or None)] if text or opaque else []


def _call(block: object, path: str) -> ToolCall:
    fields = Fields(block, path, {"type", "id", "name", "input", "caller", "cache_control", "toolset_name"})
    refuse_uncarried(fields, ("toolset_name",))
    cache_of(fields)  # Checked, and left out: a call has no place for it, and it changes no answer.
    caller = fields.fields("caller", None)
    if caller is not None and caller.any("type") != "direct":
        raise uncarried(fields.at("caller"), "Only calls that the model itself made can be carried")
    given = need_object(fields, "input")
    malformed = given.get(_MALFORMED) if len(given) == 1 else None
    arguments = {"raw_arguments": malformed} if isinstance(malformed, str) else {"arguments": given}
    return build(ToolCall, path, id=fields.need_text("id"), name=fields.need_text("name"), **arguments)


def _marked(content: Content, cache: CacheFor | None) -> Content:
    """Return a result's content with the mark of its block, which our messages have on a part."""
    if cache is None or not content:
        return content
    parts = (TextPart(text=content),) if isinstance(content, str) else content
    if isinstance(parts[-1], ThinkingPart | AudioPart):
        return content
    return (*parts[:-1], parts[-1].model_copy(update={"cache": cache}))


def marked(message: Message, cache: CacheFor) -> Message:
    """Return a message with a cache mark at its end, where it has a part that can have one."""
    return message.model_copy(update={"content": _marked(message.content, cache)})
