"""Model lists and embeddings, in the forms that servers of the chat-completions family give them."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DecodeError
from ..response import Embeddings, ModelInfo, Ranked, Ranking, Usage
from .reading import excerpt, load, load_object

_CONTEXT = ("context_length", "max_model_len", "context_window", "max_context_length")
_OUTPUT = ("max_output_tokens", "max_completion_tokens")


def read_models(body: bytes, *, native: bool) -> Sequence[ModelInfo]:
    """Return the models of a body: ``{"data": [...]}``, a bare list, or one bare model with an ``id``.

    Raises:
        DecodeError: It is none of these.
    """
    found = load(body, "a model list")
    if isinstance(found, dict):
        found = found["data"] if isinstance(found.get("data"), list) else [found] if "id" in found else None
    if not isinstance(found, list) or any(not _is_model(item) for item in found):
        raise DecodeError("Expected a model list, and something else came.", body=excerpt(body))
    return [_model(item, native=native) for item in found]


def _is_model(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str) and bool(item["id"])


def _model(item: dict[str, Any], *, native: bool) -> ModelInfo:
    # llama.cpp: meta.n_ctx is what one slot has now, meta.n_ctx_train what the model was made for.
    # Source: llama.cpp server, GET /v1/models (recorded).
    meta = item.get("meta") if isinstance(item.get("meta"), dict) else {}
    window = _first_count(item, _CONTEXT) or _first_count(meta or {}, ("n_ctx", "n_ctx_train"))
    label = item.get("display_name") or item.get("name")
    owner = item.get("owned_by")
    return ModelInfo(
        id=item["id"],
        label=label if isinstance(label, str) else None,
        context_window=window,
        max_output_tokens=_first_count(item, _OUTPUT),
        owned_by=owner if isinstance(owner, str) and owner else None,
        native=native,
        raw=item,
    )


def _first_count(item: Mapping[str, object], names: Sequence[str]) -> int | None:
    for name in names:
        value = item.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def read_embeddings(body: bytes, count: int) -> Embeddings:
    """Return the vectors of an embeddings body, in the order of the inputs.

    Raises:
        DecodeError: It has not ``count`` vectors, or one is neither floats nor base64 of them.
    """
    found = load_object(body, "embeddings")
    data = found.get("data")
    if not isinstance(data, list) or len(data) != count or any(not isinstance(item, dict) for item in data):
        raise DecodeError(f"Expected {count} embeddings, and something else came.", body=excerpt(body))
    ordered = sorted(data, key=lambda item: item["index"] if isinstance(item.get("index"), int) else 0)
    model = found.get("model")
    return Embeddings(
        vectors=[_vector(item.get("embedding"), body) for item in ordered],
        model=model if isinstance(model, str) and model else None,
        usage=read_usage(found.get("usage")),
    )


def _vector(value: object, body: bytes) -> list[float]:
    if isinstance(value, str):
        try:
            packed = base64.b64decode(value, validate=True)
            return list(struct.unpack(f"<{len(packed) // 4}f", packed))
        except (binascii.Error, struct.error):
            value = None
    if isinstance(value, list) and all(isinstance(x, int | float) for x in value):
        return [float(x) for x in value]
    raise DecodeError("An embedding is neither a list of numbers nor base64 of floats.", body=excerpt(body))


def read_usage(value: object) -> Usage | None:
    """Return OpenAI's usage object as ``Usage``; ``None`` if it has no count. Missing counts stay ``None``."""
    if not isinstance(value, dict) or not value:
        return None
    prompt, completion = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    prompt = prompt if isinstance(prompt, dict) else {}
    completion = completion if isinstance(completion, dict) else {}
    usage = Usage(
        input=_count(value.get("prompt_tokens")),
        output=_count(value.get("completion_tokens")),
        cached=_count(prompt.get("cached_tokens")),
        cache_written=_count(prompt.get("cache_write_tokens")),
        reasoning=_count(completion.get("reasoning_tokens")),
        raw=value,
    )
    known = (usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning)
    return None if all(item is None for item in known) else usage


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        return None
    return int(value)


def read_ranking(body: bytes, count: int) -> Ranking:
    """Return the ranking of ``count`` documents: ``results``, or ``data``, of ``index`` and ``relevance_score``.

    Raises:
        DecodeError: It is none, or names a document that was not given.
    """
    found = load_object(body, "a ranking")
    listed = found["results"] if isinstance(found.get("results"), list) else found.get("data")
    results = [_ranked(item, count) for item in listed] if isinstance(listed, list) else [None]
    if any(item is None for item in results):
        raise DecodeError(f"Expected a ranking of {count} documents, and something else came.", body=excerpt(body))
    model = found.get("model")
    return Ranking(
        results=sorted((item for item in results if item is not None), key=lambda item: -item.score),
        model=model if isinstance(model, str) and model else None,
        usage=read_usage(found.get("usage")),
    )


def _ranked(item: object, count: int) -> Ranked | None:
    if not isinstance(item, dict):
        return None
    index, score = item.get("index"), item.get("relevance_score", item.get("score"))
    if not isinstance(index, int) or not 0 <= index < count or not isinstance(score, int | float):
        return None
    return Ranked(index=index, score=float(score))
