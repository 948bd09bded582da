"""Requests of Mistral's chat wire: those of chat completions, with its own words for some things."""

from __future__ import annotations

from typing import Any

from . import JSON, Call, Reader, chat


def read(body: JSON, backend: str) -> Call | None:
    """Return the call; ``None`` for several answers at once, and for what is no chat."""
    if "messages" not in body:
        return None
    renamed = {"seed" if name == "random_seed" else name: value for name, value in body.items()}
    if renamed.get("tool_choice") == "any":
        renamed["tool_choice"] = "required"
    return chat.read({**renamed, "messages": [_turn(turn, backend) for turn in body["messages"]]}, backend)


def _turn(turn: JSON, backend: str) -> JSON:
    """Return a turn as we take it. A prefix is sent with an assistant's turn that is the last, without being asked."""
    found = {name: value for name, value in turn.items() if name != "prefix"}
    if isinstance(turn.get("content"), list):
        found["content"] = [_part(part, backend) for part in turn["content"]]
    return found


def _part(part: JSON, backend: str) -> JSON:
    match part["type"]:
        case "thinking":
            words = "".join(piece.get("text", "") for piece in part["thinking"])
            return {"type": "thinking", "text": words, "opaque": {backend: {"chunk": dict(part)}}}
        case "document_url":
            return {"type": "file", "url": part["document_url"], "filename": part.get("document_name")}
        case "file" if "file_id" in part:
            return {"type": "file", "file_id": part["file_id"]}
    return part


def plain(body: JSON) -> JSON:
    """Return a body with one spelling of what several spellings mean."""
    found = dict(chat.plain(body))
    ids: dict[str, str] = {}
    found["messages"] = [_plain_turn(turn, ids) for turn in found["messages"]]
    return found


def _plain_turn(turn: JSON, ids: dict[str, str]) -> dict[str, Any]:
    """Return a turn with its ids numbered, since Mistral's recorders wrote others over them."""
    found = {name: value for name, value in turn.items() if not (name == "prefix" and value is False)}
    if "tool_calls" in found:
        found["tool_calls"] = [{**call, "id": _number(call["id"], ids)} for call in found["tool_calls"]]
    if "tool_call_id" in found:
        found["tool_call_id"] = _number(found["tool_call_id"], ids)
    return found


def _number(given: str, ids: dict[str, str]) -> str:
    return ids.setdefault(given, str(len(ids)))


READER = Reader(read, plain)
