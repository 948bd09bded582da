"""The JSON Schema of ``gateway.toml``: made from the models, and shipped as a file for editors."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

from . import config

FILE = Path(__file__).with_name("gateway.schema.json")
"""The schema as it ships."""


def schema() -> str:
    """Return the JSON Schema of ``gateway.toml`` as text."""
    found = config.GatewayConfig.model_json_schema()
    for name, texts in _texts().items():
        table = found if name == config.GatewayConfig.__name__ else found["$defs"].get(name, {})
        for field, text in texts.items():
            if field in table.get("properties", {}):
                table["properties"][field]["description"] = text
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "gateway.toml of backbay-gateway"
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _texts() -> dict[str, dict[str, str]]:
    """Return the text below each field, by class: read when asked for, so that no start of the gateway waits for it."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(config)).body:
        if isinstance(node, ast.ClassDef):
            texts = found.setdefault(node.name, {})
            for field, below in zip(node.body, node.body[1:], strict=False):
                named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                if named and said:
                    texts[field.target.id] = inspect.cleandoc(str(below.value.value))  # type: ignore[attr-defined]
    return found
