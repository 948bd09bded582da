"""Same wire: the client's bytes to the upstream and back, unchanged but for the model's name and the credentials."""

from __future__ import annotations

import re

from backbay.errors import DecodeError
from backbay.jobs import Job, JobResult, with_model
from backbay.response import Usage

from .dialects.envelopes import MARK
from .exchange import Exchange
from .guard import Head
from .routing.strategies import Target

DAY_MS = 86_400_000
"""Milliseconds of a job's deadline where the upstream has no limit ``total``."""

HELD = 1024 * 1024
"""Bytes of an answer in one piece that are held back until it is whole, so that another upstream can still be asked."""

_MARK = MARK.encode()
_MODEL = re.compile(rb'("model"\s*:\s*)"([^"\\]*)"')
_MARKS = set('"\\')


def can_relay(target: Target, wire: str | None, body: bytes) -> bool:
    """Whether the client's bytes can go to an upstream as they are.

    Args:
        target: The upstream.
        wire: The wire that the client speaks; ``None`` if it is no upstream's.
        body: What the client sent. What the gateway sealed for another upstream is read, and not passed on.
    """
    upstream = target.upstream
    if wire is None or upstream.config.transcode or wire not in upstream.wires:
        return False
    return _MARK not in body


async def relay(exchange: Exchange, target: Target, wire: str, body: bytes, head: Head) -> None:
    """Ask an upstream with the client's own bytes, and give it the upstream's.

    Raises:
        BackbayError: There was no answer (``exchange.started`` is false), or it broke off.
    """
    upstream = target.upstream
    total = upstream.config.limits.total
    job = Job(
        job_id=exchange.request_id,
        model_id=target.model,
        request=renamed(body, exchange.model, target.model),
        format=wire,
        deadline_ms=DAY_MS if total is None else max(1, round(1000 * total)),
        headers=_headers(wire, head),
    )
    answer = upstream.backend.relay(job)
    sink = _Sink(exchange)
    found: JobResult | None = None
    try:
        found = await answer.deliver(sink)
        await sink.end()
    finally:
        found = answer.result if found is None else found
        exchange.attempts += found.attempts
        if found.input_tokens is not None or found.output_tokens is not None:
            exchange.usage = Usage(found.input_tokens, found.output_tokens)


class _Sink:
    """Gives an answer to the client: a stream as it comes, anything else when it is whole, or too large to be held."""

    __slots__ = ("_content_type", "_exchange", "_held", "_size", "_status")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._status = 200
        self._content_type = b"application/json"
        self._held: list[bytes] = []
        self._size = 0

    async def start(self, status: int, content_type: str) -> None:
        self._status = status
        if content_type:
            if content_type.lower().startswith(("text/html", "application/xhtml")):
                raise _no_answer("a web page")
            self._content_type = content_type.encode("latin-1", "replace")
        if self._exchange.stream and self._content_type.startswith(b"text/event-stream"):
            await self._exchange.begin(status, self._content_type)

    async def send_chunk(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange.started:
            await exchange.write(data)
            return
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD:
            await exchange.begin(self._status, self._content_type)
            await exchange.write(b"".join(self._held))
            self._held.clear()

    async def end(self) -> None:
        """Send what is left."""
        if self._exchange.started:
            await self._exchange.finish()
            return
        body = b"".join(self._held)
        if not body.strip():
            raise _no_answer("nothing")
        await self._exchange.whole(body, self._content_type)


def _no_answer(what: str) -> DecodeError:
    """Return the error for what a proxy before the upstream may say, or one that fails: another may do better."""
    error = DecodeError(f"The upstream answered with {what}.", retryable=True, phase="decode")
    error.attempts = 1
    return error


def renamed(body: bytes, asked: str, model: str) -> bytes:
    """Return a body that names the upstream's model instead of the one that the client asked for.

    Args:
        body: A JSON object.
        asked: Its ``model``.
        model: The upstream's name for it.

    Raises:
        InvalidRequestError: The body names two models: of two readers each could take another one.
    """
    # No other key or text can be meant where the word is there once and no letter of it is escaped.
    if body.count(b'"model"') == 1 and b"\\u00" not in body and asked.isascii() and model.isascii():
        before = _MODEL.search(body)
        if before is not None and before[2] == asked.encode() and model.isprintable() and not _MARKS & set(model):
            return body[: before.start(2)] + model.encode() + body[before.end(2) :]
    found = with_model(body, model)
    assert isinstance(found, bytes)
    return found


def _headers(wire: str, head: Head) -> dict[str, str]:
    if wire != "anthropic_messages":
        return {}
    found = {"anthropic-version": head.version, "anthropic-beta": head.betas}
    return {name: value for name, value in found.items() if value is not None}
