"""One span a call: its name, its parent, what it says, and when it ends."""

from __future__ import annotations

import asyncio
import gc

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import backbay
from backbay import Ended, Finish, Text, Usage, UsageSeen
from backbay.testing import Pause, Reply, ScriptedServer, connect_fake, sse


def ask(backend, *messages, **options):
    async def call():
        async with backend:
            return await backend.complete(list(messages) or "hi", **options)

    return asyncio.run(call())


def test_a_call_is_one_client_span_with_the_names_of_the_conventions(seen, connect, chat):
    with ScriptedServer(chat.whole("Hello.")) as server:
        ask(
            connect(server),
            temperature=0,
            top_p=0.5,
            max_tokens=20,
            seed=7,
            stop=["END"],
            extra={"frequency_penalty": 0.5, "user": "me"},
        )
        port = server.port
    span = seen.span()
    assert (span.name, span.kind, span.status.status_code) == ("chat m-1", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.instrumentation_scope.name == "backbay_telemetry"
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m-1",
        "gen_ai.request.temperature": 0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.max_tokens": 20,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.frequency_penalty": 0.5,
        "gen_ai.response.model": "m-1-0301",
        "gen_ai.response.id": "c-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "server.address": "127.0.0.1",
        "server.port": port,
        "backbay.backend": f"openai:http://127.0.0.1:{port}/v1",
        "backbay.attempts": 1,
    }


def test_a_span_lies_in_the_span_that_was_current_where_the_call_was_made(seen, connect, chat):
    async def call(backend):
        async with backend:
            with seen.tracer().start_as_current_span("work"):
                stream = backend.stream("hi")
            await stream.collect()
            await backend.complete("hi")

    with ScriptedServer(lambda asked: chat.stream("a") if asked.json["stream"] else chat.whole()) as server:
        asyncio.run(call(connect(server)))
    work, *calls = seen.spans()
    assert [span.parent and span.parent.span_id for span in calls] == [work.context.span_id, None]


def test_a_blocking_call_has_its_callers_span_as_parent_though_a_loop_on_another_thread_makes_it(seen, connect, chat):
    def script(asked):
        return chat.stream("a", "b") if asked.json["stream"] else chat.whole()

    with ScriptedServer(script) as server, backbay.SyncBackend(connect(server)) as backend:
        with seen.tracer().start_as_current_span("work"):
            backend.complete("hi")
            with backend.stream("hi") as stream:
                list(stream)
            assert backend.stream("hi").collect().text == "ab"
    *calls, work = seen.spans()
    assert [span.parent.span_id for span in calls] == [work.context.span_id] * 3


def test_32_calls_at_once_have_a_span_each_under_the_span_of_their_own_caller(seen, connect, chat):
    def script(asked):
        text = asked.json["messages"][0]["content"]
        return chat.whole(text, id=f"c-{text}")

    async def one(backend, number):
        with seen.tracer().start_as_current_span(f"caller {number}") as span:
            await backend.complete(str(number))
            return number, span.get_span_context().span_id

    async def all_of_them(backend):
        async with backend:
            return dict(await asyncio.gather(*(one(backend, number) for number in range(32))))

    with ScriptedServer(script) as server:
        parents = asyncio.run(all_of_them(connect(server)))
    calls = [span for span in seen.spans() if span.name == "chat m-1"]
    assert {span.attributes["gen_ai.response.id"]: span.parent.span_id for span in calls} == {
        f"c-{number}": parent for number, parent in parents.items()
    }
    assert len({span.context.span_id for span in calls}) == 32


def test_an_error_is_the_spans_status_with_its_class_and_facts_and_without_its_words(seen, connect, chat):
    with ScriptedServer(chat.error(429, "You said: do not repeat this")) as server:
        with pytest.raises(backbay.RateLimitError):
            ask(connect(server))
    span = seen.span()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "RateLimitError")
    assert span.attributes["error.type"] == "RateLimitError"
    assert span.attributes["http.response.status_code"] == 429
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert span.attributes["backbay.error.phase"] == "wait"
    assert span.attributes["backbay.error.retryable"] is True
    [event] = span.events
    assert (event.name, dict(event.attributes)) == ("exception", {"exception.type": "backbay.errors.RateLimitError"})
    assert "do not repeat this" not in seen.everything()


def test_retries_are_counted_on_the_one_span_of_the_call(seen, connect, chat):
    busy = chat.error(503, **{"retry-after": "0"})
    with ScriptedServer([busy, busy, chat.whole()]) as server:
        ask(connect(server, retries=2))
    assert seen.span().attributes["backbay.attempts"] == 3
    with ScriptedServer(busy) as server, pytest.raises(backbay.OverloadedError):
        ask(connect(server, retries=1))
    assert seen.spans()[1].attributes["backbay.attempts"] == 2


def test_fallback_gives_each_backend_that_was_asked_a_span_under_the_callers(seen, connect, chat):
    async def call(first, second):
        async with backbay.fallback(first, second) as whole:
            with seen.tracer().start_as_current_span("work"):
                answer = await whole.complete("hi")
                streamed = await whole.stream("hi").collect()
        for backend in (first, second):
            await backend.aclose()
        return answer, streamed

    def script(asked):
        return chat.stream("a") if asked.json["stream"] else chat.whole()

    with ScriptedServer(chat.error(500)) as broken, ScriptedServer(script) as works:
        answer, streamed = asyncio.run(call(connect(broken, "m-1"), connect(works, "m-2")))
    *calls, work = seen.spans()
    assert (answer.served_by, streamed.text) == (f"openai:{works.url}", "a")
    assert [(span.name, span.status.status_code) for span in calls] == [
        ("chat m-1", StatusCode.ERROR),
        ("chat m-2", StatusCode.UNSET),
    ] * 2
    assert {span.parent.span_id for span in calls} == {work.context.span_id}


