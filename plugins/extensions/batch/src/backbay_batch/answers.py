"""What a backend answered, as the body that OpenAI's API would have sent. Pure functions.

Source: OpenAI's reference, the chat completion object and the embedding object (read 2026-11-21).
"""

from __future__ import annotations

import time
from typing import Any

from backbay import Embeddings, Finish, Response, ToolCall, Usage

_FINISHES = {
    Finish.STOP: "stop",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.LENGTH: "length",
    Finish.CONTENT_FILTER: "content_filter",
    Finish.CANCELLED: "length",
    Finish.OTHER: "stop",
}


def chat_body(response: Response, model: str | None) -> dict[str, Any]:
    """Return an answer as a chat completion: the vendor's own body, where that is one.

    Args:
        response: The answer.
        model: The model that was asked, for an answer that names none.
    """
    if response.raw is not None and isinstance(response.raw.get("choices"), list):
        return dict(response.raw)
    calls = response.tool_calls
    silent = not response.text and (calls or response.refusal)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if silent else response.text,
        "refusal": response.refusal,
    }
    if response.thinking:
        message["reasoning_content"] = response.thinking
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    finish = _FINISHES.get(response.finish, "length") if response.finish is not None else "length"
    if calls and finish == "stop":
        finish = "tool_calls"
    body: dict[str, Any] = {
        "id": response.id or "",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": response.model or model or "",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
    }
    usage = _usage(response.usage)
    return body | ({"usage": usage} if usage else {})


def embeddings_body(embeddings: Embeddings, model: str | None) -> dict[str, Any]:
    """Return vectors in the order of the inputs; arguments as in ``chat_body``."""
    data = [
        {"object": "embedding", "index": index, "embedding": list(vector)}
        for index, vector in enumerate(embeddings.vectors)
    ]
    body: dict[str, Any] = {"object": "list", "data": data, "model": embeddings.model or model or ""}
    usage = embeddings.usage
    if usage is not None and usage.input is not None:
        body["usage"] = {"prompt_tokens": usage.input, "total_tokens": usage.input}
    return body


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.raw_arguments or "{}"},
    }


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    """Return token counts in OpenAI's form; ``None`` unless both are known, since the form has no unknown ones."""
    if usage is None or usage.input is None or usage.output is None:
        return None
    written: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    if usage.cached is not None:
        written["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written
