"""Every recorded answer, relayed: the sink gets the recorded bytes, and the vendor gets the recorded request.

Holds U1 and U8 on real traffic, and U7 where the counts of an answer are what the corpus says.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from recorded_traffic.asking import open_backend
from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.replay import ReplayTransport
from recorded_traffic.routes import ROUTES

from backbay import Job, JobResult
from backbay.jsonbytes import JSONBody


def _chats() -> list[Exchange]:
    """Return the exchanges that are calls for an answer, with a recorded request."""
    found = []
    for each in exchanges():
        answers = each.kind == "chat" or (each.kind == "error" and "in_stream_error" in each.expected)
        routed = (each.vendor, each.api) in ROUTES
        if answers and routed and each.status < 300 and isinstance(each.request.get("json"), dict):
            found.append(each)
    return found


CHATS = _chats()


class Sink:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    async def send_chunk(self, data: bytes) -> None:
        """Keep some bytes."""
        self.chunks.append(data)


def _relayed(exchange: Exchange, size: int | None) -> tuple[JobResult, bytes]:
    """Relay the recorded request, and check what the vendor got; return how it went, and what the sink got."""
    route, transport, sink = ROUTES[exchange.vendor, exchange.api], ReplayTransport(exchange, size), Sink()
    request = json.dumps(exchange.request["json"], ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")
    named = exchange.request["json"].get("model")
    model = named if isinstance(named, str) and named else "recorded"

    async def carry() -> JobResult:
        async with open_backend(route, "http://127.0.0.1:9", transport) as backend:
            job = Job(exchange.id, model, request, backend.spec.wires[0], stream=exchange.streamed)
            assert job.wire in backend.wires
            return await backend.execute(job, sink)

    result = asyncio.run(carry())
    _, url, _, sent = transport.sent[0]
    if "model" in json.loads(sent):
        assert sent == JSONBody(request).with_("model", model).data
    else:  # Then the address names it.
        assert (sent, quote(model, safe="@:") in url or quote(model, safe="") in url) == (
            JSONBody(request).without("model").data,
            True,
        )
    return result, b"".join(sink.chunks)


@pytest.mark.parametrize("exchange", CHATS, ids=str)
def test_the_sink_gets_the_recorded_bytes_at_every_size_of_chunk(exchange: Exchange) -> None:
    for size in (None, 1, 7) if len(exchange.body) < 4000 else (None, 1000):
        _, body = _relayed(exchange, size)
        assert body == exchange.body


@pytest.mark.parametrize("exchange", [each for each in CHATS if each.framing != "eventstream"], ids=str)
def test_counts_read_beside_the_relay_are_the_recorded_ones_or_unknown(exchange: Exchange) -> None:
    """U7: never a figure that the vendor did not give."""
    result, _ = _relayed(exchange, 7)
    want = exchange.expected.get("usage") or {}
    cached = want.get("cached", 0) + want.get("cache_write", 0)
    reasoning, tools = want.get("reasoning", 0), want.get("tool_input", 0)
    inputs = {want.get("input", 0) + more for more in (0, cached, tools, want.get("cache_write", 0))}
    outputs = {want.get("output", 0) + more for more in (0, reasoning)}
    assert result.input_tokens in ({None} if "input" not in want else inputs)
    assert result.output_tokens in ({None} if "output" not in want else outputs)


def test_there_are_answers_of_many_vendors(corpus: Path) -> None:
    assert corpus.is_dir()
    assert len(CHATS) > 300
    assert len({each.vendor for each in CHATS}) > 20
    assert sum(each.streamed for each in CHATS) > 150
