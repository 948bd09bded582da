"""Recorded traffic of the messages wire (Anthropic, Vertex, Azure, OpenRouter): read, and written again.

The recordings stay where they are; see ``corpus`` in the repository's conftest.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from backbay.events import check_events
from backbay.folding import fold
from backbay.http.statuses import response_error
from backbay.messages import Message
from backbay.response import Response
from backbay.spec import BackendSpec
from backbay.wires.anthropic_blocks import Turns
from backbay.wires.anthropic_messages import AnthropicMessages

NAME = "recorded"
FOLDERS = ("anthropic/messages", "vertex/messages", "azure/messages", "openrouter/messages")
CODEC = AnthropicMessages(BackendSpec(name=NAME, wires=("anthropic_messages",)), {})


@pytest.fixture
def chats(load_exchanges):
    found = [exchange for folder in FOLDERS for exchange in load_exchanges(f"{folder}/*/*.json")]
    return [exchange for exchange in found if exchange["expected"]["kind"] == "chat"]


def body_of(exchange: dict[str, Any]) -> bytes:
    return exchange["response"]["bytes"]


def read_stream(body: bytes, size: int) -> Response:
    decoder = CODEC.decoder()
    events = []
    for start in range(0, len(body), size):
        events += decoder.feed(body[start : start + size])
    events += decoder.finish()
    assert decoder.failure is None, decoder.failure
    check_events(events)
    return fold(events)


def read_whole(body: bytes) -> Response:
    events = CODEC.decode(body).events
    check_events(events)
    return fold(events)


def own_data(answer: Response) -> list[dict[str, Any]]:
    return [part.opaque[NAME] for part in answer.parts if part.type == "thinking" and part.opaque]


def shortened(signature: str) -> object:
    digest = hashlib.sha256(signature.encode()).hexdigest()
    return {"sha256": digest, "chars": len(signature)} if len(signature) > 240 else signature


def facts_of(answer: Response) -> dict[str, Any]:
    """Return an answer's facts as the corpus has them: without what is empty, and the input without cached tokens."""
    usage, own = answer.usage, own_data(answer)
    assert usage is not None
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments}
        if call.error is None
        else {"id": call.id, "name": call.name, "arguments_raw": call.raw_arguments}
        for call in answer.tool_calls
    ]
    counts = {
        "input": usage.input - (usage.cached or 0) - (usage.cache_written or 0),
        "output": usage.output,
        "cached": usage.cached,
        "cache_write": usage.cache_written,
        "reasoning": usage.reasoning,
    }
    hosted = answer.details.get("server_tools", ())
    facts = {
        "text": answer.text,
        "thinking": answer.thinking,
        "tool_calls": calls,
        "finish_reason": answer.raw_finish,
        "model": answer.model,
        "response_id": answer.id,
        "usage": {name: count for name, count in counts.items() if count is not None},
        "signatures": [shortened(data["signature"]) for data in own if "signature" in data],
        "redacted_thinking": sum(data.get("block", {}).get("type") == "redacted_thinking" for data in own),
        "citations": len(answer.details.get("citations", ())),
        "server_tools": [f"{one['type']}:{one['name']}" if "name" in one else one["type"] for one in hosted],
        "stop_sequence": answer.details.get("stop_sequence"),
        "refusal": answer.refusal,
    }
    return {name: fact for name, fact in facts.items() if fact}


def expected_of(exchange: dict[str, Any]) -> dict[str, Any]:
    about_framing = ("kind", "choices", "events", "done_marker")
    return {name: fact for name, fact in exchange["expected"].items() if fact and name not in about_framing}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 1 << 24])
def test_recorded_streams_decode_to_their_facts_at_any_split(chats, size):
    """N3, N5, N6, N9: ids, counts, thinking and finish reasons, byte by byte too."""
    streams = [exchange for exchange in chats if exchange["response"]["framing"] == "sse"]
    assert len(streams) > 25
    for exchange in streams:
        assert facts_of(read_stream(body_of(exchange), size)) == expected_of(exchange), exchange["id"]


def test_recorded_whole_answers_decode_to_their_facts(chats):
    """N3, N5, N6, N9."""
    wholes = [exchange for exchange in chats if exchange["response"]["framing"] == "json"]
    assert len(wholes) > 30
    for exchange in wholes:
        answer = read_whole(body_of(exchange))
        assert facts_of(answer) == expected_of(exchange), exchange["id"]
        # A server that does not stream although it was asked to.
        assert read_stream(body_of(exchange), 999) == answer, exchange["id"]


