"""How models on Bedrock are asked to think: each family in fields of its own.

Source: Bedrock's user guide (Extended thinking, Adaptive thinking), the guide to Amazon Nova 2 (Extended thinking), the
reference of OutputConfig, and recorded traffic (Claude, Qwen).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.request import Effort, Request
from backbay.spec import match_prefix
from backbay.wires.anthropic_body import BUDGETS

from .models import split_id

FORMS = ("budget", "adaptive", "both", "reasoningConfig", "reasoning_config", "reasoning_effort")
"""How a model may be asked: Claude by a budget of tokens, by an effort (``"adaptive"``), or by both; Nova 2 by
``reasoningConfig``, Qwen by ``reasoning_config``, gpt-oss by ``reasoning_effort``."""

CLAUDE = {
    # From 4.6 on Claude thinks as much as an effort says, and from 4.7 on it takes no budget (Anthropic's model list).
    "claude": "adaptive",
    "claude-3": "budget",
    "claude-haiku-4": "budget",
    "claude-opus-4": "budget",
    "claude-opus-4-6": "both",
    "claude-opus-4-7": "adaptive",
    "claude-opus-4-8": "adaptive",
    "claude-sonnet-4": "budget",
    "claude-sonnet-4-6": "both",
}
"""Forms of Anthropic's models, by the beginning of their names."""

_OTHERS = {"amazon": {"nova-2": "reasoningConfig"}, "openai": {"gpt-oss": "reasoning_effort"}}

_EFFORTS = ("low", "medium", "high")
_LEAST = 1024


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
    return match_prefix(CLAUDE if provider == "anthropic" else _OTHERS.get(provider, {}), name)


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
        return _claude(wanted, form, request.max_tokens)
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


def _claude(wanted: Effort | int, form: str, max_tokens: int | None) -> tuple[Mapping[str, Any], str | None]:
    if wanted in ("none", 0):
        return {"thinking": {"type": "disabled"}}, None
    if isinstance(wanted, int):
        if form == "adaptive":
            raise UnsupportedError(
                "This model takes no reasoning budget in tokens; give an effort such as 'medium'.", code="reasoning"
            )
        return {"thinking": {"type": "enabled", "budget_tokens": wanted}}, None
    if form == "budget":
        return {"thinking": {"type": "enabled", "budget_tokens": _budget(wanted, max_tokens)}}, None
    if wanted == "minimal":
        raise UnsupportedError("This model has no effort 'minimal'; the least is 'low'.", code="reasoning")
    return {"thinking": {"type": "adaptive"}}, wanted


def _budget(effort: Effort, max_tokens: int | None) -> int:
    """Return a budget for an effort. It counts among ``max_tokens``, of which a quarter is left to the answer."""
    if max_tokens is None:
        return BUDGETS[effort]
    if max_tokens <= _LEAST:
        raise InvalidRequestError(
            f"max_tokens is {max_tokens}, and thinking takes {_LEAST} of them at least.",
            hint="Give more, or reasoning='none'.",
        )
    return max(_LEAST, min(BUDGETS[effort], max_tokens * 3 // 4))
