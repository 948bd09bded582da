"""Model lists, embeddings and token counts of the Gemini API and of Vertex AI.

Source: the references of models.list, batchEmbedContents, countTokens (Gemini API), of publishers.models.list and
predict (Vertex AI); recorded traffic of the first three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from backbay.errors import DecodeError
from backbay.response import Embeddings, ModelInfo, Usage
from backbay.wires.reading import excerpt, floats, load_object, whole_number

_LISTS = ("models", "publisherModels")
# Vertex AI names a model of its list "publishers/google/models/x".
_PREFIXES = ("models/", "publishers/google/models/")


def read_models(body: bytes) -> Sequence[ModelInfo]:
    """Return the models of a page, or the one model of ``models.get``; ids come without ``models/``.

    Raises:
        DecodeError: The body is no model list.
    """
    found = load_object(body, "a model list")
    listed: object = next((found[name] for name in _LISTS if name in found), None)
    if listed is None and (not found or set(found) == {"nextPageToken"}):
        listed = []  # Google leaves an empty list out.
    if listed is None and isinstance(found.get("name"), str):
        listed = [found]
    if not isinstance(listed, list) or any(not _is_model(item) for item in listed):
        raise DecodeError("Expected a model list, and something else came.", body=excerpt(body))
    return [_model(item) for item in listed]


def next_page(body: bytes) -> str | None:
    """Return the query that gets the next page, or ``None``."""
    token = load_object(body, "a model list").get("nextPageToken")
    return f"pageToken={quote(token, safe='')}" if isinstance(token, str) and token else None


def bare(model: str) -> str:
    """Return a model's name without ``models/`` before it."""
    return next((model.removeprefix(prefix) for prefix in _PREFIXES if model.startswith(prefix)), model)


def _is_model(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str) and bool(bare(item["name"]))


def _model(item: dict[str, Any]) -> ModelInfo:
    label = item.get("displayName")
    return ModelInfo(
        id=bare(item["name"]),
        label=label if isinstance(label, str) and label else None,
        context_window=whole_number(item.get("inputTokenLimit")),
        max_output_tokens=whole_number(item.get("outputTokenLimit")),
        raw=item,
    )


def read_embeddings(body: bytes, count: int) -> Embeddings:
    """Return ``count`` vectors: of ``embeddings`` (batchEmbedContents) or ``predictions`` (predict).

    Raises:
        DecodeError: The body has not that many, or they are no lists of numbers.
    """
    found = load_object(body, "embeddings")
    listed = found.get("embeddings")
    if not isinstance(listed, list):
        predicted = found.get("predictions")
        listed = [_part(item, "embeddings") for item in predicted] if isinstance(predicted, list) else None
    if listed is None or len(listed) != count:
        raise DecodeError(f"Expected {count} embeddings, and something else came.", body=excerpt(body))
    return Embeddings(vectors=[_vector(item, body) for item in listed], usage=_usage(found, listed))


def _vector(item: object, body: bytes) -> list[float]:
    values = _part(item, "values")
    found = floats(values)
    if found is not None:
        return found
    raise DecodeError("An embedding is no list of numbers.", body=excerpt(body))


def _usage(found: Mapping[str, Any], listed: Sequence[object]) -> Usage | None:
    counted = whole_number(_part(found.get("usageMetadata"), "promptTokenCount"))
    if counted is not None:
        return Usage(input=counted, raw=found["usageMetadata"])
    # Vertex AI counts each text: predictions[].embeddings.statistics.token_count.
    each = [whole_number(_part(_part(item, "statistics"), "token_count")) for item in listed]
    known = [number for number in each if number is not None]
    return Usage(input=sum(known)) if known and len(known) == len(each) else None


def read_count(body: bytes) -> int:
    """Return the number of tokens of a countTokens body.

    Raises:
        DecodeError: The body is no such answer.
    """
    counted = load_object(body, "a token count").get("totalTokens")
    if isinstance(counted, bool) or not isinstance(counted, int) or counted < 0:
        raise DecodeError("Expected a token count, and something else came.", body=excerpt(body))
    return counted


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None
