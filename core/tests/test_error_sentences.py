"""What an error says to a person: its sentence, its hint, the body it keeps, and where the ranges and lengths end."""

import json

import pytest

from backbay.errors import ResponseError, ServerError
from backbay.http.codec import ErrorFacts
from backbay.http.errorbody import error_facts
from backbay.http.statuses import classify, response_error, retryable

PAGE = b"<html><body>sorry</body></html>"


def error_of(status, body=b"", headers=None, facts=None):
    return response_error(status, headers or {}, body, facts or error_facts(body), redact=str, now=0.0)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, b'{"error": "no"}', "The server answered 200 OK with an error inside: no"),
        (300, b'{"error": "no"}', "The server answered 300 Multiple Choices, and redirects are not followed: no"),
        (399, b'{"error": "no"}', "The server answered 399, and redirects are not followed: no"),
        (400, b'{"error": "no"}', "The server answered 400 Bad Request: no"),
        (400, b'{"error": {}}', "The server answered 400 Bad Request."),
        (502, PAGE, "The server answered 502 Bad Gateway, an HTML page instead of JSON."),
        (302, b"", "The server answered 302 Found, and redirects are not followed, with an empty body."),
    ],
)
def test_the_message_is_one_sentence_about_the_answer(status, body, sentence):
    assert error_of(status, body).message == sentence


def test_a_redirect_has_a_hint_with_its_target_and_without_one_the_hint_has_no_gap():
    asked = "Set base_url to where the server redirects to"
    for status in (300, 302, 399):
        with_target = error_of(status, headers={"location": "https://example.com/v1"}).hint
        assert with_target == f"{asked} (https://example.com/v1), if you trust that address."
        assert error_of(status).hint == f"{asked}, if you trust that address."
    assert "redirects" not in (error_of(400).hint or "")
    assert error_of(299).hint is None


def test_an_html_page_points_at_the_gateway_from_500_on_and_at_the_base_url_below():
    assert "gateway" in error_of(500, PAGE).hint
    for status in (200, 404, 499):
        assert "base URL" in error_of(status, PAGE).hint


def test_every_hint_is_a_whole_sentence():
    hints = {error_of(status, body).hint for status in range(200, 600) for body in (b"{}", PAGE)} - {None}
    assert len(hints) >= 10
    for hint in hints:
        assert hint.startswith("list_models()") or hint[0].isupper(), hint
        assert hint.endswith("."), hint
        assert "XX" not in hint
        assert not hint.isupper()


def test_a_server_error_that_may_pass_is_not_called_a_thing_that_the_server_does_not_offer():
    assert error_of(500, b'{"error": "no"}').hint is None
    assert "not offer" in error_of(505, b'{"error": "no"}').hint
    assert "fewer requests" in error_of(501, facts=ErrorFacts(code="rate_limit_exceeded")).hint


def test_the_kept_body_has_its_own_lines_and_each_crlf_is_one_line_feed():
    assert error_of(400, b"first\r\n  second\n\tthird").body == "first\n  second\n\tthird"


def test_a_message_of_exactly_500_characters_is_whole_and_a_longer_one_ends_with_an_ellipsis():
    start = "The server answered 400 Bad Request: "
    for length in (500 - len(start), 501 - len(start)):
        words = "".join(chr(97 + place % 26) for place in range(length))
        whole = start + words
        message = error_of(400, json.dumps({"error": words}).encode()).message
        assert message == (whole if len(whole) == 500 else whole[:499] + "…")


def test_each_text_is_kept_up_to_its_own_length():
    long = "".join(chr(97 + place % 26) for place in range(9000))
    error = error_of(302, long.encode(), {"x-request-id": long, "location": long}, ErrorFacts(code=long))
    assert error.body == long[:1999] + "…"
    assert error.code == long[:99] + "…"
    assert error.request_id == long[:199] + "…"
    assert f"({long[:199]}…)" in error.hint
    exact = error_of(302, headers={"x-request-id": long[:200], "location": long[:200]})
    assert exact.request_id == long[:200]
    assert f"({long[:200]})" in exact.hint


def test_m4_300_is_no_success_and_599_is_a_server_error():
    assert classify(300, ErrorFacts(code="502")) is ResponseError
    assert classify(299, ErrorFacts(code="502")) is ServerError
    assert not retryable(300, ServerError)
    assert retryable(299, ServerError)
    assert retryable(599, ServerError)
    assert not retryable(600, ServerError)


def test_words_behind_much_white_space_are_still_shown():
    assert error_of(400, json.dumps({"error": "a" + " " * 900 + "b"}).encode()).message.endswith(": a b")
