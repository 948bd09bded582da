"""What a vendor wants back unchanged (signatures, encrypted reasoning), through clients of the chat-completions wire.

OpenAI's wire has no place for it. Thinking has it in ``reasoning_details``, a list of objects that OpenRouter began and
clients send back as it is; tool calls in ``extra_content``, as Google's OpenAI-compatible endpoint has its signatures.
Both hold an envelope. Sources: OpenRouter's guide to reasoning tokens, Google's guide to thought signatures (both as
core's ``wires.chat_thoughts`` cites them).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay.messages import ThinkingPart

from .envelopes import ENVELOPES
from .openai_fields import Fields

FORMAT = "backbay-v1"
"""What tells our entries of ``reasoning_details`` from those of other servers, which say theirs in the same field."""

NAME = "backbay"


def detail_of(text: str, opaque: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return a run of thinking, with what must go back, as an entry of ``reasoning_details``.

    Args:
        text: The thinking; ``""`` if there is only what must go back.
        opaque: That, by backend name.
        index: The entry's place in the answer.
    """
    sealed = ENVELOPES.seal(opaque)
    return {"type": "reasoning.text", "text": text, "signature": sealed, "format": FORMAT, "index": index}


def extra_of(opaque: Mapping[str, Any], call_id: str) -> dict[str, Any]:
    """Return what must go back with a tool call as its ``extra_content``."""
    return {NAME: ENVELOPES.seal(opaque, call=call_id)}


def thoughts_of(fields: Fields) -> list[ThinkingPart]:
    """Return an assistant's thinking, with what must go back where the client kept it.

    Entries of other servers, and those that are not sealed by this gateway, are left out; their text stays where
    ``reasoning_content`` has it.
    """
    words = fields.text("reasoning_content") or fields.text("reasoning") or ""
    listed = [each for each in fields.listed("reasoning_details") or () if isinstance(each, Mapping)]
    return _joined(words, [each for each in map(_thought, listed) if each is not None])


def call_opaque(fields: Fields, call_id: str) -> dict[str, Any] | None:
    """Return what must go back with a tool call; ``None`` if there is nothing of ours for this one."""
    opened = ENVELOPES.open((fields.mapping("extra_content") or {}).get(NAME))
    return opened.opaque if opened is not None and opened.call == call_id else None


def _thought(entry: Mapping[str, Any]) -> ThinkingPart | None:
    opened = ENVELOPES.open(entry.get("signature")) if entry.get("format") == FORMAT else None
    text = entry.get("text")
    if opened is None or opened.call is not None:
        return None
    return ThinkingPart(text=text if isinstance(text, str) else "", opaque=opened.opaque)


def _joined(words: str, signed: list[ThinkingPart]) -> list[ThinkingPart]:
    """Return all thinking in order: ``words`` has all of it, ``signed`` the runs that something goes back with."""
    parts: list[ThinkingPart] = []
    for run in signed:
        before, found, after = words.partition(run.text) if run.text else ("", "", words)
        if run.text and found:
            words = after
            if before:
                parts.append(ThinkingPart(text=before))
        parts.append(run)
    return [*parts, ThinkingPart(text=words)] if words else parts
