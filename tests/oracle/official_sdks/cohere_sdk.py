"""Reads Cohere's exchanges with Cohere's SDK."""

from __future__ import annotations

from typing import Any

import cohere
from cohere.core.api_error import ApiError
from recorded_traffic.corpus import Exchange

from .facts import Facts, arguments, rounded, sdk_error

NAME = "cohere"
MESSAGES: Any = [{"role": "user", "content": "Say pong."}]
APIS = frozenset("chat_v2 embed rerank count_tokens models model_get".split())


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    return exchange.vendor == "cohere" and exchange.api in APIS


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    with cohere.ClientV2(api_key="recorded-key", base_url=root) as client:
        return asked(client, exchange)


def asked(client: Any, exchange: Exchange) -> Facts:
    """Make the call that the exchange answers."""
    once: Any = {"max_retries": 0}
    match exchange.api:
        case "embed":
            options: Any = {"input_type": "search_query", "embedding_types": ["float"]}
            return vectors(client.embed(model="recorded", texts=["text"], request_options=once, **options))
        case "rerank":
            found = client.rerank(model="recorded", query="query", documents=["text"] * 9, request_options=once)
            return {"ranking": [(item.index, item.relevance_score) for item in found.results]}
        case "count_tokens":
            tokens = client.tokenize(model="recorded", text="Say pong.", offline=False, request_options=once).tokens
            return {"count": len(tokens)}
        case "models":
            return {"models": [model.name for model in client.models.list(request_options=once).models]}
        case "model_get":
            return {"models": [client.models.get("recorded", request_options=once).name]}
    if exchange.streamed:
        return streamed(client.chat_stream(model="recorded", messages=MESSAGES, request_options=once))
    return answer(client.chat(model="recorded", messages=MESSAGES, request_options=once))


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    return sdk_error(raised, raised.status_code) if isinstance(raised, ApiError) else None


def answer(found: Any) -> Facts:
    """Return the facts of a whole answer."""
    content = found.message.content or []
    calls = found.message.tool_calls or []
    return {
        "text": "".join(part.text for part in content if part.type == "text"),
        "thinking": "".join(part.thinking for part in content if part.type == "thinking") or None,
        "tool_calls": [(call.function.name, arguments(call.function.arguments or "")) for call in calls],
        "tool_call_ids": [call.id for call in calls],
        "finish": found.finish_reason,
        "id": found.id,
        **counts(found.usage),
    }


def counts(usage: Any) -> Facts:
    """Return the token counts."""
    tokens = usage and usage.tokens
    return {
        "input": tokens and tokens.input_tokens and int(tokens.input_tokens),
        "output": tokens and tokens.output_tokens and int(tokens.output_tokens),
        "cached": usage and usage.cached_tokens and int(usage.cached_tokens),
    }


def streamed(stream: Any) -> Facts:
    """Return the facts of a stream, of which the SDK gives the single events."""
    text, thinking, facts = "", "", {"finish": None, "id": None, **counts(None)}
    calls: list[list[Any]] = []
    for event in stream:
        match event.type:
            case "message-start":
                facts["id"] = event.id
            case "content-start" | "content-delta":
                said = event.delta.message.content
                text += getattr(said, "text", None) or ""
                thinking += getattr(said, "thinking", None) or ""
            case "tool-call-start":
                call = event.delta.message.tool_calls
                calls.append([call.id, call.function.name, call.function.arguments or ""])
            case "tool-call-delta":
                calls[-1][2] += event.delta.message.tool_calls.function.arguments
            case "message-end":
                facts |= {"finish": event.delta.finish_reason, **counts(event.delta.usage)}
    return {
        "text": text,
        "thinking": thinking or None,
        "tool_calls": [(name, arguments(given)) for _, name, given in calls],
        "tool_call_ids": [name for name, _, _ in calls],
        **facts,
    }


def vectors(found: Any) -> Facts:
    """Return the facts of embeddings."""
    return {"vectors": rounded(found.embeddings.float_ or found.embeddings.int8 or [])}
