"""Same wire: the client's bytes to the upstream and back, unchanged but for the model's name and the credentials."""

from __future__ import annotations

from backbay.errors import DecodeError
from backbay.jobs import Job, JobResult
from backbay.jsonbytes import JSONBody
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


def speaks(target: Target, wire: str | None) -> bool:
    """Whether an upstream takes a client's bytes as they are.

    Args:
        target: The upstream.
        wire: The wire that the client speaks; ``None`` if it is no upstream's.
    """
    upstream = target.upstream
    return wire is not None and not upstream.config.transcode and wire in upstream.wires


def has_sealed(body: bytes) -> bool:
    """Whether something in it was sealed by the gateway, for another upstream: it must be read, and not passed on."""
    return _MARK in body


async def relay(exchange: Exchange, target: Target, wire: str, body: JSONBody, head: Head) -> None:
    """Ask an upstream with the client's own bytes, and give it the upstream's.

    Raises:
        BackbayError: There was no answer (``exchange.started`` is false), or it broke off.
    """
    upstream = target.upstream
    total = upstream.config.limits.total
    job = Job(
        job_id=exchange.request_id,
        model_id=target.model,
        request=body.with_("model", target.model),
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


def _headers(wire: str, head: Head) -> dict[str, str]:
    if wire != "anthropic_messages":
        return {}
    found = {"anthropic-version": head.version, "anthropic-beta": head.betas}
    return {name: value for name, value in found.items() if value is not None}
