"""Lists of models: ``GET /v1/models`` and ``/v1/models/{id}``, as clients of OpenAI and of Anthropic expect them.

Sources: OpenAI's reference, Models; Anthropic's, Models (pages of 20, 1 to 1000; a date of release that is not known is
the epoch); openai-python 3.52 and anthropic-sdk-python as installed (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backbay.response import JSONObject, ModelInfo

from .openai_fields import wrong

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000
"""Models of one page in Anthropic's form: where the client does not say, and at most."""

_QUERY = ("before_id", "after_id", "limit")


def speaks_anthropic(headers: Mapping[str, str]) -> bool:
    """Return whether a client speaks Anthropic's API: all of its requests name a version.

    Args:
        headers: The request's headers, by lower-case name.
    """
    return "anthropic-version" in headers


def openai_model(model: ModelInfo) -> JSONObject:
    """Return one model in OpenAI's form. ``created`` is 0, which the form has no word for, where nobody says."""
    written: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "created": _created(model),
        "owned_by": model.owned_by or model.id.partition(":")[0],
    }
    # Beyond the reference; many servers give these, and core reads them.
    more = {"context_window": model.context_window, "max_output_tokens": model.max_output_tokens}
    return written | {name: count for name, count in more.items() if count is not None}


def openai_models(models: Sequence[ModelInfo]) -> JSONObject:
    """Return a list of models in OpenAI's form, which has no pages."""
    return {"object": "list", "data": [openai_model(model) for model in models]}


def anthropic_model(model: ModelInfo) -> JSONObject:
    """Return one model in Anthropic's form. What is not known is ``null``, or the epoch."""
    released = datetime.fromtimestamp(_created(model), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.label or model.id,
        "created_at": released,
        "lifecycle": "active",
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output_tokens,
    }


def anthropic_models(models: Sequence[ModelInfo], query: Mapping[str, str]) -> JSONObject:
    """Return one page of models in Anthropic's form.

    Args:
        models: All models, in their order.
        query: The request's query: ``limit``, and ``after_id`` or ``before_id``.

    Raises:
        InvalidRequestError: A part of the query is unknown, or wrong, or names no model.
    """
    for name in query:
        if name not in _QUERY:
            raise wrong(
                name[:64], f"The query has {name[:64]!r}; it may have {', '.join(_QUERY)}.", "unknown_parameter"
            )
    limit = _limit(query.get("limit"))
    ids = [model.id for model in models]
    first, last = 0, len(ids)
    if "after_id" in query and "before_id" in query:
        raise wrong("before_id", "after_id and before_id cannot stand together.")
    if "after_id" in query:
        first = _place(ids, query["after_id"], "after_id") + 1
    if "before_id" in query:
        last = _place(ids, query["before_id"], "before_id")
        first = max(0, last - limit)
        more = first > 0
    else:
        more = last - first > limit
    page = models[first : min(last, first + limit)]
    return {
        "data": [anthropic_model(model) for model in page],
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": more,
    }


def _limit(value: str | None) -> int:
    if value is None:
        return DEFAULT_LIMIT
    if not value.isascii() or not value.isdigit() or len(value) > 6 or not 1 <= int(value) <= MAX_LIMIT:
        raise wrong("limit", f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(value)


def _place(ids: Sequence[str], wanted: str, name: str) -> int:
    if wanted not in ids:
        raise wrong(name, f"{name} is {wanted[:200]!r}, and there is no model of that name.")
    return ids.index(wanted)


def _created(model: ModelInfo) -> int:
    """Return when a model was made, in seconds since 1970 as its vendor says; 0 if it does not."""
    value = model.raw.get("created")
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 36
    return value if known and isinstance(value, int) else 0
