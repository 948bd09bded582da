import json
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    ServerError,
)
from backbay.http.codec import ErrorFacts
from backbay.http.errorbody import error_facts
from backbay.http.statuses import classify, response_error, retry_after, retryable
from backbay.retry import LONGEST_RETRY_AFTER, RetryPolicy

NOW = 1696004797.0
NOTHING = ErrorFacts()


def error_of(status, body=b"", headers=None, redact=str):
    return response_error(status, headers or {}, body, error_facts(body), redact=redact, now=NOW)


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, BadRequestError, False),
        (401, AuthenticationError, False),
        (402, QuotaExceededError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (405, BadRequestError, False),
        (408, BadRequestError, True),
        (409, BadRequestError, True),
        (413, BadRequestError, False),
        (418, BadRequestError, False),
        (421, BadRequestError, True),
        (422, BadRequestError, False),
        (425, BadRequestError, True),
        (429, RateLimitError, True),
        (451, PermissionDeniedError, False),
        (499, BadRequestError, False),
        (500, ServerError, True),
        (501, ServerError, False),
        (502, ServerError, True),
        (503, OverloadedError, True),
        (504, ServerError, True),
        (505, ServerError, False),
        (520, ServerError, True),
        (524, ServerError, True),
        (529, OverloadedError, True),
        (301, ResponseError, False),
        (304, ResponseError, False),
        (600, ResponseError, False),
        (99, ResponseError, False),
        (200, ResponseError, False),
    ],
)
def test_m4_each_status_has_its_class_and_says_whether_to_try_again(status, kind, again):
    assert classify(status, NOTHING) is kind
    error = error_of(status)
    assert (type(error), error.status, error.retryable) == (kind, status, again)


def test_the_statuses_of_the_fault_catalogue_are_retried_as_it_says(corpus):
    faults = json.loads((corpus / "data" / "http-faults.json").read_text(encoding="utf-8"))["cases"]
    cases = [case for case in faults if case["name"].startswith("status/")]
    assert len(cases) >= 28
    for case in cases:
        status = int(case["name"].removeprefix("status/"))
        assert error_of(status).retryable is case["expected"]["retryable_before_output"], status


def test_every_error_status_has_a_class_below_response_error():
    for status in range(400, 600):
        assert issubclass(classify(status, NOTHING), ResponseError)
        assert classify(status, NOTHING) is not ResponseError


def test_the_kind_goes_before_the_code_and_the_code_before_the_status():
    assert classify(500, ErrorFacts(code="model_not_found", kind=ContentFilterError)) is ContentFilterError
    assert classify(500, ErrorFacts(code="model_not_found")) is ModelNotFoundError
    assert classify(500, ErrorFacts(code="something_new")) is ServerError
    assert classify(401, ErrorFacts(code="invalid_request_error")) is AuthenticationError


def test_inside_a_success_a_code_that_is_a_status_counts():
    assert classify(200, ErrorFacts(code="502")) is ServerError
    assert classify(200, ErrorFacts(code="server_error")) is ServerError
    assert classify(200, ErrorFacts(code="1234")) is ResponseError
    assert classify(400, ErrorFacts(code="502")) is BadRequestError


def test_what_cannot_work_later_is_never_retried_whatever_its_status():
    for kind in (AuthenticationError, ModelNotFoundError, ContextLengthError, ContentFilterError, QuotaExceededError):
        for status in (200, 400, 409, 429, 500, 503):
            assert not retryable(status, kind)


def test_a_rate_limit_or_overload_is_retried_whatever_its_status():
    for kind in (RateLimitError, OverloadedError):
        for status in (200, 400, 429, 501, 503):
            assert retryable(status, kind)
    assert retryable(200, ServerError)
    assert not retryable(200, BadRequestError)
    assert not retryable(501, ServerError)


def test_x_should_retry_overrides_the_status():
    assert error_of(500, headers={"x-should-retry": "false"}).retryable is False
    assert error_of(400, headers={"x-should-retry": "true"}).retryable is True
    assert error_of(500, headers={"x-should-retry": "perhaps"}).retryable is True


