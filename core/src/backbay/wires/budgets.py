"""What an effort means in tokens of thinking, where a model knows budgets only. The scale is ours."""

from __future__ import annotations

from collections.abc import Mapping

from ..request import Effort

BUDGETS: Mapping[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 31999,
}
"""Tokens of thinking by effort. 1024 is the least that Anthropic takes."""
