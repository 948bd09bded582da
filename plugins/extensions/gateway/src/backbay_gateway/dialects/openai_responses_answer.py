"""Whole answers of the responses dialect, and the pieces that streams of it have in common with them.

Source: OpenAI's API reference, The response object (read 2026-11-21), and the types of its own client, version 3.52.

What the wire has no word for: an answer that was cancelled, or ended for a reason unknown to it, is ``incomplete``
without a reason; counts that nobody knows beside known ones are 0; a call without arguments has ``{}``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from backbay.messages import TextPart, ThinkingPart, ToolCall
from backbay.response import Finish, JSONObject, Response, Usage

from .base import Ask
from .envelopes import Envelopes
from .pieces import made_id

Item = dict[str, Any]

_ECHOED: JSONObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "user": None,
}
"""What an answer repeats of its request, with what it says where the request says nothing."""

_INCOMPLETE = {Finish.LENGTH: "max_output_tokens", Finish.CONTENT_FILTER: "content_filter"}


def answer_of(response: Response, ask: Ask, envelopes: Envelopes) -> JSONObject:
    """Return a whole answer as a response object."""
    output = [item for part in response.parts for item in _items(part, envelopes)]
    if response.refusal is not None:
        output.append(message_item(made_id("msg_"), refusal_part(response.refusal)))
    ended = ending_of(response.finish, response.refusal)
    if ended["status"] == "incomplete" and output and output[-1]["type"] != "reasoning":
        output[-1]["status"] = "incomplete"
    return finished(started(ask, response.model, response.id), output, ended, response.usage)


def started(ask: Ask, model: str | None, answer_id: str | None) -> dict[str, Any]:
    """Return a response object that has begun."""
    raw = ask.raw
    reasoning = raw.get("reasoning")
    asked = reasoning if isinstance(reasoning, dict) else {}
    echoed = {name: usual if raw.get(name) is None else raw[name] for name, usual in _ECHOED.items()}
    return {
        "id": answer_id or made_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": model or ask.model,
        "output": [],
        "previous_response_id": None,
        "reasoning": {"effort": asked.get("effort"), "summary": asked.get("summary")},
        "service_tier": "default",
        "store": False,
        "top_logprobs": 0,
        "truncation": "disabled",
        "usage": None,
        **echoed,
    }


def finished(begun: JSONObject, output: list[Item], ended: JSONObject, usage: Usage | None) -> dict[str, Any]:
    """Return a response object that is whole."""
    at = int(time.time()) if ended.get("status") == "completed" else None
    return {**begun, **ended, "completed_at": at, "output": output, "usage": usage_of(usage)}


def ending_of(finish: Finish | None, refusal: str | None) -> dict[str, Any]:
    """Return how an answer ended, as ``status`` and ``incomplete_details``."""
    if finish in (Finish.STOP, Finish.TOOL_CALLS) or (finish is Finish.CONTENT_FILTER and refusal is not None):
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": _INCOMPLETE.get(finish or Finish.OTHER)}}


def usage_of(usage: Usage | None) -> dict[str, Any] | None:
    """Return token counts as the wire has them; ``None`` if there are none."""
    if usage is None:
        return None
    given, made = usage.input or 0, usage.output or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": usage.cache_written or 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": given + made,
    }


def text_part(text: str) -> Item:
    """Return a part of text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(refusal: str) -> Item:
    """Return a part in which the model refuses."""
    return {"type": "refusal", "refusal": refusal}


def message_item(item_id: str, *parts: Item, status: str = "completed") -> Item:
    """Return a message."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": list(parts)}


def reasoning_item(item_id: str, text: str, sealed: str | None) -> Item:
    """Return what the model thought, with the envelope of what must go back."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": sealed}


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Item:
    """Return a call of a function."""
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def _items(part: TextPart | ThinkingPart | ToolCall, envelopes: Envelopes) -> Iterator[Item]:
    if isinstance(part, TextPart):
        yield message_item(made_id("msg_"), text_part(part.text))
    elif isinstance(part, ThinkingPart):
        yield reasoning_item(made_id("rs_"), part.text, envelopes.seal(part.opaque) if part.opaque else None)
    else:
        if part.opaque:
            yield reasoning_item(made_id("rs_"), "", envelopes.seal(part.opaque, call=part.id))
        yield call_item(made_id("fc_"), part.id, part.name, part.raw_arguments or "{}")
