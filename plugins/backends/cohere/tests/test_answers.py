"""What comes of Cohere's events and bodies that no canonical answer has: plans, citations, odd framing, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

import backbay
from backbay import Finish, Message
from backbay.testing import Reply, ScriptedServer

CITED = {"start": 0, "end": 4, "text": "pong", "sources": [{"type": "document", "id": "d"}]}
USAGE = {
    "billed_units": {"input_tokens": 3, "output_tokens": 1},
    "tokens": {"input_tokens": 500, "output_tokens": 9, "reasoning_tokens": 4},
    "cached_tokens": 480,
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event; what stands in its message is given by name."""
    plain = {name: fields.pop(name) for name in ("id", "index", "logprobs") if name in fields}
    return {"type": kind, **plain, "delta": {"message": fields}}


def ended(reason: str, **fields: Any) -> dict[str, Any]:
    """Return the last event."""
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": {}, **fields}}


def events(*found: dict[str, Any], names: bool = True, done: bool = True) -> Reply:
    """Return a streamed answer."""
    steps = []
    for each in ({"type": "message-start", "id": "a1", "delta": {"message": {"role": "assistant"}}}, *found):
        name = f"event: {each['type']}\n" if names else ""
        steps.append(f"{name}data: {json.dumps(each)}\n\n".encode())
    return Reply(
        headers={"content-type": "text/event-stream"}, steps=[*steps, *([b"data: [DONE]\n\n"] if done else [])]
    )


def whole(message: dict[str, Any], reason: str = "COMPLETE", **fields: Any) -> Reply:
    """Return an answer in one body."""
    return Reply.json({"id": "a1", "message": {"role": "assistant", **message}, "finish_reason": reason, **fields})


def streamed(*replies: Reply, messages: Any = "Say pong.") -> backbay.Response:
    """Return the answer of a stream."""
    with ScriptedServer(list(replies)) as server:
        with backbay.connect_sync("cohere:m", base_url=server.url, api_key="key", retries=0) as backend:
            with backend.stream(messages) as stream:
                for _ in stream:
                    pass
                return stream.response


def completed(reply: Reply) -> backbay.Response:
    """Return the answer of a call that does not stream."""
    with ScriptedServer(reply) as server:
        with backbay.connect_sync("cohere:m", base_url=server.url, api_key="key", retries=0) as backend:
            return backend.complete("Say pong.")


PONG = event("content-delta", index=0, content={"text": "pong"})


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("done", [True, False])
def test_names_of_events_and_done_may_be_missing(names: bool, done: bool) -> None:
    """Both are recorded: the type stands in the JSON, and message-end is the end."""
    answer = streamed(events(PONG, ended("COMPLETE"), names=names, done=done))
    assert (answer.text, answer.id, answer.model) == ("pong", "a1", None)
    assert (answer.finish, answer.raw_finish) == (Finish.STOP, "COMPLETE")


def test_events_of_types_that_nobody_knew_are_passed_over() -> None:
    assert streamed(events(event("debug", prompt="?"), PONG, event("later-event"), ended("COMPLETE"))).text == "pong"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("STOP_SEQUENCE", Finish.STOP), ("MAX_TOKENS", Finish.LENGTH), ("TIMEOUT", Finish.OTHER)],
)
def test_the_finish_is_mapped_and_the_vendors_word_kept(reason: str, finish: Finish) -> None:
    """N9."""
    for answer in (streamed(events(PONG, ended(reason))), completed(whole({"content": "pong"}, reason))):
        assert (answer.finish, answer.raw_finish, answer.text) == (finish, reason, "pong")


def test_usage_is_what_the_model_read_and_not_what_is_billed() -> None:
    for answer in (streamed(events(PONG, ended("COMPLETE", usage=USAGE))), completed(whole({}, usage=USAGE))):
        usage = answer.usage
        assert usage is not None
        assert (usage.input, usage.output, usage.cached, usage.reasoning) == (500, 9, 480, 4)
        assert usage.raw == USAGE
    billed = {"billed_units": {"input_tokens": 3}}
    assert completed(whole({}, usage=billed)).usage is None


