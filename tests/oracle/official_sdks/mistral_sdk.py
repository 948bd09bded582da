"""Reads Mistral's exchanges with Mistral's SDK."""

from __future__ import annotations

from typing import Any

from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError
from recorded_traffic.corpus import Exchange

from .facts import Facts, arguments, rounded, sdk_error

NAME = "mistralai"
MESSAGES: Any = [{"role": "user", "content": "Say pong."}]


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    return exchange.vendor == "mistral"


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    with Mistral(api_key="recorded-key", server_url=root) as client:
        if exchange.api == "models":
            return {"models": [model.id for model in client.models.list().data or ()]}
        if exchange.api == "embeddings":
            count = exchange.expected.get("embeddings", {}).get("count", 1)
            return vectors(client.embeddings.create(model="recorded", inputs=["text"] * count))
        if exchange.streamed:
            with client.chat.stream(model="recorded", messages=MESSAGES) as stream:
                return answer([event.data for event in stream])
        return answer([client.chat.complete(model="recorded", messages=MESSAGES)])


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    return sdk_error(raised, raised.status_code) if isinstance(raised, SDKError | HTTPValidationError) else None


def answer(found: list[Any]) -> Facts:
    """Return the facts of an answer in one or more pieces."""
    text, thinking, finish, usage = "", "", None, None
    calls: list[list[Any]] = []
    for piece in found:
        usage = piece.usage if piece.usage is not None else usage
        for choice in piece.choices:
            if choice.index:
                continue
            said = choice.delta if hasattr(choice, "delta") else choice.message
            spoken, thought = words(said.content)
            text, thinking = text + spoken, thinking + thought
            finish = choice.finish_reason or finish
            for call in said.tool_calls or ():
                calls.append([call.id, call.function.name, call.function.arguments])
    return {
        "text": text,
        "thinking": thinking or None,
        "tool_calls": [(name, arguments(given)) for _, name, given in calls],
        "tool_call_ids": [name for name, _, _ in calls],
        "finish": finish,
        "model": found[0].model,
        "id": found[0].id,
        "input": usage and usage.prompt_tokens,
        "output": usage and usage.completion_tokens,
    }


def words(content: Any) -> tuple[str, str]:
    """Return the text and the thinking of a content, which is a string or a list of chunks."""
    if not isinstance(content, list):
        return content or "", ""
    text = "".join(chunk.text for chunk in content if chunk.type == "text")
    thinking = [part for chunk in content if chunk.type == "thinking" for part in chunk.thinking]
    return text, "".join(part.text for part in thinking if part.type == "text")


def vectors(found: Any) -> Facts:
    """Return the facts of embeddings."""
    return {
        "vectors": rounded([item.embedding for item in found.data]),
        "model": found.model,
        "input": found.usage.prompt_tokens,
    }
