"""How models on Bedrock are asked to think: each family in fields of its own.

Source: Bedrock's user guide (Extended thinking, Adaptive thinking), the guide to Amazon Nova 2 (Extended thinking), the
reference of OutputConfig, and recorded traffic (Claude, Qwen).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay.errors import UnsupportedError
from backbay.request import Request
from backbay.spec import match_prefix
from backbay.wires.anthropic_thinking import asked_to_think
from backbay.wires.claude import THINKING

from .models import split_id

FORMS = ("budget", "adaptive", "both", "reasoningConfig", "reasoning_config", "reasoning_effort")
"""How a model may be asked: Claude by a budget of tokens, by an effort (``"adaptive"``), or by both; Nova 2 by
``reasoningConfig``, Qwen by ``reasoning_config``, gpt-oss by ``reasoning_effort``."""

_OTHERS = {"amazon": {"nova-2": "reasoningConfig"}, "openai": {"gpt-oss": "reasoning_effort"}}

_EFFORTS = ("low", "medium", "high")


def form_of(model: str | None, told: str | None) -> str | None:
    """Return how ``model`` is asked to think; ``None`` if nobody knows a way.

    Args:
        model: Its id. One that says nothing, such as an inference profile's ARN, is taken for a Claude with budgets.
        told: What the caller's configuration says, or ``None``.
    """
    provider, name = split_id(model)
    if told is not None or not provider:
        return told or "budget"
    if provider == "qwen":
        return "reasoning_config"
    return match_prefix(THINKING if provider == "anthropic" else _OTHERS.get(provider, {}), name)


def thinking_of(request: Request, told: str | None) -> tuple[Mapping[str, Any], str | None]:
    """Return the model's own fields for ``request.reasoning``, and the effort for ``outputConfig`` or ``None``.

    Raises:
        InvalidRequestError: ``max_tokens`` leaves no room for thinking.
        UnsupportedError: The model cannot be asked so; the message says how it can.
    """
    wanted = request.reasoning
    if wanted is None:
        return {}, None
    form = form_of(request.model, told)
    if form is None:
        raise UnsupportedError(
            f"How {request.model} is asked to think is not known.",
            code="reasoning",
            hint="Say it in its own words: extra={'additionalModelRequestFields': {...}}; or connect with thinking=.",
        )
    if form in ("budget", "adaptive", "both"):
        thinking, effort = asked_to_think(wanted, form, request.max_tokens)
        return {"thinking": thinking}, effort
    if isinstance(wanted, int) and wanted > 0:
        raise UnsupportedError("This model takes no reasoning budget in tokens; give an effort.", code="reasoning")
    if form == "reasoningConfig" and wanted in ("none", 0):
        return {"reasoningConfig": {"type": "disabled"}}, None
    if wanted not in _EFFORTS:
        raise UnsupportedError(
            f"This model has no effort {wanted!r}; it has {', '.join(_EFFORTS)}.",
            code="reasoning",
            hint="Leave reasoning out for what the model does by itself.",
        )
    if form == "reasoningConfig":
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": wanted}}, None
    return {form: wanted}, None