def test_a_plan_is_kept_and_goes_back_with_its_call() -> None:
    """Also after the turn was stored as JSON."""
    function = {"name": "f", "arguments": ""}
    plan = [event("tool-plan-delta", tool_plan=piece) for piece in ("I will ", "call f.")]
    start = event("tool-call-start", index=0, tool_calls={**CALL, "function": function})
    grown = [event("tool-call-delta", index=0, tool_calls={"function": {"arguments": p}}) for p in ('{"n"', ": 1}")]
    first = streamed(events(*plan, start, *grown, {"type": "tool-call-end", "index": 0}, ended("TOOL_CALL")))
    second = completed(whole({"tool_plan": "I will call f.", "tool_calls": [CALL]}, "TOOL_CALL"))
    for answer in (first, second):
        assert answer.details == {"tool_plan": "I will call f."}
        assert answer.thinking is None
        assert answer.finish is Finish.TOOL_CALLS
        turn = Message.model_validate_json(answer.message.model_dump_json())
        with ScriptedServer(whole({"content": "done"})) as server:
            with backbay.connect_sync("cohere:m", base_url=server.url, api_key="key") as backend:
                backend.complete([Message(role="user", content="?"), turn])
            said = server.requests[0].json["messages"][1]
        assert said == {"role": "assistant", "tool_calls": [CALL], "tool_plan": "I will call f."}


def test_citations_and_log_probabilities_are_listed_as_they_came() -> None:
    items = [{"text": "po", "token_ids": [1], "logprobs": [-0.1]}, {"text": "ng", "token_ids": [2], "logprobs": [-0.2]}]
    deltas = [event("content-delta", index=0, content={"text": i["text"]}, logprobs=i) for i in items]
    cited = event("citation-start", index=0, citations=CITED)
    first = streamed(events(*deltas, cited, {"type": "citation-end", "index": 0}, ended("COMPLETE")))
    second = completed(whole({"content": [{"type": "text", "text": "pong"}], "citations": [CITED]}, logprobs=items))
    for answer in (first, second):
        assert answer.details == {"citations": [CITED], "logprobs": {"content": items}}


def test_an_answer_that_ends_in_an_error_raises_with_what_came() -> None:
    end = {"error": "an invalid tool generation", "error_type": "INVALID_TOOL_GENERATION"}
    for ask in (
        lambda: streamed(events(PONG, ended("ERROR", **end))),
        lambda: completed(whole({"content": "pong"}, "ERROR", **end)),
    ):
        with pytest.raises(backbay.ResponseError, match="invalid tool generation") as caught:
            ask()
        assert caught.value.code == "INVALID_TOOL_GENERATION"
        assert caught.value.partial is not None
        assert (caught.value.partial.text, caught.value.partial.finish) == ("pong", None)


def test_an_error_that_says_nothing_is_an_error() -> None:
    with pytest.raises(backbay.ResponseError, match="says no more"):
        streamed(events(PONG, ended("ERROR")))


def test_a_stream_without_its_end_is_cut() -> None:
    with pytest.raises(backbay.TruncatedError) as caught:
        streamed(events(PONG, done=False))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "pong"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (
            400,
            {"error_type": "TOO_MANY_TOKENS", "id": "e", "message": "too many"},
            backbay.ContextLengthError,
            "TOO_MANY_TOKENS",
        ),
        (401, {"message": "no api key supplied"}, backbay.AuthenticationError, None),
        (404, {"id": "e", "message": "model 'acme' not found"}, backbay.ModelNotFoundError, None),
        (404, {"message": "no such path"}, backbay.NotFoundError, None),
        (422, {"id": "e", "message": "message must be at least 1 token long"}, backbay.BadRequestError, None),
        (429, {"message": "calls per minute"}, backbay.RateLimitError, None),
    ],
)
def test_errors_are_classified_whatever_their_shape(
    status: int, body: dict[str, Any], kind: type[backbay.ResponseError], code: str | None
) -> None:
    with pytest.raises(backbay.ResponseError, match=body["message"]) as caught:
        completed(Reply.json(body, status=status))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, code)
