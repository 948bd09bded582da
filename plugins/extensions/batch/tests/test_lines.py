"""Lines of an input: what is a request, and what is said of what is none."""

from __future__ import annotations

import json

import pytest

from backbay_batch.bodies import chat_arguments, embedding_arguments
from backbay_batch.lines import LineError, estimate, read_line

BODY = {"messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no json", "invalid_json_line"),
        ('{"custom_id": "a"', "invalid_json_line"),
        ("[1]", "invalid_json_line"),
        ('{"custom_id": "a", "body": {"temperature": NaN}}', "invalid_json_line"),
        (b'{"custom_id": "\xff"}', "invalid_json_line"),
        ("[" * 5000, "invalid_json_line"),
        ({"body": BODY}, "missing_required_parameter"),
        ({"custom_id": None, "body": BODY}, "missing_required_parameter"),
        ({"custom_id": 7, "body": BODY}, "invalid_custom_id"),
        ({"custom_id": "", "body": BODY}, "invalid_custom_id"),
        ({"custom_id": "a"}, "missing_required_parameter"),
        ({"custom_id": "a", "body": []}, "missing_required_parameter"),
        ({"custom_id": "a", "body": BODY, "method": "GET"}, "invalid_method"),
        ({"custom_id": "a", "body": BODY, "url": "/v1/images"}, "invalid_url"),
        ({"custom_id": "a", "body": BODY, "url": 7}, "invalid_url"),
        ({"custom_id": "a", "body": {"messages": []}}, "invalid_body"),
        ({"custom_id": "a", "body": {"messages": "x"}}, "invalid_body"),
        ({"custom_id": "a", "body": {**BODY, "stream": True}}, "invalid_body"),
        ({"custom_id": "a", "body": {**BODY, "n": 2}}, "invalid_body"),
        ({"custom_id": "a", "url": "/v1/embeddings", "body": {"input": []}}, "invalid_body"),
        ({"custom_id": "a", "url": "/v1/embeddings", "body": {"input": [[1, 2]]}}, "invalid_body"),
    ],
)
def test_what_is_no_request_is_an_error_with_a_code(line, code):
    data = line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
    with pytest.raises(LineError) as caught:
        read_line(data)
    assert caught.value.code == code


def test_an_error_of_a_line_has_the_id_of_the_line_where_it_has_one():
    with pytest.raises(LineError) as caught:
        read_line(json.dumps({"custom_id": "a", "body": BODY, "url": "/v1/images"}).encode())
    assert caught.value.custom_id == "a"


def test_without_method_and_url_a_line_is_a_chat():
    assert read_line(json.dumps({"custom_id": "a", "body": BODY}).encode()).kind == "chat"


def test_fields_that_options_have_become_options_and_all_others_go_to_the_vendor():
    messages, options = chat_arguments(
        {
            **BODY,
            "model": "m",
            "temperature": 0,
            "max_completion_tokens": 9,
            "reasoning_effort": "low",
            "n": 1,
            "stream": False,
            "seed": None,
            "user": "u",
            "logit_bias": {"1": 2},
        }
    )
    assert messages == BODY["messages"]
    assert options == {
        "temperature": 0,
        "max_tokens": 9,
        "reasoning": "low",
        "extra": {"user": "u", "logit_bias": {"1": 2}},
    }


def test_embeddings_take_text_or_texts():
    assert embedding_arguments({"input": "a", "dimensions": 8}) == (["a"], {"dimensions": 8})
    assert embedding_arguments({"input": ["a", "b"], "encoding_format": "float"}) == (["a", "b"], {})


def test_a_line_is_estimated_by_its_size_and_its_own_limit():
    line = read_line(json.dumps({"custom_id": "a", "body": {**BODY, "max_tokens": 50}}).encode())
    assert estimate(line, 400) == (101, 50)
    assert estimate(read_line(json.dumps({"custom_id": "a", "body": BODY}).encode()), 40) == (11, -1)
