"""The four histograms of the conventions."""

from __future__ import annotations

import asyncio

import pytest

import backbay
from backbay.testing import ScriptedServer

POWERS_OF_4 = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
DOUBLING = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)


def ask(backend, how="complete"):
    async def call():
        async with backend:
            return await (backend.complete("hi") if how == "complete" else backend.stream("hi").collect())

    return asyncio.run(call())


def test_a_call_is_measured_with_the_bounds_that_the_conventions_advise(seen, connect, chat):
    with ScriptedServer(chat.whole()) as server:
        ask(connect(server))
        port = server.port
    found = seen.metrics()
    assert sorted(found) == ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"]
    [duration] = found["gen_ai.client.operation.duration"]
    known = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m-1",
        "gen_ai.response.model": "m-1-0301",
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    assert dict(duration.attributes) == known
    assert (duration.count, tuple(duration.explicit_bounds)) == (1, DOUBLING)
    tokens = found["gen_ai.client.token.usage"]
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in tokens} == {"input": 30, "output": 7}
    assert {tuple(point.explicit_bounds) for point in tokens} == {POWERS_OF_4}
    assert dict(tokens[0].attributes).keys() == known.keys() | {"gen_ai.token.type"}


def test_a_stream_has_one_first_chunk_and_a_time_for_each_further_one(seen, connect, chat):
    with ScriptedServer(chat.stream("a", "b", "c", pause=0.03)) as server:
        ask(connect(server), "stream")
    found = seen.metrics()
    [first] = found["gen_ai.client.operation.time_to_first_chunk"]
    [further] = found["gen_ai.client.operation.time_per_output_chunk"]
    [duration] = found["gen_ai.client.operation.duration"]
    assert (first.count, further.count, duration.count) == (1, 2, 1)
    assert further.min > 0.01
    assert first.sum + further.sum <= duration.sum
    assert tuple(first.explicit_bounds) == tuple(further.explicit_bounds) == DOUBLING


def test_a_failure_is_measured_with_its_class_and_without_tokens(seen, connect, chat):
    with ScriptedServer(chat.error(503)) as server, pytest.raises(backbay.OverloadedError):
        ask(connect(server))
    found = seen.metrics()
    [duration] = found["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "OverloadedError"
    assert "gen_ai.client.token.usage" not in found


def test_metrics_alone_are_measured_where_there_is_no_tracer(seen, connect, chat):
    import backbay_telemetry

    backbay_telemetry.configure(meter_provider=seen.meters)
    with ScriptedServer(chat.whole()) as server:
        ask(connect(server))
    assert seen.spans() == []
    assert seen.metrics()["gen_ai.client.operation.duration"][0].count == 1
