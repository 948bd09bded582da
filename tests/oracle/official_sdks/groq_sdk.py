"""Reads Groq's exchanges with Groq's SDK, which has the shapes of OpenAI's and no accumulator."""

from __future__ import annotations

import groq
from recorded_traffic.corpus import Exchange

from .facts import Facts, sdk_error
from .openai_sdk import MESSAGES, chunks, completion

NAME = "groq"


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    return exchange.vendor == "groq"


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    with groq.Groq(api_key="recorded-key", base_url=root, max_retries=0) as client:
        if exchange.api == "models":
            return {"models": [model.id for model in client.models.list().data]}
        if exchange.streamed:
            with client.chat.completions.create(model="recorded", messages=MESSAGES, stream=True) as stream:
                return chunks(stream)
        return completion(client.chat.completions.create(model="recorded", messages=MESSAGES))


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    if not isinstance(raised, groq.APIError) or isinstance(raised, groq.APIConnectionError):
        return None
    body = raised.body if isinstance(raised.body, dict) else {}
    body = body.get("error", body)
    return sdk_error(raised, getattr(raised, "status_code", None), body.get("code"), body.get("type"))
