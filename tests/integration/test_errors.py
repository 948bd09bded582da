"""Every way in which a server can fail gives one typed error, the same whether the call is streamed or not."""

from __future__ import annotations

import asyncio
import gzip

import pytest

import backbay
from backbay.testing import Reply, ScriptedServer

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])

TABLE = [
    (400, backbay.BadRequestError, False),
    (401, backbay.AuthenticationError, False),
    (402, backbay.QuotaExceededError, False),
    (403, backbay.PermissionDeniedError, False),
    (404, backbay.NotFoundError, False),
    (408, backbay.BadRequestError, True),
    (413, backbay.BadRequestError, False),
    (422, backbay.BadRequestError, False),
    (429, backbay.RateLimitError, True),
    (500, backbay.ServerError, True),
    (501, backbay.ServerError, False),
    (502, backbay.ServerError, True),
    (503, backbay.OverloadedError, True),
    (504, backbay.ServerError, True),
    (529, backbay.OverloadedError, True),
]


def in_pieces(body, **reply):
    """A chunked body, a few bytes at a time: what a mock that hands over whole bodies cannot show."""
    size = max(1, len(body) // 4)
    return Reply(steps=[body[i : i + size] for i in range(0, len(body), size)], **reply)


@BOTH
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_a_status_is_one_typed_error_in_both_ways_m4(ask, how, framing, row):
    status, kind, retryable = row
    body = b'{"error": {"message": "It went wrong.", "type": "some_type"}}'
    reply = in_pieces(body, status=status, framing=framing, headers={"x-request-id": "r-1", "retry-after": "7"})
    error = ask(reply, how).error
    assert type(error) is kind
    assert isinstance(error, backbay.BackbayError)
    assert (error.status, error.retryable, error.retry_after) == (status, retryable, 7.0)
    assert (error.code, error.request_id, error.model, error.attempts) == ("some_type", "r-1", "m-1", 1)
    assert error.backend.startswith("openai:http://127.0.0.1:")
    assert "It went wrong." in str(error)
    assert (error.partial, error.phase) == (None, "wait")


@BOTH
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("model_not_found", 404, backbay.ModelNotFoundError),
        ("context_length_exceeded", 400, backbay.ContextLengthError),
        ("insufficient_quota", 429, backbay.QuotaExceededError),
        ("content_filter", 400, backbay.ContentFilterError),
        ("invalid_api_key", 400, backbay.AuthenticationError),
    ],
)
def test_the_vendors_code_says_more_than_the_status_m4(ask, how, code, status, kind):
    error = ask(Reply.json({"error": {"message": "no", "code": code}}, status=status), how).error
    assert type(error) is kind
    assert (error.code, error.status, error.retryable) == (code, status, False)


SHAPES = {
    "object": b'{"error": {"message": "words"}}',
    "flat": b'{"message": "words"}',
    "string": b'{"error": "words"}',
    "bare string": b'"words"',
    "null": b'{"error": null}',
    "bare null": b"null",
    "list": b'[{"error": {"message": "words"}}]',
    "list of numbers": b"[1, 2]",
    "number": b"5",
    "nested list": b"[" * 3000,
    "detail": b'{"detail": [{"loc": ["body", "x"], "msg": "words"}]}',
    "html": b"<!doctype html><html><title>Bad Gateway</title><p>nginx</html>",
    "plain": b"upstream connect error",
    "empty": b"",
    "blank": b" \r\n ",
    "2 MB": b'{"error": {"message": "' + b"x" * 2_000_000 + b'"}}',
    "2 MB html": b"<html>" + b"<p>" * 700_000,
    "invalid utf-8": b'{"error": {"message": "\xff\xfe\xfa bad"}}',
    "half json": b'{"error": {"mess',
    "surrogate": b'{"error": {"message": "\\ud800"}}',
    "controls": b'{"error": {"message": "\\u001b[31mred\\u0007"}}',
    "wrong types": b'{"error": {"message": {"a": 1}, "code": [], "type": 3}}',
}


@BOTH
@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_of_an_error_body_is_the_typed_error_with_a_bounded_message_m5(ask, how, shape):
    error = ask(in_pieces(SHAPES[shape], status=500), how).error
    assert type(error) is backbay.ServerError
    assert (error.status, error.retryable) == (500, True)
    assert 0 < len(error.message) <= 600
    assert error.body is None or len(error.body) <= 2000
    str(error).encode()
    assert "\x1b" not in str(error)


