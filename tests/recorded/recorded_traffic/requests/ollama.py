"""Requests of Ollama's own chat wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import JSON, Call, Reader

_OPTIONS = {"temperature": "temperature", "top_p": "top_p", "num_predict": "max_tokens", "seed": "seed", "stop": "stop"}
_WRITTEN = ("model", "messages", "stream", "tools", "think", "format", "options")


def read(body: JSON, backend: str) -> Call | None:
    """Return the call."""
    given = body.get("options") or {}
    options: dict[str, Any] = {ours: given[name] for name, ours in _OPTIONS.items() if name in given}
    options["model"] = body.get("model")
    extra = {name: value for name, value in body.items() if name not in _WRITTEN}
    rest = {name: value for name, value in given.items() if name not in _OPTIONS}
    if rest:
        extra["options"] = rest
    if body.get("tools"):
        options["tools"] = body["tools"]
    if isinstance(body.get("think"), bool):
        options["reasoning"] = body["think"]
    elif "think" in body:
        extra["think"] = body["think"]
    form = body.get("format")
    if form:
        options["response_format"] = {"type": "json_object"} if form == "json" else form
    # A request that does not say is streamed.
    return Call(_messages(body), options | ({"extra": extra} if extra else {}), body.get("stream", True))


def _messages(body: JSON) -> list[Any]:
    """Return messages. Calls have no ids in older requests; each gets one that is its own."""
    found = []
    for index, message in enumerate(body["messages"]):
        content: Any = message.get("content") or ""
        if message.get("thinking"):
            content = [{"type": "thinking", "text": message["thinking"]}, {"type": "text", "text": content}]
        turn: dict[str, Any] = {"role": message["role"], "content": content}
        if message.get("images"):
            turn["images"] = message["images"]
        if message.get("tool_calls"):
            turn["tool_calls"] = [
                {"id": call.get("id") or f"made-{index}-{number}", **call["function"]}
                for number, call in enumerate(message["tool_calls"])
            ]
        if message["role"] == "tool":
            turn |= {"name": message.get("tool_name"), "tool_call_id": message.get("tool_call_id")}
        found.append(turn)
    return found


def plain(body: JSON) -> JSON:
    """Return a body with one spelling of what several spellings mean."""
    found = {name: value for name, value in body.items() if value not in ({}, [], None)}
    found["stream"] = body.get("stream", True)
    found["messages"] = [_plain_message(message) for message in body["messages"]]
    return found


def _plain_message(message: JSON) -> JSON:
    found = {name: value for name, value in message.items() if value not in (None, [], "")}
    if "tool_calls" in found:
        found["tool_calls"] = [_plain_call(call) for call in found["tool_calls"]]
    return found


def _plain_call(call: JSON) -> JSON:
    """Return a call without its number, and without an id that was made up here."""
    function = {name: value for name, value in call["function"].items() if name != "index"}
    vendor_id = call.get("id", "")
    known: Mapping[str, Any] = {} if not vendor_id or vendor_id.startswith("made-") else {"id": vendor_id}
    return {**known, "type": "function", "function": function}


READER = Reader(read, plain)
