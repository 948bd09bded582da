"""Core retries before the first event, and never after it."""

from __future__ import annotations

import asyncio
import time

import pytest

import backbay
from backbay.testing import Pause, Reply, ScriptedServer, sse

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])


def failing(status=503, **headers):
    return Reply.json({"error": "later"}, status=status, headers={"retry-after": "0.01", **headers})


@BOTH
def test_attempts_are_counted_on_the_answer(ask, chat, how):
    asked = ask([failing(), failing(429), chat.stream("ok")], how, config={"retries": 2})
    assert (asked.response.text, asked.response.attempts, len(asked.server.requests)) == ("ok", 3, 3)
    assert len({request.body for request in asked.server.requests}) == 1


@BOTH
def test_attempts_are_counted_on_the_error_and_end_at_the_limit(ask, how):
    asked = ask(failing(), how, config={"retries": 2})
    assert type(asked.error) is backbay.OverloadedError
    assert (asked.error.attempts, len(asked.server.requests)) == (3, 3)


@BOTH
def test_no_retries_means_one_attempt(ask, how):
    assert len(ask(failing(), how, config={"retries": 0}).server.requests) == 1


@BOTH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 501])
def test_what_cannot_work_later_is_not_tried_again(ask, how, status):
    assert len(ask(failing(status), how, config={"retries": 3}).server.requests) == 1


@BOTH
@pytest.mark.parametrize(("status", "word", "attempts"), [(503, "false", 1), (400, "true", 2)])
def test_the_vendors_x_should_retry_is_obeyed(ask, how, status, word, attempts):
    asked = ask(failing(status, **{"x-should-retry": word}), how, config={"retries": 1})
    assert asked.error.attempts == len(asked.server.requests) == attempts


@BOTH
def test_retry_after_is_waited_for(ask, chat, how):
    start = time.monotonic()
    asked = ask([failing(**{"retry-after": "0.6"}), chat.stream("ok")], how, config={"retries": 1})
    assert asked.response.attempts == 2
    assert time.monotonic() - start >= 0.6
    assert asked.server.requests[1].at - asked.server.requests[0].at >= 0.59


@BOTH
def test_a_retry_after_of_more_than_two_minutes_goes_to_the_caller_at_once(ask, how):
    asked = ask(failing(429, **{"retry-after": "121"}), how, config={"retries": 3})
    assert (asked.error.retry_after, asked.error.attempts, len(asked.server.requests)) == (121.0, 1, 1)


@BOTH
def test_a_retry_after_longer_than_the_limit_goes_to_the_caller_at_once(ask, how):
    start = time.monotonic()
    asked = ask(failing(429, **{"retry-after": "30"}), how, config={"retries": 3}, limits={"total": 5})
    assert type(asked.error) is backbay.RateLimitError
    assert time.monotonic() - start < 2


@BOTH
def test_a_connection_that_broke_before_the_answer_is_tried_again(ask, chat, how):
    reset = Reply(framing="raw", end="reset")
    policy = backbay.RetryPolicy(retries=2, first_pause=0.01)
    assert ask([reset, reset, chat.stream("ok")], how, config={"retries": policy}).response.attempts == 3


def test_an_error_object_as_the_first_event_is_tried_again(ask, chat):
    error = Reply.events({"error": {"message": "busy", "code": 503}})
    policy = backbay.RetryPolicy(retries=2, first_pause=0.01)
    assert ask([error, chat.stream("ok")], config={"retries": policy}).response.attempts == 2


@pytest.mark.parametrize("end", ["cut", "keep"])
def test_nothing_is_retried_after_the_first_event(ask, chat, end):
    steps = [sse(chat.delta(content="Hel")), Pause(0.02)]
    asked = ask(Reply(headers={"content-type": "text/event-stream"}, steps=steps, end=end), config={"retries": 3})
    assert isinstance(asked.error, backbay.BackbayError)
    assert (asked.error.attempts, asked.error.partial.text, len(asked.server.requests)) == (1, "Hel", 1)
    assert asked.error.retryable


def test_model_lists_and_embeddings_are_retried_too(connect):
    vector = Reply.json({"data": [{"index": 0, "embedding": [1.0]}], "model": "e"})

    async def main(server):
        async with connect(server, retries=1) as backend:
            return await backend.embed("x")

    with ScriptedServer([failing(), vector]) as server:
        assert asyncio.run(main(server)).vectors == [[1.0]]
    with ScriptedServer([failing(), Reply.json({"data": [{"id": "m"}]})]) as server:
        with pytest.raises(backbay.OverloadedError):
            asyncio.run(connect(server, retries=0).list_models())
        assert len(server.requests) == 1


@pytest.mark.parametrize("retries", [-1, 1.5, "3", True])
def test_a_wrong_number_of_retries_is_refused(connect, chat, retries):
    with ScriptedServer(chat.answer()) as server:
        with pytest.raises(backbay.ConfigurationError, match="retries"):
            connect(server, retries=retries)
