"""Recorded traffic: requests that are read, or refused for a reason; answers that our bytes say as the vendor's do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backbay.errors import BackbayError, InvalidRequestError, UnsupportedError
from backbay.folding import fold
from backbay.limits import NO_LIMITS
from backbay.request import build_request
from backbay.spec import BackendSpec
from backbay.wires.anthropic_messages import AnthropicMessages as AnthropicCodec
from backbay.wires.openai_responses import OpenAIResponses as ResponsesCodec
from backbay_gateway.dialects import anthropic_messages, count_tokens, openai_responses
from backbay_gateway.dialects.base import Ask

ANTHROPIC = AnthropicCodec(BackendSpec(name="acme", wires=("anthropic_messages",)), {})
RESPONSES = ResponsesCodec(BackendSpec(name="acme", wires=("openai_responses",)), {})

REFUSED = {
    "anthropic/messages/cache/002": "server_tool_use",
    "anthropic/messages/citations/001": "search_result",
    "anthropic/messages/error_400/001": "messages.0",
    "anthropic/messages/server_tools_stream/002": "context_management",
    "anthropic/messages/thinking/002": "server_tool_use",
    "openai/responses/logprobs/001": "include",
    "openai/responses/logprobs_stream/001": "include",
    "openai/responses/plain/002": "prompt",
    "openai/responses/server_tools/002": "mcp",
    "openai/responses/server_tools_stream/002": "tool_search",
    "openai/responses/thinking_stream/002": "moderation",
    "openai/responses/tool_result/001": "mcp_list_tools",
    "openai/responses/tool_result/002": "previous_response_id",
    "openai/responses/tool_result_stream/002": "tool_search_call",
    "openai/responses/tools_stream/001": "tool_search_call",
    "openai/responses/tools_stream/002": "tools[0].function",
}
"""What is refused, and the word that says why: content of a vendor's own tools, which our messages have no part for;
settings of one vendor alone; log probabilities and templates, of which nothing here knows; what a vendor keeps; and,
twice, what the reference does not have."""


@pytest.mark.parametrize("pattern", ["anthropic/messages", "anthropic/count_tokens", "openai/responses"])
def test_recorded_requests_are_read_or_refused_for_a_listed_reason(load_exchanges, pattern) -> None:
    read = {
        "anthropic/messages": anthropic_messages.DIALECT.read,
        "anthropic/count_tokens": count_tokens.read,
        "openai/responses": openai_responses.DIALECT.read,
    }[pattern]
    seen = 0
    for exchange in load_exchanges(f"{pattern}/*/*.json"):
        body = exchange["request"]["json"]
        if body is None:
            continue
        seen += 1
        if exchange["id"] in REFUSED:
            with pytest.raises((InvalidRequestError, UnsupportedError)) as told:
                read(body)
            assert REFUSED[exchange["id"]] in told.value.message, exchange["id"]
            continue
        ask = read(body)
        build_request(ask.messages, dict(ask.options), limits=NO_LIMITS, model=ask.model)
        assert ask.stream is bool(body.get("stream"))
    assert seen


def _facts(events: Any) -> tuple[Any, ...]:
    answer = fold(events)
    calls = [(call.id, call.name, call.arguments) for call in answer.tool_calls]
    usage = answer.usage
    counts = None if usage is None else (usage.input, usage.output, usage.cached or 0, usage.reasoning or 0)
    said = (answer.text, answer.thinking, calls, answer.finish, answer.refusal)
    return (*said, answer.model, answer.id, counts, answer.details.get("stop_sequence"))


@pytest.mark.parametrize(
    ("pattern", "codec", "dialect"),
    [
        ("anthropic/messages", ANTHROPIC, anthropic_messages.DIALECT),
        ("openai/responses", RESPONSES, openai_responses.DIALECT),
    ],
    ids=["anthropic", "responses"],
)
def test_recorded_answers_say_the_same_in_our_bytes(load_exchanges, pattern, codec, dialect) -> None:
    """Vendor's bytes -> core's events -> our bytes -> core's events, streamed and whole."""
    ask, seen, failed = Ask("acme:m", (), raw={}), 0, []
    for exchange in load_exchanges(f"{pattern}/*/*.json"):
        if exchange["response"]["status"] != 200:
            continue
        try:
            events = codec.decode(exchange["response"]["bytes"]).events
        except BackbayError:
            failed.append(exchange["id"])  # A failure within an answer, or a stream that was cut.
            continue
        seen += 1
        writer = dialect.writer(ask)
        streamed = b"".join(writer.feed(event) for event in events)
        whole = json.dumps(dialect.write(fold(events), ask)).encode()
        assert _facts(codec.decode(streamed).events) == _facts(events), exchange["id"]
        assert _facts(codec.decode(whole).events) == _facts(events), exchange["id"]
    assert (seen > 30, failed) == (True, [])
