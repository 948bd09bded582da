"""Answers of the responses wire that fail, break off, or are not what they should be."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from backbay.errors import (
    BackbayError,
    ContentFilterError,
    DecodeError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedError,
)
from backbay.events import Event, Grammar
from backbay.folding import fold
from backbay.spec import BackendSpec
from backbay.wires.openai_responses import OpenAIResponses

CODEC = OpenAIResponses(BackendSpec(name="acme", wires=("openai_responses",)), {})
HEAD = {"id": "resp_1", "object": "response", "model": "model-1"}
CREATED = {"type": "response.created", "response": {**HEAD, "status": "in_progress", "output": []}}
MORE = {"type": "response.output_text.delta", "delta": "po", "output_index": 0, "content_index": 0}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "get_weather", "arguments": "{}"}
JUNK: tuple[Any, ...] = (None, True, 3, 2.5, "x", "", [], {}, [1], [{"text": 3}], {"type": []})


def ended(**fields: Any) -> dict[str, Any]:
    """Return the last event of an answer."""
    return {"type": "response.completed", "response": {**HEAD, "status": "completed", "output": [], **fields}}


def events_of(chunks: Sequence[Any]) -> tuple[list[Event], BackbayError | None]:
    """Decode a stream; return its events, and what went wrong."""
    decoder = CODEC.decoder()
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    events = [*decoder.feed(body), *decoder.finish()]
    return events, decoder.failure


def fails(*chunks: Any) -> BackbayError:
    """Return what a stream fails with."""
    _, failure = events_of(chunks)
    assert failure is not None
    return failure


def test_an_answer_without_its_last_event_is_truncated() -> None:
    """M9."""
    assert isinstance(fails(CREATED, MORE), TruncatedError)


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None}, RateLimitError),
        ({"type": "error", "error": {"type": "server_error", "code": None, "message": "slow"}}, ServerError),
        ({"error": {"code": 502, "message": "slow"}}, ServerError),
        (ended(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}), RateLimitError),
        (ended(error={"code": "content_policy_violation", "message": "slow"}), ContentFilterError),
    ],
)
def test_an_error_within_a_stream_is_a_typed_error(chunk: dict[str, Any], kind: type[BackbayError]) -> None:
    """M9."""
    error = fails(CREATED, MORE, chunk)
    assert isinstance(error, kind)
    assert "slow" in str(error)


def test_a_failure_without_a_reason_is_an_error_all_the_same() -> None:
    assert isinstance(fails(CREATED, ended(status="failed", error=None)), ResponseError)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({**HEAD, "status": "queued", "output": []}, "status is 'queued'"),
        ({**HEAD, "status": "completed"}, "no output"),
        ({**HEAD, "status": "completed", "output": [{**CALL, "name": ""}]}, "no name"),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(body: dict[str, Any], error: str) -> None:
    with pytest.raises(DecodeError, match=error):
        CODEC.decode(json.dumps(body).encode())


def test_an_error_in_a_body_with_a_good_status_is_the_vendors_error() -> None:
    with pytest.raises(RateLimitError, match="slow"):
        CODEC.decode(b'{"error": {"code": "rate_limit_exceeded", "message": "slow"}}')


@pytest.mark.parametrize("chunk", [[], "text", 3, None])
def test_an_event_that_is_no_object_is_an_error(chunk: Any) -> None:
    assert isinstance(fails(CREATED, chunk), DecodeError)


WHOLE: list[dict[str, Any]] = [
    CREATED,
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}},
    {"type": "response.reasoning_summary_text.delta", "delta": "hm", "output_index": 0, "summary_index": 0},
    {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "content": [],
            "encrypted_content": "gAAA",
        },
    },
    {**MORE, "output_index": 1, "logprobs": [{"token": "po"}]},
    {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "pong"},
    {"type": "response.output_text.annotation.added", "output_index": 1, "annotation": {"url": "x"}},
    {
        "type": "response.output_item.done",
        "output_index": 1,
        "item": {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "pong", "annotations": [{}], "logprobs": []}],
        },
    },
    {"type": "response.output_item.added", "output_index": 2, "item": {**CALL, "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"},
    ended(output=[{"type": "reasoning"}, {"type": "message"}, CALL], usage={"input_tokens": 1, "output_tokens": 1}),
]


def broken(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each of its fields, one at a time, gone or with junk in its place."""
    yield from JUNK
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(value, dict):
            yield {name: other for name, other in value.items() if name != key}
        for changed in broken(inner):
            damaged = copy.copy(value)
            damaged[key] = changed
            yield damaged


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_a_field_of_any_shape_gives_an_answer_or_a_typed_error(number: int) -> None:
    """M5: whatever stands in it, and the events before it keep the grammar."""
    for damaged in broken(WHOLE[number]):
        events, failure = events_of([*WHOLE[:number], damaged, *WHOLE[number + 1 :]])
        grammar = Grammar()
        for event in events:
            grammar.check(event)
        assert set(fold(events).text) <= set("pongx")
        assert failure is None or isinstance(failure, BackbayError)
