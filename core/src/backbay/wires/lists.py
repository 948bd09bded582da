"""Model lists and embeddings, in the forms that servers of the chat-completions family give them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import DecodeError
from ..response import Embeddings, ModelInfo, Ranked, Ranking, Usage
from .reading import excerpt, floats, load, load_object, whole_number

_WINDOWS = (
    # OpenRouter, Together, Groq, Venice; vLLM and SGLang; Groq; Mistral and LM Studio.
    "context_length max_model_len context_window max_context_length",
    "meta.n_ctx meta.n_ctx_train",  # llama.cpp: what one slot has now, and what the model was made for
    "capabilities.limits.max_context_window_tokens",  # GitHub Copilot
    "model_spec.availableContextTokens",  # Venice
    "limits.max_context_length limits.max_input_tokens",  # Cerebras and GitHub Models document these
    "max_input_tokens",  # LiteLLM's proxy documents it
    "metadata.context_length",  # DeepInfra documents it
)
_OUTPUTS = (
    "max_output_tokens max_completion_tokens max_output_length",  # many; Groq has the second and the third
    "top_provider.max_completion_tokens",  # OpenRouter
    "capabilities.limits.max_output_tokens",  # GitHub Copilot
    "model_spec.maxCompletionTokens",  # Venice
    "limits.max_completion_tokens limits.max_output_tokens",  # Cerebras and GitHub Models document these
    "metadata.max_tokens",  # DeepInfra documents it
)
"""Where servers say a model's window, and how long an answer may be: paths into its entry, the first that is there
counts. Recorded, where nothing else is said."""


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
    label = item.get("display_name") or item.get("name") or _at(item, "model_spec.name")
    owner = item.get("owned_by")
    return ModelInfo(
        id=item["id"],
        label=label if isinstance(label, str) else None,
        context_window=_first_count(item, _WINDOWS) or _widest(item.get("providers")),
        max_output_tokens=_first_count(item, _OUTPUTS),
        owned_by=owner if isinstance(owner, str) and owner else None,
        native=native,
        raw=item,
    )


def _first_count(item: Mapping[str, object], paths: Sequence[str]) -> int | None:
    for path in " ".join(paths).split():
        value = _at(item, path)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _at(item: object, path: str) -> object:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def _widest(providers: object) -> int | None:
    """Return the largest window of several servers behind one model (Hugging Face's router, recorded)."""
    listed = providers if isinstance(providers, list) else []
    found = [_first_count(each, _WINDOWS) for each in listed if isinstance(each, dict)]
    return max((window for window in found if window), default=None)


def read_embeddings(body: bytes, count: int, *, packed: str = "f") -> Embeddings:
    """Return the vectors of an embeddings body, in the order of the inputs.

    Args:
        body: The body.
        count: How many inputs there were.
        packed: What a vector in base64 is made of: ``"f"``, 32-bit floats, little-endian; ``"b"``, signed bytes.

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
        vectors=[_vector(item.get("embedding"), body, packed) for item in ordered],
        model=model if isinstance(model, str) and model else None,
        usage=read_usage(found.get("usage")),
    )


def _vector(value: object, body: bytes, packed: str) -> list[float]:
    if isinstance(value, str):
        try:
            data = base64.b64decode(value, validate=True)
            return [float(x) for x in struct.unpack(f"<{len(data) // struct.calcsize(packed)}{packed}", data)]
        except (ValueError, struct.error):
            value = None
    found = floats(value)
    if found is not None:
        return found
    raise DecodeError("An embedding is neither a list of numbers nor base64 of floats.", body=excerpt(body))


def read_usage(value: object) -> Usage | None:
    """Return a usage object of this wire as ``Usage``; ``None`` if it has no count. Missing counts stay ``None``.

    Reasoning that a vendor counts beside the output (xAI, recorded: the total is the sum of all three) is added to it.
    """
    if not isinstance(value, dict) or not value:
        return None
    prompt, completion = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    prompt = prompt if isinstance(prompt, dict) else {}
    completion = completion if isinstance(completion, dict) else {}
    cached = whole_number(prompt.get("cached_tokens"))
    if cached is None:
        # DeepSeek's own field, and Together's and Moonshot's. Servers that do not count write 0 into the second.
        cached = whole_number(value.get("prompt_cache_hit_tokens"))
        cached = (whole_number(value.get("cached_tokens")) or None) if cached is None else cached
    usage = Usage(
        input=whole_number(value.get("prompt_tokens", value.get("input_tokens"))),
        output=whole_number(value.get("completion_tokens", value.get("output_tokens"))),
        cached=cached,
        cache_written=whole_number(prompt.get("cache_write_tokens")),
        reasoning=whole_number(completion.get("reasoning_tokens")),
        raw=value,
    )
    if usage.output is not None and usage.reasoning and _apart(usage, whole_number(value.get("total_tokens"))):
        usage = replace(usage, output=usage.output + usage.reasoning)
    known = (usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning)
    return None if all(item is None for item in known) else usage


def _apart(usage: Usage, total: int | None) -> bool:
    """Whether reasoning is counted beside the output: the total says so, or it is more than the output."""
    said, thought = usage.output or 0, usage.reasoning or 0
    if total is None or usage.input is None:
        return thought > said
    return total == usage.input + said + thought


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
    scores = floats([score])
    if not isinstance(index, int) or not 0 <= index < count or scores is None:
        return None
    return Ranked(index=index, score=scores[0])
