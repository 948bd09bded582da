"""Backbay's own dialect loses nothing, in either direction, and lets no client put in what is not its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbay import errors
from backbay.errors import BackbayError, DecodeError, InvalidRequestError, RateLimitError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.folding import fold
from backbay.http.sse import SSEDecoder
from backbay.limits import Limits
from backbay.messages import (
    AudioPart,
    FilePart,
    HostedTool,
    ImagePart,
    Message,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolSpec,
)
from backbay.request import Request
from backbay.response import Finish, Usage
from backbay_gateway.dialects.base import Ask
from backbay_gateway.dialects.native import DIALECT
from backbay_gateway.dialects.native_client import read_event, read_response, write_request
from backbay_gateway.dialects.openai_json import to_bytes, to_json

pytestmark = pytest.mark.hypothesis

ASK = Ask("acme:m", ())
REQUEST = Request(
    model="acme:m",
    messages=(
        Message(role="system", content="Be brief."),
        Message(
            role="user",
            content=(
                TextPart(text="Look.", cache="1h"),
                ImagePart(data="AAAA", media_type="image/png"),
                AudioPart(data="AAAA", format="wav"),
                FilePart(file_id="file-1"),
            ),
            name="ann",
        ),
        Message(
            role="assistant",
            content=(ThinkingPart(text="Hm."), TextPart(text="So.")),
            tool_calls=(ToolCall(id="a", name="look", raw_arguments="{broken"), ToolCall(id="b", name="now")),
        ),
        Message(role="tool", content="no", tool_call_id="a", is_error=True),
    ),
    tools=(ToolSpec(name="look", strict=True, cache="5m"), HostedTool(definition={"type": "web_search"})),
    tool_choice="look",
    parallel_tool_calls=False,
    temperature=0,
    top_p=0.5,
    max_tokens=5,
    stop=("x",),
    seed=1,
    response_format=ResponseFormat(schema_={"type": "object"}, strict=True),
    reasoning=512,
    limits=Limits(total=5),
    on_unsupported="warn",
    extra={"top_k": 5},
)


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_is_read_as_what_it_was_but_for_its_limits(stream):
    body = json.loads(json.dumps(write_request(REQUEST, stream=stream)))
    assert "limits" not in body
    ask = DIALECT.read(body)
    back = Request(model=ask.model, messages=ask.messages, **ask.options)  # type: ignore[arg-type]
    assert back == REQUEST.model_copy(update={"limits": Limits()})
    assert ask.stream is stream


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"limits": {"total": 5}}, "limits"),
        ({"temprature": 1}, "temprature"),
        ({"temperature": "1"}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "x", "foo": 1}]}, "messages[0].foo"),
        ({"extra": {"a": {"api_key": "x"}}}, "extra.a.api_key"),
        ({"tools": [{"definition": {"type": "mcp", "headers": {}}}]}, "tools[0].definition.headers"),
        ({"model": None}, "model"),
        ({"stream": 1}, "stream"),
    ],
)
def test_what_is_wrong_is_refused_by_name(more, param):
    with pytest.raises(InvalidRequestError) as caught:
        DIALECT.read({"model": "m", "messages": [{"role": "user", "content": "Hi"}]} | more)
    assert caught.value.param == param  # type: ignore[attr-defined]


def test_half_of_a_surrogate_pair_is_no_text():
    with pytest.raises(InvalidRequestError):
        DIALECT.read({"model": "m", "messages": [{"role": "user", "content": "\ud83d"}]})


words = st.text(min_size=1, max_size=6)
counts = st.none() | st.integers(0, 99)
usages = st.builds(Usage, input=counts, output=counts, cached=counts, raw=st.none() | st.just({"total": 1}))
middles = st.one_of(
    st.builds(Text, words),
    st.builds(Thinking, words),
    st.builds(UsageSeen, usages),
    st.builds(
        lambda number, fragment: ToolDelta(number, f"id{number}", "f", fragment), st.integers(0, 2), st.text(max_size=3)
    ),
)
ends = st.builds(
    Ended,
    st.sampled_from(list(Finish)),
    st.none() | words,
    st.none() | words,
    st.none() | st.just({"citations": [{"url": "x"}]}),
)
streams = st.builds(
    lambda first, middle, last: [*first, *middle, last],
    st.lists(st.builds(Started, st.none() | words, st.none() | words), max_size=1),
    st.lists(middles, max_size=6),
    ends,
)


def sent(events: list[Event]) -> list[dict[str, Any]]:
    """Return the JSON objects of a stream."""
    writer = DIALECT.writer(ASK)
    decoder = SSEDecoder()
    body = b"".join(writer.feed(event) + writer.ping() for event in events)
    return [json.loads(event.data) for event in [*decoder.feed(body), *decoder.finish()]]


@settings(max_examples=100, deadline=None)
@given(streams)
def test_a_stream_is_read_as_the_same_events(events: list[Event]) -> None:
    assert [read_event(value) for value in sent(events)] == events


@settings(max_examples=100, deadline=None)
@given(streams)
def test_a_whole_answer_is_read_as_the_fold_of_its_stream(events: list[Event]) -> None:
    answer = fold(events)
    back = read_response(json.loads(to_bytes(to_json(DIALECT.write(answer, ASK)))))
    assert back.model == (answer.model or "acme:m")
    assert back.__class__(**{**_fields(back), "model": answer.model}) == answer


def _fields(answer: Any) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in answer.__dataclass_fields__}


def test_what_a_vendor_wants_back_goes_sealed_and_comes_back_opened():
    kept = {"acme": {"signature": "s"}}
    events: list[Event] = [
        Thinking("Hm.", kept),
        ToolDelta(0, "a", "f", "{}", kept),
        Ended(Finish.TOOL_CALLS),
    ]
    assert "signature" not in json.dumps(sent(events))
    streamed = fold(read_event(value) for value in sent(events))
    whole = read_response(DIALECT.write(fold(events), ASK))
    for answer in (streamed, whole):
        request = Request(model="m", messages=(answer.message,))
        message = DIALECT.read(write_request(request, stream=False)).messages[0]
        assert [part.opaque for part in message.parts()] == [kept]
        assert [call.opaque for call in message.tool_calls or ()] == [kept]
    forged = Message(role="assistant", content=(ThinkingPart(text="Hm.", opaque=kept),))
    read = DIALECT.read(write_request(Request(model="m", messages=(forged,)), stream=False)).messages[0]
    assert [part.opaque for part in read.parts()] == [None]


def test_the_backends_own_id_is_not_told():
    answer = fold([Text("x"), Ended(Finish.STOP)])
    named = answer.__class__(**{**_fields(answer), "served_by": "acme:http://10.0.0.7/v1", "raw": {"host": "10.0.0.7"}})
    assert "10.0.0.7" not in json.dumps(DIALECT.write(named, ASK))


def test_errors_are_of_their_own_class_again():
    told = DIALECT.refuse(RateLimitError("Slower.", retry_after=2, retryable=True), "req-1")
    assert (told.status, told.headers["retry-after"]) == (429, "2")
    with pytest.raises(RateLimitError, match="Slower") as caught:
        read_event({"type": "error", **told.body})
    assert (caught.value.retry_after, caught.value.retryable, caught.value.request_id) == (2, True, "req-1")
    own = DIALECT.writer(ASK).fail(errors.AuthenticationError("10.0.0.7", backend="acme"))
    with pytest.raises(errors.ServerError, match="own key") as failed:
        read_event(json.loads(own.removeprefix(b"data: ")))
    assert "10.0.0.7" not in str(failed.value)
    with pytest.raises(BackbayError):
        read_event({"type": "error", "error": {"type": "annotations"}})


@pytest.mark.parametrize(
    "value", [{}, {"type": "text"}, {"type": "ended"}, {"type": "usage", "usage": {"x": 1}}, {"type": "new"}]
)
def test_what_is_no_event_is_said_so(value):
    with pytest.raises(DecodeError):
        read_event(value)


def test_what_is_no_answer_is_said_so():
    for value in ({"parts": [{}]}, {"strange": 1}, {"finish": "x"}, {"usage": 1}):
        with pytest.raises(DecodeError):
            read_response(value)
