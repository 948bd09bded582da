"""Requests of version 2 of Cohere's chat wire."""

from __future__ import annotations

from typing import Any

from . import JSON, Call, Reader, chat

_OPTIONS = {
    "model": "model",
    "tools": "tools",
    "temperature": "temperature",
    "p": "top_p",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
}
_WRITTEN = ("messages", "stream", "tool_choice", "response_format", "thinking")


def read(body: JSON, backend: str) -> Call | None:
    """Return the call; ``None`` for a tool's result that is a document, which no message of ours is."""
    if any(part.get("type") == "document" for turn in body["messages"] for part in _parts(turn)):
        return None
    options: dict[str, Any] = {ours: body[name] for name, ours in _OPTIONS.items() if body.get(name)}
    options |= {ours: body[name] for name, ours in _OPTIONS.items() if body.get(name) == 0}
    if body.get("tool_choice"):
        options["tool_choice"] = body["tool_choice"].lower()
    form = body.get("response_format")
    if form and form["type"] == "json_object":
        options["response_format"] = form.get("json_schema") or form
    thinking = body.get("thinking")
    if thinking:
        on = thinking["type"] == "enabled"
        options["reasoning"] = thinking.get("token_budget", True) if on else "none"
    extra = {name: value for name, value in body.items() if name not in (*_OPTIONS, *_WRITTEN)}
    messages = [_message(turn, backend) for turn in body["messages"]]
    return Call(messages, options | ({"extra": extra} if extra else {}), body.get("stream") is True)


def _parts(turn: JSON) -> list[Any]:
    content = turn.get("content")
    return content if isinstance(content, list) else []


def _message(turn: JSON, backend: str) -> JSON:
    """Return a turn as we take it; the plan stands with its first call."""
    found = {name: value for name, value in turn.items() if value is not None and name != "tool_plan"}
    if _parts(turn):
        found["content"] = [
            {"type": "thinking", "text": part["thinking"]} if part["type"] == "thinking" else part
            for part in _parts(turn)
        ]
    if turn.get("tool_plan"):
        first, *rest = ({"id": call["id"], **_function(call)} for call in turn["tool_calls"])
        found["tool_calls"] = [{**first, "opaque": {backend: {"tool_plan": turn["tool_plan"]}}}, *rest]
    return found


def _function(call: JSON) -> JSON:
    return {"name": call["function"]["name"], "raw_arguments": call["function"]["arguments"]}


def plain(body: JSON) -> JSON:
    """Return a body with one spelling of what several spellings mean."""
    return {name: value for name, value in chat.plain(body).items() if value != []}


READER = Reader(read, plain)
