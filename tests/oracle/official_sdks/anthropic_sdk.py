"""Reads exchanges of Anthropic's messages with Anthropic's SDK, whoever serves them."""

from __future__ import annotations

from typing import Any

import anthropic
from recorded_traffic.corpus import Exchange

from .facts import Facts, sdk_error, total

NAME = "anthropic"
MESSAGES: Any = [{"role": "user", "content": "Say pong."}]


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    if exchange.vendor == "bedrock":
        # The other models that are invoked so, and Claude's former completions, have bodies of their own.
        return exchange.api == "invoke" and "anthropic_version" in (exchange.request["json"] or {})
    return exchange.api == "messages" or (exchange.vendor, exchange.api) in {
        ("anthropic", "models"),
        ("anthropic", "count_tokens"),
    }


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    client: Any
    if exchange.vendor == "bedrock":
        client = anthropic.AnthropicBedrock(
            aws_access_key="recorded", aws_secret_key="recorded", aws_region="us-east-1", base_url=root, max_retries=0
        )
    else:
        client = anthropic.Anthropic(api_key="recorded-key", base_url=root, max_retries=0)
    with client:
        if exchange.api == "models":
            return {"models": [model.id for model in client.models.list().data]}
        if exchange.api == "count_tokens":
            return {"count": client.messages.count_tokens(model="recorded", messages=MESSAGES).input_tokens}
        if not exchange.streamed:
            return message(client.messages.create(model="recorded", max_tokens=64, messages=MESSAGES))
        with client.messages.stream(model="recorded", max_tokens=64, messages=MESSAGES) as stream:
            return message(stream.get_final_message())


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    if not isinstance(raised, anthropic.APIError) or isinstance(raised, anthropic.APIConnectionError):
        return None
    body = raised.body if isinstance(raised.body, dict) else {}
    inner = body.get("error")
    code = inner.get("type") if isinstance(inner, dict) else None
    return sdk_error(raised, getattr(raised, "status_code", None), code)


def message(found: Any) -> Facts:
    """Return the facts of a message. Anthropic counts cached tokens beside the input ones; here they are in it."""
    usage = found.usage
    thoughts = [block for block in found.content if block.type == "thinking"]
    calls = [block for block in found.content if block.type == "tool_use"]
    return {
        "text": "".join(block.text for block in found.content if block.type == "text"),
        "thinking": "".join(block.thinking for block in thoughts) or None,
        "tool_calls": [(call.name, call.input) for call in calls],
        "tool_call_ids": [call.id for call in calls],
        "finish": found.stop_reason,
        "model": found.model,
        "id": found.id,
        "signatures": [block.signature for block in thoughts if block.signature]
        + [block.data for block in found.content if block.type == "redacted_thinking"],
        "input": total(usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens),
        "output": usage.output_tokens,
        "cached": usage.cache_read_input_tokens,
        "cache_written": usage.cache_creation_input_tokens,
    }
