import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from backbay.http.codec import ErrorFacts
from backbay.http.errorbody import error_facts, facts_of, is_html

SHAPES = [
    ({"error": {"message": "no", "type": "t", "code": "c", "param": None}}, "no", "c"),
    ({"error": {"message": "no", "type": "t", "code": None}}, "no", "t"),
    ({"error": {"message": "no", "type": "t", "code": 400}}, "no", "t"),
    ({"error": {"message": "no", "code": 502}}, "no", "502"),
    ({"error": {"message": "no", "code": True}}, "no", None),
    ({"error": "no"}, "no", None),
    ({"error": None}, None, None),
    ({"error": None, "message": "no"}, "no", None),
    ({"error": []}, None, None),
    ({"error": ["no", {"message": "nor that"}]}, "no; nor that", None),
    ({"error": {}}, None, None),
    ({"error": 42}, None, None),
    ({"error": {"message": None}}, None, None),
    ({"error": {"message": {"detail": [{"loc": ["body", "top_p"], "msg": "no"}]}}}, "body.top_p: no", None),
    ({"error": {"message": "the cause"}, "message": "wrapped"}, "the cause", None),
    ({"error": "Bad Request", "message": "the cause"}, "the cause", None),
    ({"code": "text", "error": "no"}, "no", "text"),
    ({"object": "error", "message": "no", "type": "t", "code": "3210", "raw_status_code": 400}, "no", "3210"),
    ({"detail": "no"}, "no", None),
    ({"detail": [{"loc": ["body", 0], "msg": "no", "type": "x"}, {"msg": "nor that"}]}, "body.0: no; nor that", None),
    ({"id": "1", "message": "no"}, "no", None),
    ({"error_type": "TOO_MANY", "message": "no"}, "no", "TOO_MANY"),
    ({"type": "error", "error": {"type": "t", "message": "no"}, "request_id": "r"}, "no", "t"),
    ({"error": {"code": 404, "status": "NOT_FOUND", "message": "no", "details": []}}, "no", "NOT_FOUND"),
    ([{"error": {"code": 429, "status": "BUSY", "message": "no"}}], "no", "BUSY"),
    ({"Message": "no"}, "no", None),
    ({"errors": [{"message": "no", "code": 3043}], "success": False}, "no", "3043"),
    ({"type": "error", "error": {"message": "no"}}, "no", None),
    ({"detail": [{"loc": list(range(12)), "msg": "no"}]}, "0.1.2.3.4.5.6.7.8.9: no", None),
    ("no", "no", None),
    (None, None, None),
    (42, None, None),
    ([], None, None),
    ({}, None, None),
]


@pytest.mark.parametrize(("value", "message", "code"), SHAPES)
def test_m5_each_known_shape_gives_its_message_and_code(value, message, code):
    body = json.dumps(value, indent=1).encode()
    facts = error_facts(b"\xef\xbb\xbf \n" + body + b"\n")
    assert (facts.message, facts.code) == (message, code)
    assert facts == facts_of(value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", None),
        (b" \r\n ", None),
        (b"Unauthorized\n", "Unauthorized"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error": {"message": "cut of', '{"error": {"message": "cut of'),
        (b"<html><head><title> 502  Bad\nGateway &amp; more</title></head></html>", "502 Bad Gateway & more"),
        (b"<!DOCTYPE html>\n<html><body>no title</body></html>", None),
        (b"<!-- x -->\n<HTML lang=en><body>hello</body></HTML>", None),
        (b"\xff\xfe\x00", "\ufffd\ufffd\0"),
        (b'{"error": {"message": "caf\xe9"}}', "caf\ufffd"),
        (b"[" * 100_000, "[" * 100_000),
        (b"9" * 6000, "9" * 6000),
    ],
)
def test_m5_what_is_not_json_gives_its_text(body, message):
    assert error_facts(body) == ErrorFacts(message=message)


def test_m5_a_body_of_2_mb_is_read_at_once():
    words = "x" * 2_000_000
    start = time.process_time()
    assert error_facts(json.dumps({"error": {"message": words}}).encode()).message == words
    assert error_facts(words.encode()).message == words
    assert error_facts(b"<html>" + words.encode()).message is None
    assert time.process_time() - start < 1


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "errors", "message", "code", "type", "status", "detail", "loc", "msg", "x"]),
                inner,
            )
        ),
    )
)
def test_m5_no_json_value_makes_it_raise(value):
    for in_band in (False, True):
        facts = facts_of(value, in_band=in_band)
        assert facts.message is None or facts.message.strip() == facts.message != ""
        assert facts.code is None or isinstance(facts.code, str)


