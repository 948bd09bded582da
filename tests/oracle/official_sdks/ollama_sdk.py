"""Reads the exchanges of Ollama's own API with Ollama's SDK."""

from __future__ import annotations

from typing import Any

import ollama
from recorded_traffic.corpus import Exchange

from .facts import Facts, rounded, sdk_error

NAME = "ollama"
APIS = frozenset("api_chat embed tags".split())


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    return exchange.vendor == "ollama" and exchange.api in APIS


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    client = ollama.Client(host=root)
    try:
        return asked(client, exchange)
    finally:
        client.close()


def asked(client: ollama.Client, exchange: Exchange) -> Facts:
    """Make the call that the exchange answers."""
    if exchange.api == "tags":
        return {"models": [model.model for model in client.list().models]}
    if exchange.api == "embed":
        found = client.embed(model="recorded", input=["text"])
        return {"vectors": rounded(found.embeddings), "model": found.model, "input": found.prompt_eval_count}
    messages = [{"role": "user", "content": "Say pong."}]
    if exchange.streamed:
        return answer(list(client.chat(model="recorded", messages=messages, stream=True)))
    return answer([client.chat(model="recorded", messages=messages)])


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    return sdk_error(raised, raised.status_code) if isinstance(raised, ollama.ResponseError) else None


def answer(found: list[Any]) -> Facts:
    """Return the facts of an answer in one or more pieces; the SDK gives calls no ids."""
    calls = [call for piece in found for call in piece.message.tool_calls or ()]
    last = found[-1]
    return {
        "text": "".join(piece.message.content or "" for piece in found),
        "thinking": "".join(piece.message.thinking or "" for piece in found) or None,
        "tool_calls": [(call.function.name, dict(call.function.arguments)) for call in calls],
        "tool_call_ids": [getattr(call, "id", None) for call in calls],
        "finish": last.done_reason,
        "model": found[0].model,
        "input": last.prompt_eval_count,
        "output": last.eval_count,
    }
