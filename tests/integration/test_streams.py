"""Streams of answers, byte by byte from a real socket."""

from __future__ import annotations

import asyncio
import time

import pytest

import backbay
from backbay import Ended, Finish, Started, Text, UsageSeen
from backbay.testing import Pause, Reply, ScriptedServer, sse

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
EVENTS = {"content-type": "text/event-stream"}


def test_events_come_as_they_are_sent_and_the_terminal_one_once_m9(chat, connect):
    async def main(server):
        async with connect(server) as backend:
            stream = backend.stream("hi")
            return [event async for event in stream], stream.response

    with ScriptedServer(chat.stream("Hel", "lo \U0001f600", "\u2028.")) as server:
        events, response = asyncio.run(main(server))
    assert [type(event) for event in events] == [Started, Text, Text, Text, UsageSeen, Ended]
    assert response.text == "Hello \U0001f600\u2028."
    assert (response.finish, response.raw_finish) == (Finish.STOP, "stop")
    assert (response.model, response.id) == ("m-1", "c-1")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_split_of_the_bytes_and_any_line_end_give_the_same_answer_m7(ask, chat, size, line_end):
    reply = chat.stream("a\u0085b", "c\u2028d\x0b", "\U0001f600é")
    body = b": hello\n\nevent: message\nid: 1\nretry: 5\n" + b"".join(reply.steps)
    body = body.replace(b"data: ", b"data:", 1).replace(b"\n", line_end)
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    response = ask(Reply(headers=EVENTS, steps=pieces)).response
    assert response.text == "a\u0085bc\u2028d\x0b\U0001f600é"
    assert response.usage.output == 2


def dialects(chat):
    null = {**chat.delta(content="x"), "usage": None}
    counted = chat.usage(11, 4)
    return {
        "null on early chunks, and a last chunk without choices": [
            null,
            chat.finish(),
            {"choices": [], "usage": counted},
        ],
        "on the finish chunk": [chat.delta(content="x"), chat.finish(usage=counted)],
        "without choices, no null": [chat.delta(content="x"), chat.finish(), {"choices": [], "usage": counted}],
        "cumulative on every chunk": [
            {**chat.delta(content="x"), "usage": chat.usage(11, 1)},
            chat.finish(usage=chat.usage(11, 4)),
        ],
    }


@pytest.mark.parametrize("number", range(4))
def test_usage_is_the_same_in_every_dialect_m8(ask, chat, number):
    usage = ask(Reply.events(*list(dialects(chat).values())[number])).response.usage
    assert (usage.input, usage.output, usage.total) == (11, 4, 15)


def test_usage_that_never_comes_is_none_and_not_zero_m8(ask, chat):
    assert ask(Reply.events({**chat.delta(content="x"), "usage": None}, chat.finish())).response.usage is None
    assert ask(Reply.events(chat.delta(content="x"), chat.finish(usage={}))).response.usage is None


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls"])
def test_token_counts_are_there_whatever_ended_the_answer_n5(ask, chat, reason):
    response = ask(chat.stream("x", finish=reason)).response
    assert (response.usage.input, response.usage.output) == (3, 2)
    assert response.finish == reason


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("content_filter", Finish.CONTENT_FILTER),
        ("tool_calls", Finish.TOOL_CALLS),
        ("function_call", Finish.TOOL_CALLS),
        ("something_new", Finish.OTHER),
    ],
)
def test_the_finish_is_of_a_closed_set_and_the_vendors_word_is_kept_n9(ask, chat, raw, finish):
    streamed = ask(chat.stream("x", finish=raw)).response
    whole = ask(chat.whole("x", finish=raw), "complete").response
    assert (streamed.finish, streamed.raw_finish) == (whole.finish, whole.raw_finish) == (finish, raw)


def test_done_may_be_missing_after_a_finish_reason_m9(ask, chat):
    assert ask(Reply.events(chat.delta(content="x"), chat.finish(), done=False)).response.finish == "stop"


@BOTH
def test_an_end_without_a_finish_reason_is_truncated_and_has_the_partial_text_m9(ask, chat, how):
    error = ask(Reply.events(chat.delta(content="Hel"), chat.delta(content="lo"), done=False), how).error
    assert type(error) is backbay.TruncatedError
    assert (error.partial.text, error.partial.finish) == ("Hello", None)
    assert error.hint


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_stream_that_breaks_in_the_middle_is_typed_and_has_the_partial_text_m9(ask, chat, end):
    steps = [sse(chat.delta(content="Hel")), Pause(0.05)]
    error = ask(Reply(headers=EVENTS, steps=steps, end=end)).error
    assert type(error) is backbay.ConnectionLostError
    assert (error.partial.text, error.phase, error.retryable) == ("Hel", "stream", True)


@BOTH
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "boom", "code": 502}, backbay.ServerError),
        ({"message": "slow down", "code": "rate_limit_exceeded"}, backbay.RateLimitError),
        ("boom", backbay.ResponseError),
    ],
)
def test_an_error_object_in_the_middle_is_a_typed_error_with_the_partial_text_m9(ask, chat, how, error, kind):
    asked = ask(Reply.events(chat.delta(content="Hel"), {"error": error}, chat.delta(content="never")), how)
    assert isinstance(asked.error, kind)
    assert asked.error.partial.text == "Hel"
    assert "boom" in str(asked.error) or "slow down" in str(asked.error)


