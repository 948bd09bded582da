"""Recorded requests of the messages wire, built again from our types: the same JSON, but for what is listed here."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from backbay.limits import NO_LIMITS
from backbay.messages import FilePart, HostedTool, ImagePart, Message, TextPart, ThinkingPart, ToolCall, ToolSpec
from backbay.request import Request, build_request
from backbay.spec import BackendSpec
from backbay.wires.anthropic_messages import AnthropicMessages

NAME = "recorded"
SPEC = BackendSpec(name=NAME, wires=("anthropic_messages",))
VERTEX = {
    "path": "publishers/anthropic/models/{model}:rawPredict",
    "stream_path": "publishers/anthropic/models/{model}:streamRawPredict",
    "model_field": False,
    "body_version": "vertex-2023-10-16",
}
OPTIONS = "model messages system max_tokens tools tool_choice temperature top_p stop_sequences stream".split()

UNSAYABLE = {
    "anthropic/messages/error_400/001": "messages that are none, to see the error",
    "anthropic/messages/citations/001": "search_result blocks, which our messages have no part for",
}
"""What our types cannot say, and why."""


def parts_of(content: Any) -> Any:
    return content if isinstance(content, str) else [part_of(block) for block in content]


def part_of(block: dict[str, Any]) -> Any:
    mark = block.get("cache_control") or {}
    cache = mark.get("ttl", "5m") if mark else None
    source = block.get("source", {})
    if block["type"] == "text":
        return TextPart(text=block["text"], cache=cache)
    if block["type"] == "image":
        return ImagePart(data=source["data"], media_type=source["media_type"], cache=cache)
    if block["type"] == "document":
        data = base64.b64encode(source["data"].encode()).decode() if source["type"] == "text" else source["data"]
        asked = (block.get("citations") or {}).get("enabled")
        return FilePart(
            data=data, media_type=source["media_type"], filename=block.get("title"), citations=asked, cache=cache
        )
    if block["type"] == "thinking":
        return ThinkingPart(text=block["thinking"], opaque={NAME: {"signature": block["signature"]}})
    return ThinkingPart(text="", opaque={NAME: {"block": block}})


def messages_of(body: dict[str, Any]) -> list[Message]:
    found = []
    if body.get("system") is not None:
        found.append(Message(role="system", content=parts_of(body["system"])))
    for message in body["messages"]:
        blocks = message["content"]
        if isinstance(blocks, str):
            found.append(Message(role=message["role"], content=blocks))
            continue
        results = [block for block in blocks if block["type"] == "tool_result"]
        found += [result_of(block) for block in results]
        calls = [ToolCall(id=b["id"], name=b["name"], arguments=b["input"]) for b in blocks if b["type"] == "tool_use"]
        said = [part_of(block) for block in blocks if block["type"] not in ("tool_result", "tool_use")]
        if said or calls:
            found.append(Message(role=message["role"], content=said, tool_calls=calls or None))
    return found


def result_of(block: dict[str, Any]) -> Message:
    content = parts_of(block["content"])
    if block.get("cache_control"):
        content = [TextPart(text=content, cache=block["cache_control"].get("ttl", "5m"))]
    return Message(role="tool", tool_call_id=block["tool_use_id"], content=content, is_error=block.get("is_error"))


def tool_of(tool: dict[str, Any]) -> ToolSpec | HostedTool:
    if "input_schema" not in tool:
        return HostedTool(definition=tool)
    return ToolSpec(
        name=tool["name"],
        description=tool.get("description", ""),
        parameters=tool["input_schema"],
        strict=tool.get("strict"),
        cache="5m" if tool.get("cache_control") else None,
    )


def request_of(body: dict[str, Any], model: str) -> Request:
    """Return a recorded body as what a caller would ask."""
    options: dict[str, Any] = {name: body.get(name) for name in ("max_tokens", "temperature", "top_p")}
    options["stop"] = body.get("stop_sequences")
    options["tools"] = [tool_of(tool) for tool in body.get("tools") or ()] or None
    choice = body.get("tool_choice") or {}
    named = {"any": "required", "tool": choice.get("name")}
    options["tool_choice"] = named.get(choice.get("type"), choice.get("type"))
    if "disable_parallel_tool_use" in choice:
        options["parallel_tool_calls"] = not choice["disable_parallel_tool_use"]
    extra = {name: value for name, value in body.items() if name not in OPTIONS and name != "anthropic_version"}
    thinking = dict(extra.pop("thinking", {}))
    if thinking:
        options["reasoning"] = thinking.pop("budget_tokens", "none")
        thinking.pop("type")
        extra |= {"thinking": thinking} if thinking else {}
    form = extra.pop("output_format", None) or extra.pop("output_config", {}).get("format")
    options["response_format"] = form and {"type": "json_schema", "json_schema": form}
    return build_request(messages_of(body), options | {"extra": extra}, limits=NO_LIMITS, model=model)


def plain(body: Any) -> Any:
    """Return a body without the ways to say one thing in two forms."""
    if isinstance(body, list):
        return [plain(item) for item in body]
    if not isinstance(body, dict):
        return body
    found = {name: plain(value) for name, value in body.items()}
    if found.get("cache_control", 0) is None:
        del found["cache_control"]  # null is nothing.
    if found.get("type") == "ephemeral" and found.get("ttl") == "5m":
        del found["ttl"]  # Five minutes are what there is without a word.
    for name in ("content", "system"):
        if isinstance(found.get(name), str) and "source" not in found:
            found[name] = [{"type": "text", "text": found[name]}]  # A string is short for one block.
    if found.get("stream") is False:
        del found["stream"]  # Nothing is streamed unasked.
    if found.get("description") == "":
        del found["description"]
    if found.get("tools", 0) == []:
        del found["tools"]
    return found


@pytest.mark.parametrize("vendor", ["anthropic", "vertex", "azure", "openrouter"])
def test_recorded_requests_can_be_asked_for_with_our_types(load_exchanges, vendor):
    """N2: system first, results in user turns, images and documents as sources, marks, tools and schemas."""
    compared = 0
    for exchange in load_exchanges(f"{vendor}/messages/*/*.json"):
        recorded, sent = exchange["request"]["json"], exchange["request"]
        if recorded is None or exchange["id"] in UNSAYABLE:
            continue
        model = recorded.get("model") or sent["path"].rpartition("/")[2].partition(":")[0]
        quirks = {"schema_field": "output_format"} if "output_format" in recorded else {}
        codec = AnthropicMessages(SPEC, quirks | (VERTEX if vendor == "vertex" else {}))
        encoded = codec.encode(request_of(recorded, model), stream=recorded.get("stream") is True)
        written = json.loads(encoded.body)
        assert plain(written) == plain(recorded), exchange["id"]
        assert sent["path"].endswith(f"/{encoded.path}")
        if "output_format" in recorded:
            beta = {name.lower(): value for name, value in sent["headers"].items()}["anthropic-beta"]
            assert encoded.headers["anthropic-beta"] == beta
        compared += 1
    assert compared >= {"anthropic": 55, "vertex": 9, "azure": 8, "openrouter": 1}[vendor]


def test_recorded_token_counts_can_be_asked_for(load_exchanges):
    for exchange in load_exchanges("anthropic/count_tokens/*/*.json"):
        recorded = exchange["request"]["json"]
        encoded = AnthropicMessages(SPEC, {}).encode_count(request_of(recorded, recorded["model"]))
        assert plain(json.loads(encoded.body)) == plain(recorded)
        assert exchange["request"]["path"].endswith(f"/{encoded.path}")
