"""Every recorded chat exchange of OpenAI and llama.cpp decodes to its expected facts, at any split of its bytes.

Where a fact and ours differ by design, ``DIFFERENCES`` says why; each was looked at by hand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backbay.errors import ResponseError
from backbay.events import Event, check_events
from backbay.folding import fold
from backbay.http.codec import Codec
from backbay.http.statuses import response_error
from backbay.response import Finish, Response
from backbay.spec import BackendSpec
from backbay.wires.openai_chat import OpenAIChat

VENDORS = ("openai", "llamacpp")
SPEC = BackendSpec(name="recorded", wires=("openai_chat",))

DIFFERENCES = {
    "openai/chat/tools/002": "a call of the form before tool_calls has no id; ours gets one, made from the answer's id",
}


def exchanges(corpus: Path) -> list[dict[str, Any]]:
    """Return every chat exchange of the vendors, in order."""
    files = [
        path for vendor in VENDORS for path in sorted((corpus / "wire/exchanges" / vendor / "chat").rglob("*.json"))
    ]
    return [json.loads(path.read_text("utf-8")) for path in files]


def body_of(exchange: dict[str, Any]) -> bytes:
    """Return the bytes of the response."""
    response = exchange["response"]
    text = response.get("sse", response.get("body"))
    return base64.b64decode(response["body_b64"]) if text is None else text.encode()


def codec() -> Codec:
    """Return the codec under test."""
    return OpenAIChat(SPEC, {})


def decode_stream(body: bytes, size: int) -> Sequence[Event]:
    """Decode a streamed body in pieces of ``size`` bytes."""
    decoder = codec().decoder()
    events: list[Event] = []
    for start in range(0, len(body), size):
        events += decoder.feed(body[start : start + size])
        assert decoder.failure is None
    events += decoder.finish()
    assert decoder.failure is None, decoder.failure
    return events


def assert_facts(response: Response, expected: dict[str, Any], exchange_id: str) -> None:
    """Compare an answer with the corpus's facts."""
    assert response.text == expected["text"]
    assert (response.thinking or "") == expected["thinking"]
    assert response.raw_finish == expected["finish_reason"]
    assert (response.model or "") == (expected["model"] or "")
    assert (response.id or "") == (expected["response_id"] or "")
    assert response.refusal == expected.get("refusal")
    assert_usage(response, expected["usage"])
    assert_calls(response, expected["tool_calls"], exchange_id)
    assert ("logprobs" in response.details) == bool(expected.get("logprobs"))
    assert ("audio" in response.details) == bool(expected.get("audio"))
    assert len(response.details.get("citations", [])) == expected.get("citations", 0)  # type: ignore[arg-type]


def assert_usage(response: Response, expected: dict[str, Any]) -> None:
    """Compare token counts; what the vendor did not say is ``None``, never 0."""
    usage = response.usage
    if not expected:
        assert usage is None
        return
    assert usage is not None
    found = {"input": usage.input, "output": usage.output, "cached": usage.cached, "reasoning": usage.reasoning}
    found |= {"total": usage.total, "cache_write": usage.cache_written}
    assert {name: value for name, value in found.items() if value is not None} == expected


def assert_calls(response: Response, expected: list[dict[str, Any]], exchange_id: str) -> None:
    """Compare tool calls; malformed arguments stay on the call, with an error (N3, M10)."""
    assert len(response.tool_calls) == len(expected)
    assert len({call.id for call in response.tool_calls}) == len(expected)
    for call, want in zip(response.tool_calls, expected, strict=True):
        assert call.name == want["name"]
        assert call.id == want["id"] or (call.id and exchange_id in DIFFERENCES)
        if "arguments_raw" in want:
            assert (call.raw_arguments, call.arguments) == (want["arguments_raw"], None)
            assert call.error
        else:
            assert (call.arguments, call.error) == (want["arguments"], None)
    if expected and response.raw_finish in ("stop", "tool_calls", "function_call"):
        assert response.finish is Finish.TOOL_CALLS