def test_m6_every_recorded_retry_after_value_gives_what_the_file_says(corpus):
    cases = json.loads((corpus / "data" / "retry-after.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) >= 27
    for case in cases:
        seconds = retry_after({"retry-after": case["header"]}, case["now"])
        if case["expected"] == "no-retry":
            assert seconds is not None, case["name"]
            assert seconds > LONGEST_RETRY_AFTER, case["name"]
            failure = RateLimitError("slow down", retryable=True, retry_after=seconds)
            assert RetryPolicy().pause(failure, 1, None) is None, case["name"]
        elif case["expected"] in ("invalid", None):
            assert seconds is None, case["name"]
        else:
            assert seconds == case["expected"], case["name"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after-ms": "1500", "retry-after": "20"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0),
        ({"retry-after-ms": "0", "retry-after": "20"}, 20.0),
        ({"retry-after-ms": "-5"}, None),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0.0"}, None),
        ({"retry-after": ".5"}, None),
        ({"retry-after": "+5"}, None),
        ({"retry-after": "9" * 400}, 1e9),
        ({"retry-after": "9" * 100_000}, None),
        ({"retry-after-ms": "9" * 400}, 1e9),
        ({"retry-after": "Fri, 29 Sep 2023 16:26:60 GMT"}, 22.0),
        ({"retry-after": "Fri, 31 Feb 2023 16:26:57 GMT"}, None),
        ({"retry-after": "Fri, 29 Sep 2023 25:26:57 GMT"}, None),
        ({"retry-after": "Fri, 29 Sep 0000 16:26:57 GMT"}, None),
        ({"retry-after": "Fri, 29 Sep 2023 16:26:57 +0000"}, None),
        ({"retry-after": "Fri, 29 Sep 2023 16:26:\u0665\u0667 GMT"}, None),
        ({"retry-after": "Wednesday, 29-Sep-99 16:26:57 GMT"}, None),
        ({"retry-after": "Mon Oct  2 16:26:37 2023"}, 3 * 86400.0),
        ({"retry-after": "Fri, 29 Sep 2023 16:26:57 GMT"}, 20.0),
    ],
)
def test_m6_retry_after_is_seconds_above_zero_or_none(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@given(value=st.text(max_size=40) | st.text("0123456789.,:- GMTFriSep", max_size=40), now=st.floats(0, 4e9))
def test_m6_no_value_makes_retry_after_raise(value, now):
    seconds = retry_after({"retry-after": value, "retry-after-ms": value[::-1]}, now)
    assert seconds is None or 0 < seconds <= 1e9


def test_m5_any_body_gives_a_typed_error_with_bounded_texts():
    bodies = [b"", b"null", b"[]", b'{"error": null}', b'{"error": []}', b'{"error": "no"}', b"<html>" + b"x" * 3000]
    bodies += [
        b"\xff\xfe" * 500,
        b"x" * 2_000_000,
        b'{"error": {"message": "' + b"y" * 2_000_000 + b'"}}',
        b"[" * 90_000,
    ]
    bodies += [json.dumps({"error": {"code": "c" * 9000, "message": "m" * 9000}}).encode(), b'"\\ud800"', b"\x1b[31m"]
    for body in bodies:
        for status in (200, 302, 400, 401, 404, 429, 500, 501, 503, 999):
            error = error_of(status, body, {"x-request-id": "r" * 5000, "location": "l" * 5000})
            assert isinstance(error, ResponseError)
            assert len(error.message) <= 500
            assert error.body is None or 0 < len(error.body) <= 2000
            assert error.code is None or 0 < len(error.code) <= 100
            assert len(error.hint or "") <= 500
            assert len(str(error).encode()) < 5000
            assert str(status) in error.message


@given(
    status=st.integers(-1, 700),
    body=st.binary(max_size=60),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "location"]), st.text()
    ),
)
def test_m5_no_response_makes_it_raise(status, body, headers):
    error = error_of(status, body, headers)
    assert pickle.loads(pickle.dumps(error)).message == error.message


def test_the_error_has_the_vendors_words_code_and_request_id():
    body = b'{"error": {"message": "The model `x`\\n does not exist", "code": "model_not_found"}}'
    error = error_of(404, body, {"x-request-id": "req_1", "cf-ray": "ray"})
    assert type(error) is ModelNotFoundError
    assert error.message == "The server answered 404 Not Found: The model `x` does not exist"
    assert (error.code, error.request_id, error.body) == ("model_not_found", "req_1", body.decode())
    assert "list_models()" in error.hint


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "cf-ray"])
def test_the_request_id_is_found_under_each_vendors_name(name):
    assert error_of(500, b"", {name: "abc"}).request_id == "abc"


def test_a_redirect_is_an_error_that_names_its_target():
    error = error_of(308, b"", {"location": "https://example.com/v1"})
    assert "308 Permanent Redirect, and redirects are not followed" in error.message
    assert "https://example.com/v1" in error.hint