def test_a_stream_in_one_piece_is_read_as_a_whole_answer_too(chats):
    for exchange in chats:
        if exchange["response"]["framing"] == "sse":
            assert facts_of(read_whole(body_of(exchange))) == expected_of(exchange), exchange["id"]


def test_an_answer_goes_back_block_by_block_as_it_came(chats):
    """Vendors of this wire check signatures against the turns before them: text, thinking, tools and citations."""
    compared = 0
    for exchange in chats:
        if exchange["response"]["framing"] != "json":
            continue
        content = json.loads(body_of(exchange))["content"]
        stored = Message.model_validate_json(read_whole(body_of(exchange)).message.model_dump_json())
        turns = Turns(NAME, unsigned=False)
        turns.add(stored, 1)
        sent = turns.written[0]["content"] if turns.written else []
        blocks = [{"type": "text", "text": sent}] if isinstance(sent, str) else sent
        assert blocks == [_said(block) for block in content], exchange["id"]
        compared += 1
    assert compared > 30


def _said(block: dict[str, Any]) -> dict[str, Any]:
    # Text without citations may say so with null.
    return {name: value for name, value in block.items() if name != "citations" or value}


def test_recorded_errors_say_what_the_vendor_said(load_exchanges):
    """The status, the vendor's type and words, its request id, and how long to wait."""
    kinds = {
        "error_400": "BadRequestError",
        "error_401": "AuthenticationError",
        "error_404": "NotFoundError",
        "error_429": "RateLimitError",
        "error_500": "ServerError",
        "error_529": "OverloadedError",
    }
    for exchange in load_exchanges("anthropic/*/error_*/*.json"):
        if exchange["api"] == "complete_legacy":
            continue  # The API before this one; nothing of it is spoken here.
        response, said = exchange["response"], exchange["expected"]["error"]
        body = body_of(exchange)
        facts = CODEC.error(response["status"], response["headers"], body)
        error = response_error(response["status"], response["headers"], body, facts, redact=str)
        assert type(error).__name__ == kinds[exchange["feature"]]
        assert (error.status, error.code, facts.message) == (said["status"], said["type"], said["message"])
        assert error.request_id == response["headers"].get("request-id")
        if exchange["feature"] == "error_429":
            assert (error.retryable, error.retry_after) == (True, 7.0)


def test_recorded_model_lists_have_sizes_and_counts_are_read(load_exchanges):
    for exchange in load_exchanges("anthropic/models/*/*.json"):
        body = body_of(exchange)
        models = CODEC.decode_models(body)
        assert [model.id for model in models] == exchange["expected"]["models"]["ids"]
        assert CODEC.next_page(body) is None
        for model in models:
            sizes = (model.raw.get("max_input_tokens"), model.raw.get("max_tokens"))
            assert (model.context_window, model.max_output_tokens) == sizes
    for exchange in load_exchanges("anthropic/count_tokens/count_tokens/*.json"):
        assert CODEC.decode_count(body_of(exchange)) == exchange["expected"]["count"]


GOLDEN_REFUSAL = {"refusal_response": "This request was refused due to policy."}


def test_streams_of_the_vendors_own_clients_accumulate_to_what_those_say(corpus):
    """The streams that the vendor's client is tested with, and what that makes of them."""
    cases = json.loads((corpus / "data/stream-golden.json").read_text("utf-8"))["cases"]
    cases = [case for case in cases if case["protocol"] == "anthropic-messages"]
    assert len(cases) >= 10
    for case in cases:
        body, expected = base64.b64decode(case["bytes"]), case["expected"]
        answers = [read_stream(body, size) for size in (1, 2, 3, 4, 5, 6, 7, len(body))]
        assert all(answer == answers[0] for answer in answers)
        answer, blocks = answers[0], expected["content"]
        assert answer.text == "".join(block["text"] for block in blocks if block["type"] == "text"), case["name"]
        assert (answer.thinking or "") == "".join(block.get("thinking", "") for block in blocks)
        assert (answer.raw_finish, answer.model) == (expected["stop_reason"], expected["model"])
        assert answer.usage.output == expected["usage"]["output_tokens"]
        assert [call.name for call in answer.tool_calls] == [b["name"] for b in blocks if b["type"] == "tool_use"]
        assert answer.refusal == GOLDEN_REFUSAL.get(case["name"].removeprefix("anthropic-"))