@pytest.mark.parametrize("bad", ["{not json", "[1]", "5", '"x"'])
def test_a_chunk_that_is_no_chunk_is_a_decode_error_with_the_partial_text(ask, chat, bad):
    error = ask(Reply.events(chat.delta(content="Hel"), bad, chat.finish())).error
    assert type(error) is backbay.DecodeError
    assert error.partial.text == "Hel"


def test_a_whole_answer_in_spite_of_stream_is_understood_and_so_is_the_opposite_m9(ask, chat):
    streamed, whole = ask(chat.whole("Hi.")).response, ask(chat.whole("Hi."), "complete").response
    assert (streamed.text, streamed.finish, streamed.usage) == (whole.text, whole.finish, whole.usage)
    assert ask(chat.stream("Hi", "."), "complete").response.text == "Hi."


@BOTH
@pytest.mark.parametrize("content", [None, ""])
def test_content_that_is_null_is_an_empty_text_with_the_calls_kept_m14(ask, chat, how, content):
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    if how == "complete":
        reply = chat.whole(content, finish="tool_calls", tool_calls=calls)
    else:
        reply = Reply.events(chat.delta(content=content, tool_calls=calls), chat.finish("tool_calls"))
    response = ask(reply, how).response
    assert (response.text, response.thinking, len(response.tool_calls)) == ("", None, 1)


def test_null_deltas_and_empty_choices_are_no_trouble(ask, chat):
    odd = {"id": "c-1", "choices": [{"index": 0, "delta": None, "finish_reason": None}]}
    empty = {"id": "", "model": "", "choices": []}
    assert ask(Reply.events(empty, odd, chat.delta(), chat.delta(content="x"), chat.finish())).response.text == "x"


def test_thinking_is_never_in_the_text_and_both_keep_their_order_n6(ask, chat):
    deltas = [
        chat.delta(reasoning_content="hm"),
        chat.delta(reasoning_content="m"),
        chat.delta(content="A"),
        chat.delta(reasoning="wait"),
        chat.delta(content="B"),
    ]
    response = ask(Reply.events(*deltas, chat.finish())).response
    assert (response.text, response.thinking) == ("AB", "hmmwait")
    assert [(part.type, part.text) for part in response.parts] == [
        ("thinking", "hmm"),
        ("text", "A"),
        ("thinking", "wait"),
        ("text", "B"),
    ]
    assert ask(chat.stream("x")).response.thinking is None


@pytest.mark.parametrize("way", ["break", "raise", "aclose"])
def test_leaving_a_stream_closes_its_socket_within_a_second_m13(chat, connect, way):
    async def main(server):
        async with connect(server) as backend:
            try:
                async with backend.stream("hi") as stream:
                    async for event in stream:
                        if type(event) is Text and way == "break":
                            break
                        if type(event) is Text and way == "raise":
                            raise KeyError
                        if type(event) is Text:
                            await stream.aclose()
                            break
            except KeyError:
                pass
            left = time.monotonic()
            assert await asyncio.to_thread(server.wait_for, lambda server: server.hangups, 1.0)
            with pytest.raises(backbay.ClosedError):
                await anext(stream)
            assert stream.partial.text == "x"
            with pytest.raises(backbay.ClosedError):
                _ = stream.response
            return server.hangups[0] - left

    with ScriptedServer(Reply(headers=EVENTS, steps=[sse(chat.delta(content="x")), Pause(5)])) as server:
        assert asyncio.run(main(server)) < 1.0


def test_a_stream_read_to_its_end_leaves_the_connection_to_the_next_call(chat, connect):
    async def main(server):
        async with connect(server) as backend:
            for _ in range(3):
                await backend.stream("hi").collect()
                await backend.complete("hi")
                assert [text async for text in backend.stream("hi").texts()] == ["Hello."]

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
        assert (len(server.requests), server.connections, server.hangups) == (9, 1, [])


def test_a_server_that_dawdles_after_done_does_not_hold_up_the_answer(chat, connect):
    reply = Reply(headers=EVENTS, steps=[*chat.stream("x").steps, Pause(3)])

    async def main(server):
        async with connect(server) as backend:
            start = time.monotonic()
            await backend.stream("hi").collect()
            return time.monotonic() - start

    with ScriptedServer(reply) as server:
        assert asyncio.run(main(server)) < 1.0


def test_two_readers_of_one_stream_are_refused_and_the_first_goes_on(chat, connect):
    async def main(server):
        async with connect(server) as backend:
            stream = backend.stream("hi")
            first = asyncio.create_task(stream.collect())
            await asyncio.sleep(0.05)
            with pytest.raises(backbay.BackbayError, match="Two tasks"):
                await anext(stream)
            return await first

    with ScriptedServer(Reply(headers=EVENTS, steps=[Pause(0.2), *chat.stream("x").steps])) as server:
        assert asyncio.run(main(server)).text == "x"


def test_an_error_of_a_stream_stays_and_is_raised_again(chat, connect):
    async def main(server):
        async with connect(server) as backend:
            stream = backend.stream("hi")
            with pytest.raises(backbay.ServerError) as first:
                await stream.collect()
            with pytest.raises(backbay.ServerError) as second:
                await anext(stream)
            assert first.value is second.value

    with ScriptedServer(Reply.json({}, status=500)) as server:
        asyncio.run(main(server))
