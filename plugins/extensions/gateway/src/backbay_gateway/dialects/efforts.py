"""What a budget for thinking means as an effort, for backends whose wire has efforts alone."""

from __future__ import annotations

from backbay.request import Effort
from backbay.wires.budgets import BUDGETS

_EVERYWHERE: tuple[Effort, ...] = ("high", "medium")
"""Efforts above the least that vendors with efforts have in common."""


def effort_for(reasoning: object) -> Effort | None:
    """Return the effort nearest below a budget, by core's own scale; ``None`` for what is no budget.

    Args:
        reasoning: The option ``reasoning``: tokens, an effort, or ``None``.
    """
    if not isinstance(reasoning, int) or isinstance(reasoning, bool):
        return None
    if reasoning == 0:
        return "none"
    return next((effort for effort in _EVERYWHERE if reasoning >= BUDGETS[effort]), "low")
