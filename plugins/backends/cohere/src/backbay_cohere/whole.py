"""A whole answer as the events that would have streamed it, so that one reader reads both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def events_of(raw: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of a whole answer. What is no answer is yielded as it is: it may be an error."""
    message = raw.get("message")
    if not isinstance(message, dict) or "finish_reason" not in raw:
        yield {name: value for name, value in raw.items() if name != "type"}
        return
    yield {"type": "message-start", "id": raw.get("id")}
    content = message.get("content")
    # The reference lets content be a text; recorded is a list of parts.
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else _listed(content)
    for index, part in enumerate(parts):
        yield {"type": "content-start", "index": index, "delta": {"message": {"content": part}}}
    yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": message.get("tool_plan")}}}
    for index, call in enumerate(_listed(message.get("tool_calls"))):
        yield {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": call}}}
    yield {"type": "citation-start", "delta": {"message": {"citations": message.get("citations")}}}
    logprobs = raw.get("logprobs")
    yield {"type": "content-delta", "delta": {}, "logprobs": logprobs}
    end = {name: raw[name] for name in ("finish_reason", "usage", "error", "error_type") if name in raw}
    yield {"type": "message-end", "delta": end}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
