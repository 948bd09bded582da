"""Mistral's answers: thinking in pieces, citations, errors in all of their shapes, models, vectors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import backbay
from backbay import Message, Response
from backbay.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    ModelNotFoundError,
    OverloadedError,
    RateLimitError,
)
from backbay.events import Event
from backbay.folding import fold
from backbay.testing import Reply, ScriptedServer, sse


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "a1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], "p": "abc"}


def thinking(*words: str, **more: object) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": word} for word in words], **more}


def streamed(codec, *chunks: dict[str, Any]) -> Response:
    decoder = codec.decoder()
    events: list[Event] = []
    for each in chunks:
        events += decoder.feed(sse(each))
    events += [*decoder.feed(sse("[DONE]")), *decoder.finish()]
    assert decoder.failure is None
    return fold(events)


def whole(codec, content: object, finish: str = "stop") -> Response:
    message = {"role": "assistant", "tool_calls": None, "content": content}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return fold(codec.decode(json.dumps({"id": "a1", "model": "m", "choices": [choice]}).encode()).events)


def opaque(answer: Response) -> list[object]:
    parts = answer.message.content or ()
    return [part.opaque for part in parts if not isinstance(part, str) and part.type == "thinking"]


def test_thinking_in_pieces_is_the_chunk_of_the_whole_answer(codec) -> None:
    """Each piece has ``closed`` (recorded), and the last of them may come with the first of the text."""
    answer = streamed(
        codec,
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": [thinking("I ", closed=True)]}),
        chunk({"content": ""}),
        chunk({"content": [thinking("know.", closed=True), {"type": "text", "text": "1"}]}),
        chunk({"content": "44"}, "stop"),
    )
    assert (answer.thinking, answer.text) == ("I know.", "144")
    assert opaque(answer) == [{"mistral": {"chunk": thinking("I know.", closed=True)}}]
    same = whole(codec, [thinking("I know.", closed=True), {"type": "text", "text": "144"}])
    assert opaque(same) == opaque(answer)


def test_an_empty_piece_at_the_end_adds_nothing(codec) -> None:
    answer = streamed(
        codec,
        chunk({"content": [thinking("I ")]}),
        chunk({"content": [thinking("know.")]}),
        chunk({"content": [thinking()]}),
        chunk({"content": "4"}, "stop"),
    )
    assert opaque(answer) == [{"mistral": {"chunk": thinking("I know.")}}]


def test_a_signed_chunk_is_finished_and_another_follows(codec) -> None:
    call = {"id": "Nr1uNItcS", "function": {"name": "f", "arguments": "{}"}, "index": 0}
    answer = streamed(
        codec,
        chunk({"content": [thinking("one", signature="S1")]}),
        chunk({"content": [thinking("two")]}),
        chunk({"tool_calls": [call]}, "tool_calls"),
    )
    chunks = [thinking("one", signature="S1"), thinking("two")]
    assert opaque(answer) == [{"mistral": {"chunk": each}} for each in chunks]
    assert opaque(whole(codec, chunks)) == opaque(answer)


def test_what_stands_among_the_words_of_thinking_is_kept(codec) -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    thought = {
        "type": "thinking",
        "thinking": [{"type": "text", "text": "a"}, reference, {"type": "text", "text": "b"}],
    }
    answer = streamed(codec, chunk({"content": [thought]}), chunk({"content": "4"}, "stop"))
    assert opaque(answer) == [{"mistral": {"chunk": thought}}]


def test_an_answer_that_was_stored_goes_back_byte_for_byte(codec, body_of) -> None:
    thought = thinking("čovječe\u2028 🌍", signature="EqoB+/==", closed=True)
    answer = whole(codec, [thought, {"type": "text", "text": "144"}])
    stored = Message.model_validate_json(answer.message.model_dump_json())
    body = body_of([Message(role="user", content="12 * 12?"), stored, Message(role="user", content="Sure?")])
    assert body["messages"][1] == {"role": "assistant", "content": [thought, {"type": "text", "text": "144"}]}


def test_references_are_citations(codec) -> None:
    reference = {"type": "reference", "reference_ids": [1, 2]}
    answer = whole(codec, [{"type": "text", "text": "So it is"}, reference])
    assert answer.details["citations"] == [reference]


FLAT = {"object": "error", "param": None}
NO_MODEL = {**FLAT, "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}
TOO_MANY = {**FLAT, "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"detail": "Invalid API Key"}, AuthenticationError, None),
        (401, "Unauthorized", AuthenticationError, None),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs"}]}, BadRequestError, None),
        (
            400,
            {**FLAT, "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
            ModelNotFoundError,
            "1500",
        ),
        (
            400,
            {**FLAT, "message": "Logprobs are not enabled for this model", "type": "invalid_request", "code": "3051"},
            BadRequestError,
            "3051",
        ),
        (
            400,
            {
                **FLAT,
                "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
                "type": "invalid_request_error",
                "code": "3051",
            },
            ContextLengthError,
            "3051",
        ),
        (
            429,
            {**FLAT, "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
            RateLimitError,
            "1300",
        ),
        (
            429,
            {**FLAT, "message": "Service tier capacity exceeded for this model.", "type": "error", "code": "3505"},
            OverloadedError,
            "3505",
        ),
    ],
)
def test_an_error_is_understood_in_each_of_its_shapes(status: int, body: object, kind: type, code: str | None) -> None:
    """M5."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": "application/json", "mistral-correlation-id": "019f-1"}
    with ScriptedServer(Reply(status=status, headers=headers, steps=[text.encode()])) as server:
        with backbay.connect_sync("mistral:m", api_key="key-12345", base_url=server.url, retries=0) as backend:
            with pytest.raises(backbay.ResponseError) as caught:
                backend.complete("Hi.")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (status, code, "019f-1")


