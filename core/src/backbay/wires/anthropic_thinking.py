"""How Anthropic's models are asked to think, on whatever wire: a budget of tokens, or an effort.

Source: Anthropic's guides to extended and to adaptive thinking.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidRequestError, UnsupportedError
from ..request import Effort
from .budgets import BUDGETS

_LEAST = 1024


def asked_to_think(wanted: Effort | int, form: str, max_tokens: int | None) -> tuple[dict[str, Any], str | None]:
    """Return the ``thinking`` object, and the effort that stands beside it or ``None``.

    Args:
        wanted: What the caller asked for.
        form: ``"budget"``, ``"adaptive"`` or ``"both"``; see ``claude.THINKING``.
        max_tokens: Tokens of the answer at most, thinking included; ``None`` if the caller did not say.

    Raises:
        InvalidRequestError: ``max_tokens`` leaves no room for thinking.
        UnsupportedError: The model cannot be asked so; the message says how it can.
    """
    if wanted in ("none", 0):
        return {"type": "disabled"}, None
    if isinstance(wanted, int):
        if form == "adaptive":
            raise UnsupportedError(
                "This model takes no reasoning budget in tokens; give an effort such as 'medium'.", code="reasoning"
            )
        return {"type": "enabled", "budget_tokens": wanted}, None
    if form == "budget":
        return {"type": "enabled", "budget_tokens": _budget(wanted, max_tokens)}, None
    if wanted == "minimal":
        raise UnsupportedError("This model has no effort 'minimal'; the least is 'low'.", code="reasoning")
    return {"type": "adaptive"}, wanted


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
