"""A model that does what the suites of frameworks expect of a good one: it calls tools, and fits schemas.

It takes words and numbers from the prompt for the arguments; for the rest, it gives what the schema allows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from backbay import Finish
from backbay_conformance.scenarios import Answer, Call
from backbay_conformance.vendor import Asked


def answer_to(asked: Asked) -> Answer:
    """Return the answer to a request."""
    turn = asked.turns[-1]
    prompt = next((each.text for each in reversed(asked.turns) if each.role == "user"), "")
    if asked.schema is not None:
        return Answer(text=(json.dumps(fitting(asked.schema, prompt)),))
    if _wants_json(asked.body):
        return Answer(text=(json.dumps(dict.fromkeys(re.findall(r"[`'](\w+)[`']", prompt), prompt)),))
    tools = {tool["name"]: tool["parameters"] for tool in map(_tool, asked.body.get("tools") or ())}
    wanted = asked.tool_choice if asked.tool_choice in tools else None
    if tools and turn.answers is None and (asked.tool_choice not in (None, "auto", "none") or _means(prompt, tools)):
        name = wanted or next((name for name in tools if name in prompt), next(iter(tools)))
        arguments = json.dumps(fitting(tools[name], prompt))
        return Answer(calls=(Call("call_1", name, ("", arguments)),), finish=Finish.TOOL_CALLS)
    if turn.answers is not None:
        return Answer(text=("The result ", "is ", turn.text or "there", "."))
    return Answer(text=("Hello ", "from ", "the ", "vendor", "."))


def _wants_json(body: Mapping[str, Any]) -> bool:
    """Whether JSON of any form is asked for, in OpenAI's two ways; then the prompt has the names in quotes."""
    form = body.get("response_format") or body.get("text", {}).get("format") or {}
    return bool(form.get("type") == "json_object")


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool's name and schema, whatever the wire."""
    inner = tool.get("function", tool)
    return {"name": inner["name"], "parameters": inner.get("parameters") or inner.get("input_schema") or {}}


def _means(prompt: str, tools: Mapping[str, Any]) -> bool:
    words = {word for name in tools for word in name.lower().split("_") if len(word) > 2}
    return any(word in prompt.lower() for word in words)


def fitting(schema: Mapping[str, Any], prompt: str) -> Any:
    """Return a value that a schema takes, with what stands in the prompt where it can be."""
    return _value(schema, prompt, schema.get("$defs", {}), iter(map(int, re.findall(r"-?\d+", prompt))))


def _value(schema: Mapping[str, Any], prompt: str, known: Mapping[str, Any], numbers: Any) -> Any:
    if "$ref" in schema:
        return _value(known[schema["$ref"].rpartition("/")[2]], prompt, known, numbers)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _value(schema[name][0], prompt, known, numbers)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _value(one, prompt, known, numbers) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_value(schema.get("items", {"type": "string"}), prompt, known, numbers)]
    plain = {"boolean": True, "null": None, "string": prompt or "something"}
    return next(numbers, 3) if kind in ("integer", "number") else plain[kind]
