"""JSON Schemas made to fit what vendors ask of them: every object closed, and at OpenAI every property required.

Source: OpenAI's guide to structured outputs, "Supported schemas"; Anthropic's, "JSON Schema limitations".
"""

from __future__ import annotations

from typing import Any


def strict(schema: Any) -> Any:
    """Return a copy of ``schema`` that strict mode takes. What has a default, or may be left out, becomes required."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copied = {key: _inner(key, value) for key, value in schema.items() if key != "default"}
    properties = copied.get("properties")
    if copied.get("type") == "object" and isinstance(properties, dict):
        copied["additionalProperties"] = False
        copied["required"] = list(properties)
    return copied


def _inner(key: str, value: Any) -> Any:
    if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
        return {name: strict(inner) for name, inner in value.items()}
    if key in ("const", "enum", "examples", "required"):
        return value
    return strict(value)


def closed(schema: Any) -> Any:
    """Return a copy of ``schema`` in which objects take no further properties, unless they say what they take."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copied = {key: _closed_inside(key, value) for key, value in schema.items()}
    return {"additionalProperties": False, **copied} if schema.get("type") == "object" else copied


def _closed_inside(key: str, value: Any) -> Any:
    if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
        return {name: closed(inner) for name, inner in value.items()}
    return value if key in ("const", "enum", "default", "examples") else closed(value)
