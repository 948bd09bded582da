"""Ollama's model list and its embeddings. Source: Ollama's API reference, List models and Generate embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backbay.errors import DecodeError
from backbay.response import Embeddings, ModelInfo
from backbay.wires.reading import excerpt, floats, load_object

from .reader import count_of, read_usage


def read_models(body: bytes, *, native: bool) -> Sequence[ModelInfo]:
    """Return the models of ``{"models": [...]}``; size, family and the like are in ``raw``.

    Raises:
        DecodeError: It is no such list.
    """
    models = load_object(body, "a model list").get("models")
    if not isinstance(models, list):
        raise DecodeError("Expected a model list, and something else came.", body=excerpt(body))
    return [_model(item, body, native=native) for item in models]


def _model(item: object, body: bytes, *, native: bool) -> ModelInfo:
    found: dict[str, Any] = item if isinstance(item, dict) else {}
    name = found.get("model") or found.get("name")
    if not isinstance(name, str) or not name:
        raise DecodeError("A model of the list has no name.", body=excerpt(body))
    details = found.get("details")
    places = (found, details) if isinstance(details, dict) else (found,)
    windows = (count_of(place.get("context_length")) for place in places)
    return ModelInfo(id=name, context_window=next(filter(None, windows), None), native=native, raw=found)


def read_embeddings(body: bytes, count: int) -> Embeddings:
    """Return the vectors of ``{"embeddings": [[...]]}``, which are in the order of the inputs.

    Raises:
        DecodeError: It has not ``count`` vectors, or one is no list of numbers.
    """
    raw = load_object(body, "embeddings")
    vectors, model = raw.get("embeddings"), raw.get("model")
    if not isinstance(vectors, list) or len(vectors) != count:
        raise DecodeError(f"Expected {count} embeddings, and something else came.", body=excerpt(body))
    return Embeddings(
        vectors=[_vector(vector, body) for vector in vectors],
        model=model if isinstance(model, str) and model else None,
        usage=read_usage(raw),
    )


def _vector(value: object, body: bytes) -> list[float]:
    found = floats(value)
    if found is None:
        raise DecodeError("An embedding is no list of numbers.", body=excerpt(body))
    return found
