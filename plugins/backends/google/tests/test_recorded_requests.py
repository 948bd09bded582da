"""Requests that others sent, built from our types: the same JSON goes out, but for differences that are listed here.

What is put on one form before the two are compared:
- Names: both spellings of protobuf's JSON are in use (``inline_data``); we send the first of them, camelCase.
- ``systemInstruction`` has a role with some, which means nothing.
- An empty ``generationConfig``, and an empty text before a call, say nothing.
- Schemas go out as JSON Schemas (``parametersJsonSchema``); others send OpenAPI's in the older fields.
- A field that is null says nothing, nor does a mark on a user's text that it is a thought.
- Contents that follow each other with one role are one: a tool's result, and what a user says after it.
- An empty description of a tool says nothing; and a level of thinking is the same in any case.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import backbay
from backbay import Message, ToolCall
from backbay.limits import NO_LIMITS
from backbay.messages import FilePart, HostedTool, TextPart, ThinkingPart, ToolSpec
from backbay.request import build_request
from backbay_google.codec import Gemini

REPOSITORY = Path(__file__).resolve().parents[4]
CORPUS = Path(os.environ.get("BACKBAY_CORPUS", REPOSITORY.parent / "shared")) / "wire" / "exchanges"
OPTIONS = {"temperature": "temperature", "topP": "top_p", "maxOutputTokens": "max_tokens", "stopSequences": "stop"}
OPTIONS |= {"seed": "seed"}
LEFT_OUT = {
    "vertex/generateContent/error_400/002": "a role that does not exist, sent to be refused",
}
"""Requests that our types cannot express, each with the reason."""


def recorded() -> Iterator[Any]:
    for path in sorted(CORPUS.glob("*/generateContent/*/*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found["request"].get("json"), dict) and found["id"] not in LEFT_OUT:
            yield pytest.param(found["request"]["json"], id=found["id"])


def camel(value: Any) -> Any:
    """Return JSON with names in camelCase, but for what is the caller's own: schemas, arguments and results."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {name: item for name, item in value.items() if item is not None}
    own = {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"}
    named = {head + "".join(word.title() for word in rest): item for (head, *rest), item in split(value)}
    return {name: item if name in own else camel(item) for name, item in named.items()}


def split(value: dict[str, Any]) -> Iterator[tuple[list[str], Any]]:
    return (((name.split("_")), item) for name, item in value.items())


def one_form(body: dict[str, Any]) -> dict[str, Any]:
    body = camel(body)
    body.get("systemInstruction", {}).pop("role", None)
    for part in body.get("systemInstruction", {}).get("parts", ()):
        part.pop("thought", None)
    config = body.get("generationConfig", {})
    if "responseSchema" in config:
        config["responseJsonSchema"] = config.pop("responseSchema")
    if "thinkingLevel" in config.get("thinkingConfig", {}):
        config["thinkingConfig"]["thinkingLevel"] = config["thinkingConfig"]["thinkingLevel"].lower()
    for tool in body.get("tools", ()):
        for function in tool.get("functionDeclarations", ()):
            if "parameters" in function:
                function["parametersJsonSchema"] = function.pop("parameters")
            if not function.get("description"):
                function.pop("description", None)
    for content in body["contents"]:
        content["parts"] = [part for part in content["parts"] if part != {"text": ""}]
    return {name: value for name, value in body.items() if value != {}}


def messages_of(body: dict[str, Any]) -> list[Message]:
    """Return the conversation of a request in one form, as a program would have it in our types."""
    texts = [part["text"] for part in body.get("systemInstruction", {}).get("parts", ())]
    found = [Message(role="system", content=text) for text in texts]
    for number, content in enumerate(body["contents"]):
        if content["role"] == "model":
            found.append(_assistant(content["parts"], number))
            continue
        results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        rest = [_user(part) for part in content["parts"] if "functionResponse" not in part]
        for place, result in enumerate(results):
            parts = (TextPart(text=json.dumps(result["response"])),)
            # What stands beside a result is its media, or else a user's turn after it.
            beside = tuple(part for part in rest if not isinstance(part, TextPart)) if place == len(results) - 1 else ()
            found.append(Message(role="tool", tool_call_id=_id(found, place), content=parts + beside))
        said = tuple(part for part in rest if isinstance(part, TextPart) or not results)
        if said:
            found.append(Message(role="user", content=said))
    return found


def _id(found: list[Message], place: int) -> str:
    calls = next(message.tool_calls for message in reversed(found) if message.tool_calls)
    return calls[place].id


def _assistant(parts: list[dict[str, Any]], number: int) -> Message:
    said: list[TextPart | ThinkingPart] = []
    calls = []
    for place, part in enumerate(parts):
        signature = {"thoughtSignature": part["thoughtSignature"]} if "thoughtSignature" in part else {}
        if "functionCall" in part:
            call, given = part["functionCall"], part["functionCall"].get("id")
            kept = {**signature, **({} if given else {"id": None})}
            arguments = {"name": call["name"], "arguments": call["args"]}
            calls.append(ToolCall(id=given or f"call_{number}_{place}", **arguments, opaque={"google": kept}))
        else:
            said.append(TextPart(text=part["text"]))
    return Message(role="assistant", content=tuple(said) or None, tool_calls=tuple(calls) or None)


def _user(part: dict[str, Any]) -> TextPart | FilePart:
    if "text" in part:
        return TextPart(text=part["text"])
    return FilePart(data=part["inlineData"]["data"], media_type=part["inlineData"]["mimeType"])


def options_of(body: dict[str, Any]) -> dict[str, Any]:
    config = dict(body.get("generationConfig", {}))
    options: dict[str, Any] = {ours: config.pop(name) for name, ours in OPTIONS.items() if name in config}
    if config.get("responseMimeType") == "application/json":
        del config["responseMimeType"]
        options["response_format"] = config.pop("responseJsonSchema", None) or {"type": "json_object"}
    tools: list[ToolSpec | HostedTool] = []
    for tool in body.get("tools", ()):
        for each in tool.get("functionDeclarations", ()):
            described = {"description": each["description"]} if "description" in each else {}
            tools.append(ToolSpec(name=each["name"], **described, parameters=each["parametersJsonSchema"]))
        if "functionDeclarations" not in tool:
            tools.append(HostedTool(definition=tool))
    known = ("contents", "systemInstruction", "generationConfig", "tools", "model")
    extra = {name: value for name, value in body.items() if name not in known}
    return (
        options
        | ({"tools": tools} if tools else {})
        | {"extra": extra | ({"generationConfig": config} if config else {})}
    )


@pytest.mark.parametrize("sent", list(recorded()))
def test_a_request_of_others_is_built_from_our_types(sent: dict[str, Any]) -> None:
    """N2."""
    wanted = one_form(sent)
    thought = [part for content in wanted["contents"] for part in content["parts"] if part.get("thought")]
    request = build_request(messages_of(wanted), options_of(wanted), limits=NO_LIMITS, model="gemini-2.5-flash")
    found = json.loads(Gemini(backbay.resolve("google"), {}).encode(request, stream=False).body)
    wanted.pop("model", None)
    assert not thought or wanted["contents"][-1]["role"] == "user"
    assert merged(found) == merged(wanted)


def merged(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with contents of one role joined: a result and what a user adds are one turn or two."""
    contents: list[dict[str, Any]] = []
    for content in body["contents"]:
        parts = [{name: value for name, value in part.items() if name != "thought"} for part in content["parts"]]
        if contents and contents[-1]["role"] == content["role"]:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": content["role"], "parts": parts})
    return {**body, "contents": contents}