def test_a_streams_span_lasts_to_the_end_of_the_stream_and_says_when_the_first_chunk_came(seen, connect, chat):
    script = chat.stream("a", "b", pause=0.05)

    async def call(backend):
        async with backend:
            async for event in backend.stream("hi"):
                if not isinstance(event, Ended):
                    assert seen.spans() == []

    with ScriptedServer(script) as server:
        asyncio.run(call(connect(server)))
    span = seen.span()
    seconds = (span.end_time - span.start_time) / 1e9
    assert span.attributes["gen_ai.request.stream"] is True
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < seconds
    assert seconds > 0.1
    assert span.attributes["gen_ai.usage.output_tokens"] == 7


def test_a_stream_that_breaks_off_has_the_error_and_what_was_known_of_the_answer(seen, connect, chat):
    script = Reply(headers={"content-type": "text/event-stream"}, steps=[sse(chat.chunk("a"))], end="cut")
    with ScriptedServer(script) as server, pytest.raises(backbay.BackbayError):
        asyncio.run(_collect(connect(server)))
    span = seen.span()
    assert span.attributes["error.type"] in ("ConnectionLostError", "TruncatedError")
    assert span.attributes["gen_ai.response.model"] == "m-1-0301"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)


async def _collect(backend):
    async with backend:
        return await backend.stream("hi").collect()


def endless(chat):
    steps = [sse(chat.chunk("a")), sse(chat.chunk("b")), Pause(10)]
    return Reply(headers={"content-type": "text/event-stream"}, steps=steps)


def test_a_stream_that_is_closed_early_is_a_closed_span_and_no_error(seen, connect, chat):
    async def call(backend):
        async with backend:
            async with backend.stream("hi") as stream:
                async for event in stream:
                    if isinstance(event, Text):
                        break
            del stream, event
            await asyncio.sleep(0)

    with ScriptedServer(endless(chat)) as server:
        asyncio.run(call(connect(server)))
    span = seen.span()
    assert span.attributes["backbay.closed"] is True
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)


def test_a_stream_that_is_abandoned_is_a_closed_span(seen):
    backend = connect_fake([Text("a"), Text("b"), Ended(Finish.STOP)])

    async def call():
        stream = backend.stream("hi")
        await anext(stream)
        del stream
        await asyncio.sleep(0)
        return [dict(span.attributes)["backbay.closed"] for span in seen.spans()]

    assert asyncio.run(call()) == [True]


def test_a_blocking_stream_that_is_closed_early_is_a_closed_span(seen, connect, chat):
    with ScriptedServer(endless(chat)) as server, backbay.SyncBackend(connect(server)) as backend:
        with backend.stream("hi") as stream:
            next(stream)
        del stream
    assert seen.span().attributes["backbay.closed"] is True


def test_a_call_that_is_cancelled_is_a_closed_span(seen, connect):
    async def call(backend):
        async with backend:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await backend.complete("hi")
            gc.collect()  # What was raised holds the frames that it went through, and they hold it.
            await asyncio.sleep(0)

    with ScriptedServer(Reply(steps=[Pause(10)])) as server:
        asyncio.run(call(connect(server)))
    assert seen.span().attributes["backbay.closed"] is True


def test_a_call_that_is_refused_before_any_io_has_no_span(seen, connect, chat):
    with ScriptedServer(chat.whole()) as server:
        with pytest.raises(backbay.UnknownOptionError):
            ask(connect(server), temperatur=1)
    assert seen.spans() == []


def test_what_is_not_known_is_left_out_and_what_is_zero_is_said(seen):
    ask(connect_fake("Hello."))
    ask(connect_fake([Text("a"), UsageSeen(Usage(input=0)), Ended(Finish.OTHER)]), temperature=0)
    first, second = (span.attributes for span in seen.spans())
    assert not {"gen_ai.request.temperature", "server.address"} & first.keys()
    assert (second["gen_ai.usage.input_tokens"], second["gen_ai.request.temperature"]) == (0, 0)
    assert not {"gen_ai.usage.output_tokens", "gen_ai.response.model"} & second.keys()


def test_a_span_that_is_not_sampled_is_still_measured(seen):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    import backbay_telemetry

    backbay_telemetry.configure(tracer_provider=TracerProvider(sampler=ALWAYS_OFF), meter_provider=seen.meters)
    ask(connect_fake("Hello."))
    assert seen.spans() == []
    assert seen.metrics()["gen_ai.client.operation.duration"][0].count == 1


def test_an_exporter_that_fails_harms_no_call(seen):
    class Broken:
        def on_start(self, *_, **__):
            raise RuntimeError("the exporter is broken")

        def on_end(self, *_):
            return None

        def _on_ending(self, *_):
            return None

        def shutdown(self):
            return None

    seen.tracers.add_span_processor(Broken())
    with pytest.warns(backbay.hooks.HookWarning, match="the exporter is broken"):
        assert ask(connect_fake("Hello.")).text == "Hello."


def test_the_local_model_has_a_span_with_its_tokens(seen):
    with backbay.connect_sync("local:tiny") as backend:
        backend.complete("What is the capital of France?", max_tokens=20)
        list(backend.stream("Say pong", max_tokens=5))
    for span in seen.spans():
        assert span.name == "chat tiny"
        assert span.attributes["gen_ai.provider.name"] == "local"
        assert span.attributes["gen_ai.usage.output_tokens"] > 0
        assert "backbay.cost.amount" not in span.attributes
    assert len(seen.spans()) == 2