@BOTH
@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("3", 3, 3),
        ("1.5", 1.5, 1.5),
        ("0", None, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None, None),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 1e8, 1e10),
        ("soon", None, None),
        ("-5", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("9" * 400, 1e6, 1e300),
        ("", None, None),
    ],
)
def test_retry_after_is_seconds_or_none_and_never_an_exception_m6(ask, how, header, low, high):
    error = ask(Reply.json({}, status=429, headers={"retry-after": header}), how).error
    assert type(error) is backbay.RateLimitError
    if low is None:
        assert error.retry_after is None or error.retry_after == 0
    else:
        assert low <= error.retry_after <= high


@BOTH
def test_a_redirect_is_not_followed_and_the_error_says_where_it_leads(ask, how):
    asked = ask(Reply(status=307, headers={"location": "http://127.0.0.1:9/elsewhere"}), how)
    assert isinstance(asked.error, backbay.ResponseError)
    assert "127.0.0.1:9/elsewhere" in str(asked.error)
    assert len(asked.server.requests) == 1


BODIES = {
    "html": (Reply(steps=[b"<html><title>Log in</title>"], headers={"content-type": "text/html"}), "HTML", True),
    "empty": (Reply(), "empty", True),
    "empty with a length": (Reply(framing="length"), "empty", True),
    "no content": (Reply(status=204, framing="length"), "empty", True),
    "text": (Reply(steps=[b"hello there"]), "", True),
    "half json": (Reply(steps=[b'{"choices": [']), "", True),
    "no choices": (Reply.json({"id": "c", "choices": []}), "choices", True),
    "choices null": (Reply.json({"choices": None}), "choices", True),
    "another object": (Reply.json({"hello": 1}), "choices", True),
    "a list": (Reply.json([1, 2]), "", True),
    "bad utf-8": (Reply(steps=[b'{"choices": "\xff"}']), "", True),
}


@BOTH
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_answer_is_one_typed_error_that_says_what_came_m4(ask, how, name):
    reply, word, retryable = BODIES[name]
    error = ask(reply, how).error
    assert isinstance(error, backbay.ProtocolError)
    assert word in error.message
    assert error.retryable is retryable
    assert error.partial is None or error.partial.text == ""


@BOTH
def test_an_error_object_in_a_200_is_a_typed_error_m4(ask, how):
    error = ask(Reply.json({"error": {"message": "no credit", "code": 402}}), how).error
    assert type(error) is backbay.QuotaExceededError
    assert (error.status, error.code) == (200, "402")


@BOTH
@pytest.mark.parametrize("end", ["reset", "cut", "close"])
def test_a_connection_that_breaks_before_the_answer_is_a_retryable_transport_error_m4(ask, how, end):
    reply = Reply(framing="raw", steps=[b"HTTP/1.1 200 OK\r\ncontent-le"] if end != "reset" else [], end=end)
    error = ask(reply, how).error
    assert type(error) is backbay.ConnectionLostError
    assert (error.retryable, error.status, error.attempts) == (True, None, 1)


@BOTH
def test_an_answer_that_is_no_http_is_a_transport_error(ask, how):
    reply = Reply(framing="raw", steps=[b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], end="close")
    assert isinstance(ask(reply, how).error, backbay.TransportError)


@BOTH
def test_a_body_shorter_than_its_length_is_a_retryable_transport_error(ask, how):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    error = ask(Reply(framing="raw", steps=[head], end="close"), how).error
    assert type(error) is backbay.ConnectionLostError
    assert error.retryable


@BOTH
def test_a_dead_server_is_a_retryable_connect_error_that_names_the_address(chat, connect, how):
    with ScriptedServer(chat.answer()) as server:
        pass

    async def main():
        async with connect(server) as backend:
            await (backend.complete("hi") if how == "complete" else backend.stream("hi").collect())

    with pytest.raises(backbay.ConnectError, match=str(server.port)) as caught:
        asyncio.run(main())
    assert (caught.value.retryable, caught.value.phase) == (True, "connect")
    assert caught.value.hint


@BOTH
def test_a_compressed_answer_is_understood_and_a_broken_one_is_a_typed_error(ask, chat, how):
    whole = chat.answer("zipped")

    def zipped(request, spoil=False):
        reply = whole(request)
        body = gzip.compress(b"".join(reply.steps))
        return Reply(headers={**reply.headers, "content-encoding": "gzip"}, steps=[body[:9] + b"no" if spoil else body])

    assert ask(zipped, how).response.text == "zipped"
    assert isinstance(ask(lambda request: zipped(request, spoil=True), how).error, backbay.BackbayError)
