"""Reads exchanges with OpenAI's SDK: chat completions, responses, embeddings and lists of models of any vendor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import openai
from recorded_traffic.corpus import Exchange

from .facts import Facts, arguments, rounded, sdk_error

NAME = "openai"
MESSAGES: Any = [{"role": "user", "content": "Say pong."}]
APIS = frozenset("chat chat_v1 openai_compat_chat responses embeddings models model_get".split())
"""The APIs in the corpus that have OpenAI's shape, whoever serves them."""
OTHER_SHAPES = frozenset({("ollama", "models"), ("google", "models"), ("google", "model_get")})
"""Vendors' APIs that have another shape under one of those names."""


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    pair = (exchange.vendor, exchange.api)
    return exchange.api in APIS and exchange.vendor != "cohere" and pair not in OTHER_SHAPES


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    with openai.OpenAI(api_key="recorded-key", base_url=f"{root}/v1", max_retries=0) as client:
        match exchange.api:
            case "responses":
                return responses(client, exchange)
            case "embeddings":
                count = exchange.expected.get("embeddings", {}).get("count", 1)
                return vectors(client.embeddings.create(model="recorded", input=["text"] * count))
            case "models":
                return {"models": [model.id for model in client.models.list()]}
            case "model_get":
                return {"models": [client.models.retrieve("recorded").id]}
        if not exchange.streamed:
            return completion(client.chat.completions.create(model="recorded", messages=MESSAGES))
        return streamed(client)


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    if not isinstance(raised, openai.APIError) or isinstance(raised, openai.APIConnectionError):
        return None
    return sdk_error(raised, getattr(raised, "status_code", None), raised.code, raised.type)


def streamed(client: openai.OpenAI) -> Facts:
    """Read a stream with the SDK's accumulator; chunk by chunk, where that fails."""
    options: Any = {"model": "recorded", "messages": MESSAGES, "stream_options": {"include_usage": True}}
    try:
        with client.chat.completions.stream(**options) as stream:
            return completion(stream.get_final_completion())
    except openai.APIError:
        raise
    except openai.LengthFinishReasonError as failure:
        return {**completion(failure.completion), "accumulator": type(failure).__name__}
    except Exception as failure:
        with client.chat.completions.create(**options, stream=True) as stream:
            return {**chunks(stream), "accumulator": type(failure).__name__}


def completion(found: Any) -> Facts:
    """Return the facts of a whole chat completion."""
    if not found.choices:
        return {"text": None, "finish": None, **described(found)}
    choice = found.choices[0]
    message = choice.message
    calls = [(call.id, named(call)) for call in message.tool_calls or ()]
    old = getattr(message, "function_call", None)
    if old is not None and old.name and not calls:
        calls = [(None, old)]
    return {
        "text": message.content or "",
        "thinking": thought(message),
        "refusal": getattr(message, "refusal", None),
        "tool_calls": [call_of(call) for _, call in calls],
        "tool_call_ids": [name for name, _ in calls],
        "finish": choice.finish_reason,
        **described(found),
    }


def named(call: Any) -> Any:
    """Return where a call has its name: its function, or its custom tool."""
    return getattr(call, "function", None) or call.custom


def call_of(found: Any) -> tuple[str, object]:
    """Return the name and the arguments of a call."""
    if hasattr(found, "input"):
        return found.name, arguments(found.input)
    return found.name, arguments(found.arguments or "")


def thought(message: Any) -> str | None:
    """Return what vendors put beside the SDK's own fields: reasoning, under either of its two names."""
    return getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or None


def described(found: Any) -> Facts:
    """Return the facts beside an answer's words."""
    return {"model": found.model, "id": found.id, **counts(found.usage)}


def counts(usage: Any) -> Facts:
    """Return the token counts."""
    return {
        "input": usage and usage.prompt_tokens,
        "output": usage and usage.completion_tokens,
        "cached": detail(usage, "prompt_tokens_details", "cached_tokens"),
        "reasoning": detail(usage, "completion_tokens_details", "reasoning_tokens"),
    }


def detail(usage: Any, group: str, name: str) -> int | None:
    """Return a count that stands in a group of its own."""
    return getattr(getattr(usage, group, None), name, None)


def chunks(stream: Iterable[Any]) -> Facts:
    """Return the facts of a stream, put together as OpenAI documents: text joined, calls by index."""
    text, reasoning = "", ""
    calls: dict[int, list[Any]] = {}
    facts: Facts = {"finish": None, "model": None, "id": None, **counts(None)}
    for chunk in stream:
        facts["model"] = facts["model"] or chunk.model
        facts["id"] = facts["id"] or chunk.id
        usage = chunk.usage or getattr(getattr(chunk, "x_groq", None), "usage", None)
        if hasattr(usage, "prompt_tokens"):  # Groq's SDK has a field for x_groq, OpenAI's a dictionary
            facts |= counts(usage)
        for choice in chunk.choices:
            if choice.index:
                continue
            text += choice.delta.content or ""
            reasoning += thought(choice.delta) or ""
            facts["finish"] = choice.finish_reason or facts["finish"]
            for delta in choice.delta.tool_calls or ():
                call = calls.setdefault(delta.index, [None, "", ""])
                call[0] = call[0] or delta.id
                call[1] += (delta.function and delta.function.name) or ""
                call[2] += (delta.function and delta.function.arguments) or ""
    return {
        "text": text,
        "thinking": reasoning or None,
        "tool_calls": [(call[1], arguments(call[2])) for call in calls.values()],
        "tool_call_ids": [call[0] for call in calls.values()],
        **facts,
    }


def responses(client: openai.OpenAI, exchange: Exchange) -> Facts:
    """Read an answer of the responses API."""
    if not exchange.streamed:
        return response(client.responses.create(model="recorded", input="Say pong."))
    try:
        with client.responses.stream(model="recorded", input="Say pong.") as stream:
            return response(stream.get_final_response())
    except openai.APIError:
        raise
    except Exception as failure:
        with client.responses.create(model="recorded", input="Say pong.", stream=True) as stream:
            final = [event.response for event in stream if hasattr(event, "response")][-1]
        return {**response(final), "accumulator": type(failure).__name__}


def response(found: Any) -> Facts:
    """Return the facts of a whole response."""
    calls = [item for item in found.output or () if item.type in ("function_call", "custom_tool_call")]
    thoughts = [item for item in found.output or () if item.type == "reasoning"]
    parts = [part for item in found.output or () if item.type == "message" for part in item.content or ()]
    usage = found.usage
    return {
        "text": found.output_text,
        "thinking": "".join(part.text for item in thoughts for part in [*(item.summary or ()), *(item.content or ())])
        or None,
        "refusal": "".join(part.refusal for part in parts if part.type == "refusal") or None,
        "tool_calls": [call_of(call) for call in calls],
        "tool_call_ids": [call.call_id for call in calls],
        "finish": found.status,
        "model": found.model,
        "id": found.id,
        "signatures": [item.encrypted_content for item in thoughts if item.encrypted_content],
        "input": usage and usage.input_tokens,
        "output": usage and usage.output_tokens,
        "cached": detail(usage, "input_tokens_details", "cached_tokens"),
        "reasoning": detail(usage, "output_tokens_details", "reasoning_tokens"),
    }


def vectors(found: Any) -> Facts:
    """Return the facts of embeddings."""
    usage = found.usage
    return {
        "vectors": rounded([item.embedding for item in found.data]),
        "model": found.model,
        "input": usage and usage.prompt_tokens,
    }
