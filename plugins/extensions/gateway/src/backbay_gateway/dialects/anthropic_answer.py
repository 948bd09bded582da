"""Whole answers of the messages dialect, and the pieces that streams of it have in common with them.

Source: Anthropic's API reference, Create a Message (read 2026-11-21), and the types of its own client, version 2.12.

What the wire has no word for: token counts that nobody knows are 0, since it wants numbers; an answer that ended for a
reason unknown to it is ``end_turn``, and a cancelled one ``pause_turn``, which says that it may be continued. Of
``Response.details`` only the stop sequence is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backbay.messages import TextPart, ThinkingPart, ToolCall
from backbay.response import Finish, JSONObject, Response, Usage
from backbay.wires.anthropic_reading import FINISHES

from .base import Ask
from .envelopes import Envelopes
from .pieces import made_id

_REASONS = {
    Finish.STOP: "end_turn",
    Finish.TOOL_CALLS: "tool_use",
    Finish.LENGTH: "max_tokens",
    Finish.CONTENT_FILTER: "refusal",
    Finish.CANCELLED: "pause_turn",
}
_OTHERS = ("pause_turn",)
"""Reasons that are the vendor's own, and that core calls ``OTHER``."""


def answer_of(response: Response, ask: Ask, envelopes: Envelopes) -> JSONObject:
    """Return a whole answer as a message."""
    shown = shows_thinking(ask)
    content = [block for part in response.parts for block in _blocks(part, envelopes, shown=shown)]
    ended = stop_of(response.finish, response.raw_finish, response.refusal, response.details)
    start = message_of(response.model or ask.model, response.id)
    return {**start, "content": content, **ended, "usage": usage_of(response.usage)}


def shows_thinking(ask: Ask) -> bool:
    """Whether the client wants to see what the model thinks: unless it says ``"display": "omitted"``."""
    thinking = ask.raw.get("thinking")
    return not isinstance(thinking, Mapping) or thinking.get("display") != "omitted"


def message_of(model: str, answer_id: str | None) -> dict[str, Any]:
    """Return a message that has not begun."""
    return {
        "id": answer_id or made_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def stop_of(
    finish: Finish | None, raw_finish: str | None, refusal: str | None, details: JSONObject | None
) -> dict[str, Any]:
    """Return why an answer ended, as the fields of a message; the vendor's own word where that is one of this wire."""
    sequence = (details or {}).get("stop_sequence")
    known = finish is not None and raw_finish is not None and FINISHES.get(raw_finish) is finish
    if known or (finish is Finish.OTHER and raw_finish in _OTHERS):
        reason = raw_finish
    elif finish is Finish.STOP and isinstance(sequence, str):
        reason = "stop_sequence"
    else:
        reason = _REASONS.get(finish or Finish.OTHER, "end_turn")
    found: dict[str, Any] = {
        "stop_reason": reason,
        "stop_sequence": sequence if isinstance(sequence, str) else None,
    }
    if refusal is not None:
        found["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal}
    return found


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Return token counts as the wire has them: ``input_tokens`` are those that no cache has a part in."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    fresh = (usage.input or 0) - (usage.cached or 0) - (usage.cache_written or 0)
    counts: dict[str, Any] = {
        "input_tokens": max(0, fresh),
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output or 0,
    }
    if usage.reasoning is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def kept_block(sealed: str) -> dict[str, Any]:
    """Return the block that carries an envelope where there is no thinking to sign."""
    return {"type": "redacted_thinking", "data": sealed}


def _blocks(part: TextPart | ThinkingPart | ToolCall, envelopes: Envelopes, *, shown: bool) -> Iterator[dict[str, Any]]:
    if isinstance(part, TextPart):
        yield {"type": "text", "text": part.text}
    elif isinstance(part, ToolCall):
        if part.opaque:
            yield kept_block(envelopes.seal(part.opaque, call=part.id))
        malformed = part.arguments is None
        given = {"INVALID_JSON": part.raw_arguments} if malformed else part.arguments
        yield {"type": "tool_use", "id": part.id, "name": part.name, "input": given}
    elif not part.text:
        yield kept_block(envelopes.seal(part.opaque or {}))
    elif shown:
        signature = envelopes.seal(part.opaque) if part.opaque else ""
        yield {"type": "thinking", "thinking": part.text, "signature": signature}
    else:
        signature = envelopes.seal(part.opaque or {}, text=part.text)
        yield {"type": "thinking", "thinking": "", "signature": signature}