@given(body=st.binary(max_size=80))
def test_m5_no_bytes_make_it_raise(body):
    assert isinstance(error_facts(body), ErrorFacts)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "model_not_found", "type": "invalid_request_error"}, ModelNotFoundError),
        ({"code": "1500", "type": "invalid_model"}, ModelNotFoundError),
        ({"code": "context_length_exceeded"}, ContextLengthError),
        ({"code": 400, "type": "exceed_context_size_error"}, ContextLengthError),
        ({"code": "content_filter", "type": None}, ContentFilterError),
        ({"code": "invalid_request_error", "type": "authentication_error"}, AuthenticationError),
        ({"code": "rate_limit_exceeded", "type": "requests"}, RateLimitError),
        ({"code": "insufficient_quota", "type": "insufficient_quota"}, QuotaExceededError),
        ({"code": "credit_balance_exhausted", "type": "insufficient_quota"}, QuotaExceededError),
        ({"code": "a_code_of_next_year", "type": "insufficient_quota"}, QuotaExceededError),
        ({"code": None, "type": "invalid_request_error"}, None),
        ({"code": None, "type": "server_error"}, None),
        ({"code": "model not found, rate limit, quota"}, None),
    ],
)
def test_the_code_decides_the_kind_and_then_the_type_and_never_the_words(error, kind):
    assert facts_of({"error": {**error, "message": "rate limit; model not found; invalid api key"}}).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 502, "message": "x"}, ServerError),
        ({"code": "tool_use_failed", "type": "invalid_request_error", "status_code": 400}, BadRequestError),
        ({"code": None, "type": "server_error"}, ServerError),
        ({"code": "429"}, RateLimitError),
        ({"code": "content_filter", "status": 400}, ContentFilterError),
        ({"code": 200}, None),
        ({"code": "surprise"}, None),
    ],
)
def test_inside_a_success_a_status_in_the_object_or_a_general_type_decides_the_kind(error, kind):
    assert facts_of({"error": error}, in_band=True).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(399, None), (400, BadRequestError), (599, ServerError), (600, None), ("400", BadRequestError), ("600", None)],
)
def test_inside_a_success_only_400_to_599_is_a_status(status, kind):
    assert error_facts(json.dumps({"error": {"code": status}}).encode(), in_band=True).kind is kind
    assert error_facts(json.dumps({"error": {"code": status}}).encode()).kind is None


def _under(key, levels, inside):
    for _ in range(levels):
        inside = {key: inside} if key else [inside]
    return inside


@pytest.mark.parametrize("key", ["message", None])
def test_m5_words_are_found_five_levels_down_and_looked_for_no_deeper(key):
    assert facts_of({"detail": _under(key, 4, "no")}).message == "no"
    assert facts_of({"detail": _under(key, 5, "no")}).message is None
    assert facts_of({"detail": _under(key, 100_000, "no")}).message is None


def test_the_title_of_a_page_is_looked_for_in_its_first_64_kib():
    def page(filler):
        return b"<html>" + b" " * filler + b"<title>no</title>"

    assert error_facts(page(65_000)).message == "no"
    assert error_facts(page(66_000)).message is None


def test_html_is_known_by_its_beginning():
    assert is_html("  <!doctype HTML>")
    assert is_html("<html\nlang=en>")
    assert not is_html('{"html": "<html>"}')
    assert not is_html("<html5-is-no-tag")
    assert not is_html("<error>xml</error>")


def test_every_recorded_error_of_every_vendor_gives_its_message_and_its_code_or_type(load_exchanges):
    for exchange in load_exchanges("*/*/error_*/*.json"):
        if exchange["expected"]["kind"] != "error":
            continue
        expected = exchange["expected"]["error"]
        facts = error_facts(exchange["response"]["bytes"])
        assert facts.message == expected["message"].strip(), exchange["id"]
        if exchange["vendor"] == "bedrock" or (expected["code"] is None and expected["type"] is None):
            # Bedrock's type stands in a header, which its own codec reads.
            continue
        assert facts.code in {str(expected["code"]), expected["type"]}, exchange["id"]
        if isinstance(expected["code"], str):
            assert facts.code == expected["code"], exchange["id"]


@pytest.mark.parametrize("param", ["input_tokens", "input_text"])
def test_a_prompt_that_is_too_long_for_vllm_is_told_by_the_field_that_it_names(param):
    body = {"error": {"message": "no", "type": "BadRequestError", "param": param, "code": 400}}
    assert facts_of(body).kind is ContextLengthError
    assert facts_of({"error": {**body["error"], "param": ["input_text"]}}).kind is None
