"""Reads Gemini's exchanges, at Google's own API and on Vertex AI, with Google's SDK."""

from __future__ import annotations

import base64
from typing import Any

from google import genai
from google.genai import errors
from recorded_traffic.corpus import Exchange

from .facts import Facts, rounded, sdk_error, total

NAME = "google-genai"
APIS = frozenset("generateContent embedContent models model_get count_tokens".split())


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    return exchange.vendor in ("google", "vertex") and exchange.api in APIS


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    options = genai.types.HttpOptions(base_url=root, retry_options=genai.types.HttpRetryOptions(attempts=1))
    client = genai.Client(api_key="recorded-key", vertexai=exchange.vendor == "vertex", http_options=options)
    try:
        match exchange.api:
            case "embedContent":
                count = exchange.expected.get("embeddings", {}).get("count", 1)
                texts: Any = ["text"] * count
                return vectors(client.models.embed_content(model="gemini-embedding-001", contents=texts))
            case "models":
                page = client.models.list(config={"page_size": 1000}).page
                return {"models": [str(model.name).removeprefix("models/") for model in page]}
            case "model_get":
                return {"models": [str(client.models.get(model="recorded").name).removeprefix("models/")]}
            case "count_tokens":
                return {"count": client.models.count_tokens(model="recorded", contents="Say pong.").total_tokens}
        if exchange.streamed:
            return answer(list(client.models.generate_content_stream(model="recorded", contents="Say pong.")))
        return answer([client.models.generate_content(model="recorded", contents="Say pong.")])
    finally:
        client.close()


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    return sdk_error(raised, raised.code, raised.status) if isinstance(raised, errors.APIError) else None


def answer(found: list[Any]) -> Facts:
    """Return the facts of an answer in one or more pieces. Gemini counts thoughts beside the output; here in it."""
    parts, facts = [], {}
    usage: Any = None
    for piece in found:
        usage = piece.usage_metadata or usage
        facts |= {
            name: value
            for name, value in (("model", piece.model_version), ("id", piece.response_id))
            if value is not None and name not in facts
        }
        for candidate in (piece.candidates or [])[:1]:
            parts += (candidate.content and candidate.content.parts) or []
            if candidate.finish_reason is not None:
                facts["finish"] = candidate.finish_reason.value
    calls = [part.function_call for part in parts if part.function_call]
    return {
        "text": "".join(part.text for part in parts if part.text and not part.thought),
        "thinking": "".join(part.text for part in parts if part.text and part.thought) or None,
        "tool_calls": [(call.name, call.args or {}) for call in calls],
        "tool_call_ids": [call.id for call in calls],
        "finish": None,
        "model": None,
        "id": None,
        "signatures": [base64.b64encode(part.thought_signature).decode() for part in parts if part.thought_signature],
        **counts(usage),
        **facts,
    }


def counts(usage: Any) -> Facts:
    """Return the token counts, added up as Backbay does."""
    if usage is None:
        return dict.fromkeys(("input", "output", "cached", "reasoning"))
    output = usage.candidates_token_count
    return {
        "input": total(usage.prompt_token_count, usage.tool_use_prompt_token_count),
        "output": usage.thoughts_token_count if output is None else total(output, usage.thoughts_token_count),
        "cached": usage.cached_content_token_count,
        "reasoning": usage.thoughts_token_count,
    }


def vectors(found: Any) -> Facts:
    """Return the facts of embeddings."""
    return {"vectors": rounded([item.values for item in found.embeddings])}
