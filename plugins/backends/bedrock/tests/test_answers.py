"""Answers keep all that must go back to Bedrock, and say what Bedrock said; calls of several requests are one."""

from __future__ import annotations

import asyncio
import json

import pytest

from backbay import (
    AuthenticationError,
    ContextLengthError,
    DecodeError,
    Finish,
    Message,
    ModelNotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    connect,
)
from backbay.folding import fold
from backbay.http.statuses import response_error
from backbay.testing import Reply, ScriptedServer
from backbay_bedrock.emitting import event

CITED = {"location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 4}}, "title": "facts"}
BLOCKS = [
    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln=="}}},
    {"reasoningContent": {"redactedContent": "cmVkYWN0ZWQ="}},
    {"text": "Let me look. "},
    {"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "input": {"query": "x"}, "type": "server_tool_use"}},
    {
        "toolResult": {
            "toolUseId": "s1",
            "status": "success",
            "type": "nova_grounding_result",
            "content": [{"text": "[]"}],
        }
    },
    {"text": "It says: "},
    {"citationsContent": {"content": [{"text": "yes"}], "citations": [CITED]}},
    {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": 1}}},
    {"text": "There."},
]
WHOLE = {
    "output": {"message": {"role": "assistant", "content": BLOCKS}},
    "stopReason": "tool_use",
    "usage": {
        "inputTokens": 3,
        "outputTokens": 9,
        "cacheReadInputTokens": 20,
        "cacheWriteInputTokens": 5,
        "totalTokens": 37,
    },
    "metrics": {"latencyMs": 5},
    "trace": {"guardrail": {"actionReason": "No action."}},
    "additionalModelResponseFields": {"stop_sequence": "END"},
}


def streamed() -> bytes:
    """Return the same answer in the events that Bedrock would send."""

    def delta(index: int, value: dict) -> bytes:
        return event("contentBlockDelta", {"contentBlockIndex": index, "delta": value})

    def start(index: int, value: dict) -> bytes:
        return event("contentBlockStart", {"contentBlockIndex": index, "start": value})

    def stop(index: int) -> bytes:
        return event("contentBlockStop", {"contentBlockIndex": index})

    server, result = BLOCKS[3]["toolUse"], BLOCKS[4]["toolResult"]
    sent = [
        event("messageStart", {"role": "assistant"}),
        *[delta(0, {"reasoningContent": {"text": text}}) for text in ("H", "m.")],
        delta(0, {"reasoningContent": {"signature": "c2ln=="}}),
        stop(0),
        *[delta(1, {"reasoningContent": {"redactedContent": text}}) for text in ("cmVkYWM=", "dGVk")],
        stop(1),
        *[delta(2, {"text": text}) for text in ("", "Let me", " look. ")],
        stop(2),
        start(3, {"toolUse": {name: value for name, value in server.items() if name != "input"}}),
        *[delta(3, {"toolUse": {"input": text}}) for text in ('{"query"', ': "x"}')],
        stop(3),
        start(4, {"toolResult": {name: value for name, value in result.items() if name != "content"}}),
        delta(4, {"toolResult": [{"text": "[]"}]}),
        stop(4),
        delta(5, {"text": "It says: "}),
        stop(5),
        delta(6, {"citation": CITED}),
        *[delta(6, {"text": text}) for text in ("y", "es")],
        stop(6),
        start(7, {"toolUse": {"toolUseId": "t1", "name": "look"}}),
        delta(7, {"toolUse": {"input": '{"at": 1}'}}),
        stop(7),
        delta(8, {"text": "There."}),
        stop(8),
        event("messageStop", {name: WHOLE[name] for name in ("stopReason", "additionalModelResponseFields")}),
        event("metadata", {name: WHOLE[name] for name in ("usage", "metrics", "trace")}),
    ]
    return b"".join(sent)


def test_a_whole_answer_and_its_stream_are_one_answer(codec) -> None:
    decoder = codec.decoder()
    answer = fold([*decoder.feed(streamed()), *decoder.finish()])
    assert decoder.failure is None
    assert answer == fold(codec.decode(json.dumps(WHOLE).encode()).events)
    assert (answer.text, answer.thinking) == ("Let me look. It says: yesThere.", "Hm.")
    assert (answer.finish, answer.raw_finish) == (Finish.TOOL_CALLS, "tool_use")
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("t1", {"at": 1})]
    assert (answer.usage.input, answer.usage.output, answer.usage.cached, answer.usage.cache_written) == (28, 9, 20, 5)
    assert answer.details["citations"] == [CITED]
    assert answer.details["server_tools"] == BLOCKS[3:5]
    assert answer.details["stop_sequence"] == "END"
    assert answer.details["bedrock"] == {
        name: WHOLE[name] for name in ("metrics", "trace", "additionalModelResponseFields")
    }


def test_an_answer_goes_back_block_by_block_as_it_was(codec, body_of) -> None:
    """A10: signatures, redacted thinking, tools that Bedrock ran, citations, and the order of all."""
    answer = fold(codec.decode(json.dumps(WHOLE).encode()).events)
    stored = Message.model_validate_json(answer.message.model_dump_json())
    result = Message(role="tool", tool_call_id="t1", content="ok")
    body = body_of([Message(role="user", content="Hi"), stored, result])
    assert body["messages"][1]["content"] == BLOCKS


def test_tool_calls_beside_an_end_of_turn_are_tool_calls(codec) -> None:
    answer = fold(codec.decode(json.dumps({**WHOLE, "stopReason": "end_turn"}).encode()).events)
    assert (answer.finish, answer.raw_finish) == (Finish.TOOL_CALLS, "end_turn")


def test_no_usage_is_no_usage(codec) -> None:
    body = {"output": {"message": {"role": "assistant", "content": [{"text": ""}]}}, "stopReason": "end_turn"}
    answer = fold(codec.decode(json.dumps(body).encode()).events)
    assert answer.usage is None
    assert answer.text == ""


@pytest.mark.parametrize("body", [b"{}", b'{"output": {}}', b'{"output": {"message": {"content": 1}}}'])
def test_what_is_no_answer_is_a_decode_error(codec, body: bytes) -> None:
    with pytest.raises(DecodeError, match="no content"):
        codec.decode(body)


@pytest.mark.parametrize(
    ("status", "header", "body", "expected"),
    [
        (
            403,
            "ExpiredTokenException:http://internal.amazon.com/",
            {"message": "expired"},
            (AuthenticationError, "ExpiredTokenException"),
        ),
        (
            403,
            "",
            {"Message": "Authentication failed: Please make sure your API Key is valid."},
            (AuthenticationError, None),
        ),
        (403, "AccessDeniedException", {"message": "no access"}, (PermissionDeniedError, "AccessDeniedException")),
        (429, "ThrottlingException", {"message": "Too many requests"}, (RateLimitError, "ThrottlingException")),
        (
            400,
            "ServiceQuotaExceededException",
            {"message": "quota"},
            (QuotaExceededError, "ServiceQuotaExceededException"),
        ),
        (
            400,
            "ValidationException",
            {"message": "The provided model identifier is invalid."},
            (ModelNotFoundError, "ValidationException"),
        ),
        (
            400,
            "ValidationException",
            {"message": "Input is too long for requested model."},
            (ContextLengthError, "ValidationException"),
        ),
        (
            403,
            "",
            {"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "no"},
            (AuthenticationError, "UnrecognizedClientException"),
        ),
    ],
)
def test_an_errors_type_is_read_from_its_header(
    codec, status: int, header: str, body: dict, expected: tuple[type[ResponseError], str | None]
) -> None:
    headers = {"x-amzn-errortype": header} if header else {}
    raw = json.dumps(body).encode()
    error = response_error(status, headers, raw, codec.error(status, headers, raw), redact=str)
    assert (type(error), error.code) == expected


def _models(request) -> Reply:
    texts = {"inputTextTokenCount": 3, "embedding": [0.5, float(len(request.json["inputText"]))]}
    return Reply(headers={"content-type": "application/json"}, steps=[json.dumps(texts).encode()])


def test_titan_embeds_several_texts_by_as_many_calls() -> None:
    async def law(url: str) -> object:
        async with connect("bedrock:amazon.titan-embed-text-v2:0", api_key="k" * 20, base_url=url) as backend:
            return await backend.embed(["a", "bb", "ccc"], extra={"dimensions": 256})

    with ScriptedServer(_models) as server:
        found = asyncio.run(law(server.url))
        asked = [request.json for request in server.requests]
        assert {request.path for request in server.requests} == {"/v1/model/amazon.titan-embed-text-v2%3A0/invoke"}
    assert asked == [{"inputText": text, "dimensions": 256} for text in ("a", "bb", "ccc")]
    assert found.vectors == [[0.5, 1.0], [0.5, 2.0], [0.5, 3.0]]
    assert found.usage.input == 9


@pytest.mark.parametrize(
    ("body", "text", "raw_finish", "usage"),
    [
        (
            {"generation": " hi", "prompt_token_count": 7, "generation_token_count": 8, "stop_reason": "length"},
            " hi",
            "length",
            (7, 8),
        ),
        (
            {
                "inputTextTokenCount": 5,
                "results": [{"tokenCount": 4, "outputText": "hi", "completionReason": "FINISH"}],
            },
            "hi",
            "FINISH",
            (5, 4),
        ),
        ({"completions": [{"data": {"text": "hi"}, "finishReason": {"reason": "endoftext"}}]}, "hi", "endoftext", None),
        ({"generations": [{"text": "hi", "finish_reason": "COMPLETE"}]}, "hi", "COMPLETE", None),
        ({"outputs": [{"text": "hi", "stop_reason": "stop"}]}, "hi", "stop", None),
        ({"text": "hi", "finish_reason": "MAX_TOKENS", "generation_id": "g"}, "hi", "MAX_TOKENS", None),
        (
            {"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn"},
            "hi",
            "end_turn",
            None,
        ),
        ({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}, "hi", "stop", None),
    ],
)
def test_invoke_reads_each_models_own_form(invoke, body: dict, text: str, raw_finish: str, usage) -> None:
    answer = fold(invoke.decode(json.dumps(body).encode()).events)
    assert (answer.text, answer.raw_finish) == (text, raw_finish)
    assert answer.finish is not Finish.OTHER
    assert (answer.usage and (answer.usage.input, answer.usage.output)) == usage


def test_models_are_listed_at_the_control_planes_host_and_asked_at_the_runtimes() -> None:
    class Answering:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def send(self, method: str, url: str, headers: object, body: bytes) -> object:
            self.asked.append(f"{method} {url}")
            return _Answer(
                b'{"modelSummaries": [{"modelId": "acme.m1"}]}' if method == "GET" else json.dumps(WHOLE).encode()
            )

        async def aclose(self) -> None:
            self.asked.append("closed")

    async def law(transport: Answering) -> list[str]:
        config = {"region": "eu-west-1", "api_key": "k" * 20, "transport": transport}
        async with connect("bedrock:acme.m1", **config) as backend:
            assert (await backend.health()).reachable
            assert (await backend.complete("Say pong.")).text
            return [model.id for model in await backend.list_models()]

    transport = Answering()
    assert asyncio.run(law(transport)) == ["acme.m1"]
    listed = "GET https://bedrock.eu-west-1.amazonaws.com/foundation-models"
    asked = "POST https://bedrock-runtime.eu-west-1.amazonaws.com/model/acme.m1/converse"
    assert transport.asked[:3] == [listed, asked, listed]


class _Answer:
    status = 200

    def __init__(self, body: bytes) -> None:
        self.headers: dict[str, str] = {"content-type": "application/json"}
        self._body = body

    async def chunks(self):
        yield self._body

    async def aclose(self) -> None:
        self._body = b""
