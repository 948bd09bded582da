"""``/v1/embeddings``: vectors, through the backend's own call."""

from __future__ import annotations

from dataclasses import replace

from pydantic_core import to_json

from .dialects import embeddings
from .exchange import Exchange
from .routing.strategies import Target


async def embed(exchange: Exchange, target: Target, body: dict[str, object]) -> None:
    """Ask an upstream for vectors. Errors as ``transcode.transcode`` raises."""
    ask = embeddings.DIALECT.read(body)
    found = await target.upstream.backend.embed(list(ask.inputs), model=target.model, extra=ask.extra)
    exchange.usage = found.usage
    exchange.attempts += found.attempts
    if exchange.usage is not None and exchange.usage.output is None:
        # Vectors have no completion tokens: that is known.
        exchange.usage = replace(exchange.usage, output=0)
    await exchange.whole(to_json(embeddings.DIALECT.write(found, ask)))
