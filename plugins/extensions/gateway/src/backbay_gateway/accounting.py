"""What is said of a request when it has ended: to its key, to the log, to the status page."""

from __future__ import annotations

from backbay.errors import ConnectError, RequestError, ResponseError
from backbay.response import Usage

from .exchange import Exchange


def used(exchange: Exchange) -> bool:
    """Whether tokens may have been used: an upstream was asked, and it did not refuse."""
    error = exchange.error
    if exchange.target is None:
        return False
    refused = isinstance(error, ResponseError | ConnectError | RequestError) or (
        error is not None and not error.attempts
    )
    return exchange.started_well or not refused


def outcome(exchange: Exchange) -> str:
    """Return how a request ended, in a word."""
    if exchange.gone:
        return "client_left"
    return "ok" if exchange.error is None else type(exchange.error).__name__[:32]


def facts_of(exchange: Exchange, seconds: float) -> dict[str, object]:
    """Return the line of the log: sizes, times and names, and nothing that anybody said."""
    usage, error, grant = exchange.usage or Usage(), exchange.error, exchange.grant
    facts: dict[str, object] = {
        "request_id": exchange.request_id,
        "method": exchange.scope["method"],
        "path": exchange.scope["path"][:200],
        "status": exchange.status,
        "outcome": outcome(exchange),
        "key": None if grant is None else grant.key_id,
        "model": exchange.model,
        "served_by": exchange.served_by,
        "mode": exchange.mode,
        "stream": exchange.stream,
        "ms": round(1000 * seconds, 2),
        "first_byte_ms": None if exchange.first_byte is None else round(1000 * exchange.first_byte, 2),
        "attempts": exchange.attempts,
        "bytes_in": exchange.body_size,
        "bytes_out": exchange.sent,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
    }
    if error is not None:
        facts |= {"error": type(error).__name__, "code": error.code}
    return facts
