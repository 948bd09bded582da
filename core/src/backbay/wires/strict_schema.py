"""JSON Schemas made to fit OpenAI's strict mode: every object closed, every property required.

Source: OpenAI's guide to structured outputs, "Supported schemas".
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