def test_a_flat_error_in_a_stream_ends_it() -> None:
    error = {**FLAT, "message": "Internal server error", "type": "internal_server_error", "code": "1000"}
    steps = [sse(chunk({"content": "po"})), sse(error)]
    with ScriptedServer(Reply(headers={"content-type": "text/event-stream"}, steps=steps)) as server:

        async def ask() -> str:
            async with backbay.connect("mistral:m", api_key="key-12345", base_url=server.url, retries=0) as backend:
                async with backend.stream("Hi.") as stream:
                    with pytest.raises(backbay.ResponseError, match="Internal server error"):
                        async for _ in stream:
                            pass
                    return stream.partial.text

        assert asyncio.run(ask()) == "po"


def test_the_address_and_the_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    card = {"id": "m", "object": "model", "max_context_length": 131072, "capabilities": {"vision": True}}
    vectors = {"data": [{"index": 0, "embedding": [0.5, 1.0]}], "model": "mistral-embed"}
    with ScriptedServer([Reply.json({"data": [card]}), Reply.json(vectors)]) as server:
        monkeypatch.setenv("MISTRAL_API_KEY", "key-of-environment")
        monkeypatch.setenv("MISTRAL_API_BASE", server.url.removesuffix("/v1"))
        with backbay.connect_sync("mistral:mistral-embed") as backend:
            [model] = backend.list_models()
            assert backend.embed(["one"], extra={"output_dimension": 2}).vectors == [[0.5, 1.0]]
        listed, embedded = server.requests
    assert (model.context_window, model.raw["capabilities"]) == (131072, {"vision": True})
    assert (listed.path, embedded.path) == ("/v1/models", "/v1/embeddings")
    assert listed.headers["authorization"] == "Bearer key-of-environment"
    assert embedded.json["output_dimension"] == 2


def test_without_a_key_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """U15."""
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(backbay.MissingCredentialError, match="MISTRAL_API_KEY"):
        backbay.connect("mistral:m")
