"""Every recorded request of the responses wire can be asked for in our words, and gives the same JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backbay import Message, ToolCall
from backbay.limits import Limits
from backbay.messages import FilePart, ImagePart, TextPart, ThinkingPart
from backbay.request import build_request
from backbay.spec import BackendSpec
from backbay.wires.openai_responses import OpenAIResponses

SPEC = BackendSpec(name="acme", wires=("openai_responses",))

NOT_OURS = {
    "plain/002": "a prompt that the vendor stores stands in the place of messages",
    "tools_stream/002": "its tool is in the form of the chat wire, which the server took all the same",
}
"""Recorded requests of OpenAI that are not asked for in our words, each with the reason."""


def simple(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without what a tool leaves open, and with no tool deferred.

    Tools that a tool search is to find are given as hosted ones.
    """
    tools = [
        {name: value for name, value in tool.items() if value is not None and name != "defer_loading"}
        for tool in recorded.get("tools", ())
    ]
    return {**recorded, **({"tools": tools} if tools else {})}


def asked(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be given for a recorded body: messages, options and quirks."""
    body = dict(recorded)
    messages = items_as_messages(body.pop("input"))
    extra: dict[str, Any] = {}
    options: dict[str, Any] = {"model": body.pop("model"), "extra": extra}
    options["tools"] = body.pop("tools", None)
    for field, option in (("max_output_tokens", "max_tokens"), ("temperature", "temperature")):
        options[option] = body.pop(field, None)
    options["parallel_tool_calls"] = body.pop("parallel_tool_calls", None)
    choice = body.pop("tool_choice", None)
    if isinstance(choice, dict) and choice["type"] != "function":
        extra["tool_choice"] = choice
    else:
        options["tool_choice"] = choice["name"] if isinstance(choice, dict) else choice
    form = body.pop("text", {}).get("format")
    if form is not None:
        form = {**form}
        kind = form.pop("type")
        options["response_format"] = {"type": kind, "json_schema": form} if kind == "json_schema" else {"type": kind}
    reasoning = dict(body.pop("reasoning", {}))
    options["reasoning"] = reasoning.pop("effort", None)
    extra |= {"reasoning": reasoning} if reasoning else {}
    include = body.pop("include", [])
    encrypted = "reasoning.encrypted_content" in include
    rest = [each for each in include if each != "reasoning.encrypted_content"]
    extra |= {"include": rest} if rest else {}
    quirks = {"store": body.pop("store", None), "encrypted_reasoning": encrypted}
    quirks["cache_marks"] = "prompt_cache_breakpoint"
    body.pop("stream", None)
    return {"messages": messages, "options": {**options, "extra": {**extra, **body}}, "quirks": quirks}


def items_as_messages(items: Any) -> list[Message]:
    """Return input items as messages; those of the vendor alone as what an answer keeps of them."""
    if isinstance(items, str):
        return [Message(role="user", content=items)]
    messages = []
    for item in items:
        if item.get("type") == "function_call_output":
            messages.append(Message(role="tool", tool_call_id=item["call_id"], content=item["output"]))
        elif item.get("type") == "function_call":
            rest = {name: value for name, value in item.items() if name not in ("call_id", "name", "arguments")}
            opaque: dict[str, Any] = {"acme": {"item": rest}}
            call = ToolCall(id=item["call_id"], name=item["name"], raw_arguments=item["arguments"], opaque=opaque)
            messages.append(Message(role="assistant", tool_calls=(call,)))
        elif "role" not in item:
            messages.append(
                Message(role="assistant", content=(ThinkingPart(text="", opaque={"acme": {"item": item}}),))
            )
        else:
            role: Any = "system" if item["role"] == "developer" else item["role"]
            messages.append(Message(role=role, content=tuple(part_of(part) for part in parts_of(item["content"]))))
    return messages


def parts_of(content: Any) -> Any:
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def part_of(part: Mapping[str, Any]) -> TextPart | ImagePart | FilePart:
    if part["type"] == "input_image":
        return ImagePart(url=part["image_url"].replace("data:", "https://data/"), detail=part.get("detail"))
    if part["type"] == "input_file":
        head, _, data = part["file_data"].partition(";base64,")
        return FilePart(data=data, media_type=head.removeprefix("data:"), filename=part["filename"])
    return TextPart(text=part["text"], cache="5m" if "prompt_cache_breakpoint" in part else None)


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with the forms that mean the same made one."""
    found = {name: value for name, value in body.items() if name != "stream"}
    found["input"] = [plain_item(item) for item in items_of(found["input"])]
    return found


def items_of(items: Any) -> Any:
    return [{"role": "user", "content": items}] if isinstance(items, str) else items


def plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item without a message's type, and its id and status; a text as a list; system for developer."""
    if "role" in item:
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        content = item["content"]
        parts = [{"type": kind, "text": content}] if isinstance(content, str) else content
        role = "system" if item["role"] == "developer" else item["role"]
        return {"role": role, "content": [plain_part(part) for part in parts]}
    dropped = {"function_call": ("id", "status"), "function_call_output": ("status",)}.get(item["type"], ())
    return {name: value for name, value in item.items() if name not in dropped}


def plain_part(part: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in part.items() if name not in ("annotations", "logprobs")}
    if part["type"] == "input_image":
        found = {"detail": "auto", **found, "image_url": part["image_url"].replace("https://data/", "data:")}
    return found


def test_every_recorded_request_can_be_asked_for_in_our_words(corpus: Path) -> None:
    """N2: the same JSON, but for forms that mean the same, and for what NOT_OURS names."""
    seen = 0
    for path in sorted((corpus / "wire/exchanges").glob("*/responses/*/*.json")):
        recorded = json.loads(path.read_text("utf-8"))["request"].get("json")
        if recorded and f"{path.parent.name}/{path.stem}" not in NOT_OURS:
            words = asked(simple(recorded))
            request = build_request(words["messages"], words["options"], limits=Limits(), model=None)
            written = OpenAIResponses(SPEC, words["quirks"]).encode(request, stream=False)
            assert plain(json.loads(written.body)) == plain(simple(recorded)), path
            seen += 1
    assert seen > 95
