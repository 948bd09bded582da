"""Token counts of the Gemini wire, in our arithmetic. Source: UsageMetadata's reference, and recorded traffic."""

from __future__ import annotations

from backbay.response import Usage


def read_usage(value: object) -> Usage | None:
    """Return ``usageMetadata`` as ``Usage``; ``None`` if it has no count.

    The vendor's total is prompt, what the vendor's own tools put into the prompt, candidates, and thoughts, all four
    apart. A count of 0 is left out on this wire: an answer that is all thoughts has no ``candidatesTokenCount``.
    """
    if not isinstance(value, dict):
        return None
    prompt, tools = _count(value.get("promptTokenCount")), _count(value.get("toolUsePromptTokenCount"))
    said, thoughts = _count(value.get("candidatesTokenCount")), _count(value.get("thoughtsTokenCount"))
    usage = Usage(
        input=None if prompt is None else prompt + (tools or 0),
        output=None if said is None and thoughts is None else (said or 0) + (thoughts or 0),
        cached=_count(value.get("cachedContentTokenCount")),
        reasoning=thoughts,
        raw=value,
    )
    known = (usage.input, usage.output, usage.cached)
    return None if all(count is None for count in known) else usage


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        return None
    return int(value)
