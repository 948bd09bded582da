"""Cohere's model list, embeddings and rankings. Source: Cohere's API reference, and recorded traffic."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from backbay.errors import DecodeError
from backbay.response import Embeddings, ModelInfo, Ranking, Usage
from backbay.wires import lists
from backbay.wires.reading import excerpt, floats, load_object, whole_number

TYPES = ("float", "base64", "int8", "uint8", "binary", "ubinary")
"""Types of embeddings. Where an answer has several, the first of these counts."""


def read_models(body: bytes) -> Sequence[ModelInfo]:
    """Return the models of ``{"models": [...]}``, or one bare model with a ``name``.

    Raises:
        DecodeError: It is neither.
    """
    raw = load_object(body, "a model list")
    models = raw.get("models") if "models" in raw else [raw]
    if not isinstance(models, list):
        raise DecodeError("Expected a model list, and something else came.", body=excerpt(body))
    return [_model(item, body) for item in models]


def _model(item: object, body: bytes) -> ModelInfo:
    found: dict[str, Any] = item if isinstance(item, dict) else {}
    name = found.get("name")
    if not isinstance(name, str) or not name:
        raise DecodeError("A model of the list has no name.", body=excerpt(body))
    config = found.get("config")
    longest = config.get("max_output_tokens") if isinstance(config, dict) else None
    return ModelInfo(
        id=name, context_window=_count(found.get("context_length")), max_output_tokens=_count(longest), raw=found
    )


def next_page(body: bytes) -> str | None:
    """Return the query of the list's next page; ``None`` if this is the last."""
    token = load_object(body, "a model list").get("next_page_token")
    return f"page_token={quote(token, safe='')}" if isinstance(token, str) and token else None


def read_embeddings(body: bytes, count: int) -> Embeddings:
    """Return the vectors of ``{"embeddings": {"float": [...]}}``, which are in the order of the inputs.

    Whole numbers become floats, and what is packed stays packed: eight dimensions in each number of ``binary``.

    Raises:
        DecodeError: It has not ``count`` vectors of one type.
    """
    raw = load_object(body, "embeddings")
    found = raw.get("embeddings")
    if isinstance(found, dict):
        found = next((found[name] for name in TYPES if found.get(name)), None)
    if not isinstance(found, list) or len(found) != count:
        raise DecodeError(f"Expected {count} embeddings, and something else came.", body=excerpt(body))
    return Embeddings(vectors=[_vector(vector, body) for vector in found], usage=_billed(raw))


def _vector(value: object, body: bytes) -> list[float]:
    if isinstance(value, str):
        try:
            data = base64.b64decode(value, validate=True)
            return list(struct.unpack(f"<{len(data) // 4}f", data))
        except (ValueError, struct.error):
            value = None
    found = floats(value)
    if found is not None:
        return found
    raise DecodeError("An embedding is neither a list of numbers nor base64 of floats.", body=excerpt(body))


def read_ranking(body: bytes, count: int) -> Ranking:
    """Return the ranking of ``count`` documents.

    Raises:
        DecodeError: It is none, or names a document that was not given.
    """
    return replace(lists.read_ranking(body, count), usage=_billed(load_object(body, "a ranking")))


def _billed(raw: Mapping[str, Any]) -> Usage | None:
    """Return what is paid for, as the vendor says it; it says nothing of tokens otherwise."""
    meta = raw.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    return Usage(raw=billed) if isinstance(billed, dict) and billed else None


def _count(value: object) -> int | None:
    # The reference makes counts floats; 0 says nothing.
    return whole_number(value) or None