def test_an_html_page_is_called_one_and_its_text_stays_out_of_the_message():
    page = b"<!doctype html><title>Welcome</title><p>secret plans</p>"
    error = error_of(404, page)
    assert error.message == "The server answered 404 Not Found, an HTML page instead of JSON: Welcome"
    assert "base URL seems to be wrong" in error.hint
    assert "gateway" in error_of(502, page).hint


def test_an_empty_body_is_called_empty():
    assert error_of(500, b" \n").message == "The server answered 500 Internal Server Error, with an empty body."
    assert error_of(500, b" \n").body is None


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "key"), (403, "may not"), (404, "base URL"), (429, "fewer requests"), (402, "credit"), (501, "not offer")],
)
def test_the_hint_says_what_to_try(status, word):
    assert word in error_of(status, b'{"error": "no"}').hint


def test_no_text_of_the_error_holds_the_key_even_where_a_text_is_cut():
    key = "sk-" + "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=60))

    def redact(text):
        return text.replace(key, "***")

    for shift in range(0, 130, 3):
        filler = "f" * (400 + shift)
        words = f"{filler} {key} {'g' * (1400 + shift)} {key} " * 3
        if shift % 2:
            # Each key becomes much shorter, so that text from far behind comes into view.
            words = f"{key} " * (200 + shift)
        body = json.dumps({"error": {"message": words, "code": key}}).encode()
        headers = {"x-request-id": key, "location": f"https://example.com/?key={key}"}
        for status in (200, 302, 401, 500):
            error = error_of(status, body, headers, redact)
            for text in (error.message, error.body, error.code, error.request_id, error.hint, str(error), repr(error)):
                assert "sk-" not in (text or "")
                assert key[-5:] not in (text or "")


def test_control_characters_become_harmless():
    error = error_of(400, b'{"error": {"message": "\\u001b[2Jgone \\ud800 \\u202eback \\u009b"}}\x1b]0;x\x07')
    again = error_of(400, b'{"error": {"message": "\\u001b[2Jgone \\ud800 \\u202eback \\u009b\\r\\nx"}}')
    for text in (error.message, error.body, again.message, again.body):
        assert not any(character in text for character in "\x1b\x07\x9b\u202e\ud800\r")
    assert again.message.endswith("back \ufffd x")


# From recorded answers: the class that each of them must become.
RECORDED = {
    "openai/chat/error_400/001": BadRequestError,
    "openai/chat/error_400/002": BadRequestError,
    "openai/chat/error_401/001": AuthenticationError,
    "openai/chat/error_401/002": AuthenticationError,
    "openai/chat/error_403/001": PermissionDeniedError,
    "openai/chat/error_404/001": ModelNotFoundError,
    "openai/chat/error_404/002": ModelNotFoundError,
    "openai/chat/error_429/001": RateLimitError,
    "openai/chat/error_503/001": OverloadedError,
    "llamacpp/chat/error_400/001": ContextLengthError,
    "llamacpp/chat/error_401/001": AuthenticationError,
    "llamacpp/chat/error_500/001": ServerError,
}


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_each_recorded_chat_error_becomes_its_class_with_its_facts(load_exchanges, name):
    (exchange,) = load_exchanges(f"{name}.json")
    response, expected = exchange["response"], exchange["expected"]["error"]
    error = error_of(response["status"], response["bytes"], response["headers"])
    assert type(error) is RECORDED[name]
    assert error.status == expected["status"]
    assert expected["message"][:400] in error.message
    assert error.code == (expected["code"] if isinstance(expected["code"], str) else expected["type"])
    assert error.request_id == response["headers"].get("x-request-id")


def test_no_recorded_chat_error_of_openai_and_llamacpp_is_left_out_of_the_table(load_exchanges):
    found = [*load_exchanges("openai/chat/error_*/*.json"), *load_exchanges("llamacpp/chat/error_*/*.json")]
    assert {exchange["id"] for exchange in found} <= set(RECORDED)


def test_a_recorded_rate_limit_says_how_long_to_wait(load_exchanges):
    (exchange,) = load_exchanges("openai/chat/error_429/001.json")
    error = error_of(429, exchange["response"]["bytes"], exchange["response"]["headers"])
    assert (error.retryable, error.retry_after) == (True, 20.0)


def test_every_recorded_error_of_every_vendor_becomes_a_typed_error(load_exchanges):
    for exchange in load_exchanges("*/*/error_*/*.json"):
        if exchange["expected"]["kind"] == "error":
            response = exchange["response"]
            error = error_of(response["status"], response["bytes"], response["headers"])
            assert type(error) is not ResponseError, exchange["id"]
            assert error.status == exchange["expected"]["error"]["status"], exchange["id"]
