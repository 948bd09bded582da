"""Facts about Anthropic's models that hold wherever they are hosted. No import, so that a spec may read them."""

from __future__ import annotations

THINKING = {
    # From 4.6 on models think as much as an effort says, and from 4.7 on they take no budget (Anthropic's model list).
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
"""How models are asked to think, by the beginning of their names: a budget of tokens, an effort, or both."""
