"""Jobs have a span and metrics: their tokens as they were seen going by, and nothing of what they say."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import StatusCode

import backbay
from backbay import Job
from backbay.testing import ScriptedServer


class Sink:
    async def send_chunk(self, data):
        assert data


def job(prompt):
    return Job("j-1", "m-1", {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": prompt}]})


def execute(backend, prompt="hi"):
    async def main():
        async with backend:
            return await backend.execute(job(prompt), Sink())

    return asyncio.run(main())


def test_a_job_has_a_span_with_its_tokens_under_the_callers(seen, connect, chat, secrets):
    with ScriptedServer(chat.stream("a", "b")) as server:
        backend = connect(server)
        with seen.tracer().start_as_current_span("caller") as caller:
            result = execute(backend, secrets.prompt)
    span = next(span for span in seen.spans() if span.name != "caller")
    assert (span.name, span.parent.span_id) == ("chat m-1", caller.get_span_context().span_id)
    found = dict(span.attributes)
    assert (result.input_tokens, result.output_tokens) == (30, 7)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 7)
    assert (found["backbay.relayed"], found["backbay.attempts"]) == (True, 1)
    assert not [name for name in found if name.startswith("backbay.cost")]
    counts = {point.attributes["gen_ai.token.type"]: point.sum for point in seen.metrics()["gen_ai.client.token.usage"]}
    assert counts == {"input": 30, "output": 7}
    assert len(seen.metrics()["gen_ai.client.operation.duration"]) == 1
    for secret in (secrets.key, secrets.prompt, secrets.answer):
        assert secret not in seen.everything()


def test_a_job_that_fails_has_a_span_with_the_error(seen, connect, chat):
    with ScriptedServer(chat.error(429)) as server, pytest.raises(backbay.RateLimitError):
        execute(connect(server, retries=0))
    span = seen.span()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == ("RateLimitError", 429)


def test_a_job_that_is_closed_before_its_counts_came_has_none(seen, connect, chat):
    with ScriptedServer(chat.stream("a")) as server:

        async def main():
            async with connect(server) as backend, backend.relay(job("hi")) as relay:
                await relay.begin()

        asyncio.run(main())
    found = dict(seen.span().attributes)
    assert found["backbay.closed"] is True
    assert not [name for name in found if name.startswith("gen_ai.usage")]


def test_where_telemetry_is_off_a_relay_is_a_plain_one(connect, chat):
    from backbay.relay import Relay

    with ScriptedServer(chat.stream("a")) as server:

        async def main():
            async with connect(server) as backend, backend.relay(job("hi")) as relay:
                return type(relay)

        assert asyncio.run(main()) is Relay
