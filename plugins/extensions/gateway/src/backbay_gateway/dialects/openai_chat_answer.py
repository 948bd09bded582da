"""Whole answers as chat completions. Source: OpenAI's reference, The chat completion object (read 2026-11-21)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from backbay.messages import ThinkingPart, ToolCall
from backbay.response import Finish, Response, Usage

from .base import Ask
from .openai_chat_opaque import detail_of, extra_of
from .openai_json import new_id

ID = "chatcmpl-"

_FINISHES = {
    Finish.STOP: "stop",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.LENGTH: "length",
    Finish.CONTENT_FILTER: "content_filter",
    Finish.CANCELLED: "length",
    Finish.OTHER: "stop",
}
"""Finish reasons in OpenAI's words. Clients check them against a closed list; a cancelled answer is one that is not
whole, which ``length`` says, and of any other reason nothing more is known than that the answer has ended."""

_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})


def finish_of(finish: Finish | None, refusal: str | None, *, calls: bool) -> str:
    """Return the finish reason in OpenAI's words.

    Args:
        finish: Ours; ``None`` if the answer was cut.
        refusal: What the vendor said where it refused. OpenAI then says ``stop``, and its libraries hold
            ``content_filter`` for an answer that was cut.
        calls: Whether the answer has tool calls.
    """
    if finish is Finish.CONTENT_FILTER and refusal:
        return "stop"
    if calls and finish in (Finish.STOP, Finish.OTHER):
        return "tool_calls"
    return _FINISHES.get(finish, "length") if finish is not None else "length"


def usage_of(usage: Usage | None) -> dict[str, Any] | None:
    """Return token counts in OpenAI's form; ``None`` unless both are known, since the form has no unknown ones."""
    if usage is None or usage.input is None or usage.output is None:
        return None
    written: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    prompt = {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written}
    known = {name: count for name, count in prompt.items() if count is not None}
    if known:
        written["prompt_tokens_details"] = known
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written


def beside_of(details: Mapping[str, object]) -> dict[str, Any]:
    """Return what stands beside the choices: the vendor's own words for how the answer was made."""
    found: dict[str, Any] = {}
    if isinstance(details.get("system_fingerprint"), str):
        found["system_fingerprint"] = details["system_fingerprint"]
    if details.get("service_tier") in _TIERS:
        found["service_tier"] = details["service_tier"]
    if isinstance(details.get("moderation"), Mapping):
        found["moderation"] = details["moderation"]
    return found


def logprobs_of(details: Mapping[str, object]) -> dict[str, Any] | None:
    """Return log probabilities, if they are in OpenAI's form; ``None`` if there are none."""
    found = details.get("logprobs")
    if not isinstance(found, Mapping) or not isinstance(found.get("content") or found.get("refusal"), list):
        return None
    return {"content": found.get("content"), "refusal": found.get("refusal")}


def said_beside(details: Mapping[str, object]) -> dict[str, Any]:
    """Return what a message has besides text, thinking and calls: citations of URLs, and sound."""
    found: dict[str, Any] = {}
    citations = details.get("citations")
    if isinstance(citations, list):
        urls = [each for each in citations if isinstance(each, Mapping) and each.get("type") == "url_citation"]
        if urls:
            found["annotations"] = urls
    audio = details.get("audio")
    if isinstance(audio, Mapping) and isinstance(audio.get("data"), str):
        found["audio"] = audio
    return found


def write_chat(response: Response, ask: Ask) -> dict[str, Any]:
    """Return an answer as a chat completion.

    Its id and its model are the backend's, where it has told them.
    """
    choice = {
        "index": 0,
        "message": _message(response),
        "logprobs": logprobs_of(response.details),
        "finish_reason": finish_of(response.finish, response.refusal, calls=bool(response.tool_calls)),
    }
    answer: dict[str, Any] = {
        "id": response.id or new_id(ID),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": response.model or ask.model,
        "choices": [choice],
    }
    usage = usage_of(response.usage)
    return answer | ({"usage": usage} if usage else {}) | beside_of(response.details)


def _message(response: Response) -> dict[str, Any]:
    nothing = not response.text and (response.tool_calls or response.refusal)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if nothing else response.text,
        "refusal": response.refusal,
    }
    if response.thinking:
        message["reasoning_content"] = response.thinking
    signed = [part for part in response.parts if isinstance(part, ThinkingPart) and part.opaque]
    if signed:
        message["reasoning_details"] = [
            detail_of(part.text, part.opaque or {}, number) for number, part in enumerate(signed)
        ]
    if response.tool_calls:
        message["tool_calls"] = [call_of(call) for call in response.tool_calls]
    return message | said_beside(response.details)


def call_of(call: ToolCall) -> dict[str, Any]:
    """Return a tool call. Arguments that are no JSON stay as the model wrote them; none are an empty object."""
    function = {"name": call.name, "arguments": call.raw_arguments or "{}"}
    written: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    return written | ({"extra_content": extra_of(call.opaque, call.id)} if call.opaque else {})
