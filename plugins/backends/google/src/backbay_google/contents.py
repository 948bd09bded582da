"""Conversations as ``systemInstruction`` and ``contents``. Source: the reference of Content, and recorded requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.messages import Message, TextPart, ThinkingPart, ToolCall

from . import opaque
from .parts import write_part

UNSIGNED = "skip_thought_signature_validator"
"""What stands for a signature on a call that another model made. Source: ai.google.dev, Thought signatures, FAQ."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How conversations are written.

    Attributes:
        backend: The backend's name; only what is kept under it goes back.
        files: As in ``write_part``.
        inside: Whether media of a tool's result stand inside of it, or beside it.
        mark_unsigned: Whether the first call of a turn that no Gemini model signed is marked with ``UNSIGNED``.
    """

    backend: str
    files: str | None
    inside: bool
    mark_unsigned: bool = False


def write(messages: Sequence[Message], how: Writing) -> dict[str, Any]:
    """Return the fields of a request that hold ``messages``.

    Raises:
        InvalidRequestError: A message has no place on this wire; names its index.
        UnsupportedError: The wire has no place for something in a message.
    """
    leading = next((index for index, each in enumerate(messages) if each.role != "system"), len(messages))
    contents: list[dict[str, Any]] = []
    asked: dict[str, ToolCall] = {}
    for index, message in enumerate(messages[leading:], leading):
        if message.name is not None and message.role != "tool":
            raise UnsupportedError(
                f"messages[{index}]: this wire has no place for a speaker's name.", hint="Say it in the text."
            )
        if message.role == "system":
            raise InvalidRequestError(f"messages[{index}]: on this wire system messages stand before all others.")
        if message.role == "tool":
            if index == leading or messages[index - 1].role != "tool":
                contents.append({"role": "user", "parts": []})
            contents[-1]["parts"] += _result(message, index, asked, how)
        elif message.role == "assistant":
            asked.update((call.id, call) for call in message.tool_calls or ())
            contents.append({"role": "model", "parts": _said(message, index, how) or [{"text": ""}]})
        else:
            parts = [write_part(part, index, files=how.files) for part in message.parts()]
            contents.append({"role": "user", "parts": parts or [{"text": ""}]})
    if not contents:
        raise InvalidRequestError("This wire wants a message besides those of the system.")
    if not leading:
        return {"contents": contents}
    return {"systemInstruction": {"parts": _system(messages[:leading])}, "contents": contents}


def _system(messages: Sequence[Message]) -> list[dict[str, Any]]:
    for index, message in enumerate(messages):
        if message.name is not None:
            raise UnsupportedError(
                f"messages[{index}]: this wire has no place for a speaker's name.", hint="Say it in the text."
            )
    return [{"text": message.text} for message in messages]


def _said(message: Message, index: int, how: Writing) -> list[dict[str, Any]]:
    """Return an assistant's turn: what it said, thought and had done by the vendor, and then its calls."""
    calls = [_call(call, index, how) for call in message.tool_calls or ()]
    if how.mark_unsigned and calls and not any(opaque.SIGNATURE in call for call in calls):
        calls[0][opaque.SIGNATURE] = UNSIGNED
    parts: list[dict[str, Any]] = []
    written = 0
    for part in message.parts():
        if not isinstance(part, ThinkingPart):
            parts.append(write_part(part, index, files=how.files))
            continue
        kept = opaque.of(part.opaque, how.backend)
        before = kept.get(opaque.CALLS, 0)
        if isinstance(before, int) and before > written:
            parts += calls[written:before]
            written = min(before, len(calls))
        _resend(part, kept, parts)
    return parts + calls[written:]


def _resend(part: ThinkingPart, kept: Mapping[str, Any], parts: list[dict[str, Any]]) -> None:
    """Add what the vendor wants back; thinking that nobody signed is of no use to it, and left out."""
    if isinstance(kept.get(opaque.PART), dict):
        parts.append(kept[opaque.PART])
        return
    signature, chars = kept.get(opaque.SIGNATURE), kept.get(opaque.CHARS, 0)
    if signature is None:
        return
    if part.text:
        parts += _signed(part.text, chars, signature, {"thought": True})
    elif not chars or not parts or set(parts[-1]) != {"text"} or len(parts[-1]["text"]) < chars:
        # An empty part of its own, or the text that it was of has been edited away.
        parts.append({"text": "", opaque.SIGNATURE: signature})
    else:
        parts += _signed(parts.pop()["text"], chars, signature, {})


def _signed(text: str, chars: int, signature: str, more: Mapping[str, Any]) -> list[dict[str, Any]]:
    head, tail = (text[:-chars], text[-chars:]) if chars else (text, "")
    before = [{"text": head, **more}] if head else []
    return [*before, {"text": tail, **more, opaque.SIGNATURE: signature}]


def _call(call: ToolCall, index: int, how: Writing) -> dict[str, Any]:
    if call.arguments is None:
        raise InvalidRequestError(
            f"messages[{index}]: the arguments of the call {call.id!r} are no JSON object, and this wire has no other.",
            hint="Leave the call and its result out, or mend its arguments.",
        )
    kept = opaque.of(call.opaque, how.backend)
    written = {"name": call.name, "args": call.arguments, **_id(call, how)}
    signature = kept.get(opaque.SIGNATURE)
    return {"functionCall": written, **({} if signature is None else {opaque.SIGNATURE: signature})}


def _id(call: ToolCall, how: Writing) -> dict[str, str]:
    made = opaque.of(call.opaque, how.backend).get(opaque.ID, "") is None
    return {} if made else {"id": call.id}


def _result(message: Message, index: int, asked: Mapping[str, ToolCall], how: Writing) -> list[dict[str, Any]]:
    """Return a tool's turn: its result, and media that stand beside it."""
    call = asked.get(message.tool_call_id or "")
    name = call.name if call is not None else message.name
    if name is None:
        raise InvalidRequestError(
            f"messages[{index}]: which tool answered? No call before it has the id {message.tool_call_id!r}.",
            hint="Give name=, the tool's name.",
        )
    media = [write_part(part, index, files=how.files) for part in message.parts() if not isinstance(part, TextPart)]
    result: dict[str, Any] = {"name": name, "response": _response(message)}
    if call is not None:
        result |= _id(call, how)
    elif message.tool_call_id:
        result["id"] = message.tool_call_id
    if media and how.inside:
        result["parts"] = media
    return [{"functionResponse": result}, *([] if how.inside else media)]


def _response(message: Message) -> object:
    """Return a tool's words as the object that the wire wants: their own if they are one, else under its usual name."""
    try:
        value = json.loads(message.text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return {"error" if message.is_error else "output": message.text}
    return {"error": value} if message.is_error else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