@pytest.mark.parametrize(
    "size", [1, 2, 3, 4, 5, 6, 7, 1 << 30], ids=lambda size: f"split-{size}" if size < 8 else "whole"
)
def test_recorded_streams_decode_to_their_facts_at_every_split(corpus: Path, size: int) -> None:
    """M7, M8, M9, M10, M14, N3, N5, N6, N9 on recorded traffic."""
    streamed = [e for e in exchanges(corpus) if "sse" in e["response"] and e["expected"]["kind"] == "chat"]
    assert len(streamed) >= 20
    for exchange in streamed:
        events = decode_stream(body_of(exchange), size)
        check_events(events)
        assert_facts(fold(events), exchange["expected"], exchange["id"])


def test_recorded_whole_answers_decode_to_their_facts(corpus: Path) -> None:
    """M8, M10, M14, N3, N6, N9 on recorded traffic that was not streamed."""
    whole = [e for e in exchanges(corpus) if "body" in e["response"] and e["expected"]["kind"] == "chat"]
    assert len(whole) >= 35
    for exchange in whole:
        decoded = codec().decode(body_of(exchange))
        check_events(decoded.events)
        assert_facts(fold(decoded.events), exchange["expected"], exchange["id"])


@pytest.mark.parametrize("size", [1, 5, 1 << 30])
def test_a_whole_answer_in_place_of_a_stream_gives_the_same_events(corpus: Path, size: int) -> None:
    """A server that ignores ``stream`` is understood: ``complete`` equals the fold of ``stream`` (law 1)."""
    for exchange in exchanges(corpus):
        if "body" in exchange["response"] and exchange["expected"]["kind"] == "chat":
            body = body_of(exchange)
            assert list(decode_stream(body, size)) == list(codec().decode(body).events)


def test_recorded_errors_become_typed_errors_with_the_vendors_words(corpus: Path) -> None:
    """M4, M5 on recorded traffic: status, code and message are found, and nothing else is raised."""
    failed = [e for e in exchanges(corpus) if e["expected"]["kind"] == "error"]
    assert len(failed) >= 10
    for exchange in failed:
        response, expected, body = exchange["response"], exchange["expected"]["error"], body_of(exchange)
        facts = codec().error(response["status"], response["headers"], body)
        error = response_error(response["status"], response["headers"], body, facts, redact=str)
        assert isinstance(error, ResponseError)
        assert error.status == expected["status"]
        assert (expected["message"] or "")[:80] in error.message
        code = expected["code"] if isinstance(expected["code"], str) else expected["type"]
        assert error.code == code


def golden_cases(corpus: Path) -> list[dict[str, Any]]:
    """Return the streams of this wire that a vendor's SDK ships with its tests."""
    cases = json.loads((corpus / "data/stream-golden.json").read_text("utf-8"))["cases"]
    return [case for case in cases if case["protocol"] == "openai-chat"]


@pytest.mark.parametrize("size", [1, 7, 1 << 30])
def test_the_vendors_own_golden_streams_accumulate_alike(corpus: Path, size: int) -> None:
    """``stream-golden.json``, its OpenAI part: what OpenAI's SDK accumulates from choice 0, we do."""
    cases = golden_cases(corpus)
    assert len(cases) == 12
    for case in cases:
        events = decode_stream(base64.b64decode(case["bytes"]), size)
        check_events(events)
        response, expected = fold(events), case["expected"]["choices"]["0"]
        assert response.text == (expected["content"] or "")
        assert response.refusal == (expected.get("refusal") or None)
        assert response.raw_finish == expected["finish_reason"]
        assert response.model == case["expected"]["model"]
        calls = [(call.id, call.name, call.raw_arguments) for call in response.tool_calls]
        assert calls == [golden_call(call) for call in expected["tool_calls"]]
        if case["expected"]["usage"]:
            assert response.usage is not None
            assert response.usage.raw == case["expected"]["usage"]


def golden_call(call: dict[str, Any]) -> tuple[str, str, str]:
    """Return a golden tool call as (id, name, arguments)."""
    function = call.get("function", call)
    return call["id"], function["name"], function["arguments"]
