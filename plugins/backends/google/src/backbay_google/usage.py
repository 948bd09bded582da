"""Token counts of the Gemini wire, in our arithmetic. Source: UsageMetadata's reference, and recorded traffic."""

from __future__ import annotations

from backbay.response import Usage
from backbay.wires.reading import whole_number


def read_usage(value: object) -> Usage | None:
    """Return ``usageMetadata`` as ``Usage``; ``None`` if it has no count.

    The vendor's total is prompt, what the vendor's own tools put into the prompt, candidates, and thoughts, all four
    apart. A count of 0 is left out on this wire: an answer that is all thoughts has no ``candidatesTokenCount``.
    """
    if not isinstance(value, dict):
        return None
    prompt, tools = whole_number(value.get("promptTokenCount")), whole_number(value.get("toolUsePromptTokenCount"))
    said, thoughts = whole_number(value.get("candidatesTokenCount")), whole_number(value.get("thoughtsTokenCount"))
    usage = Usage(
        input=None if prompt is None else prompt + (tools or 0),
        output=None if said is None and thoughts is None else (said or 0) + (thoughts or 0),
        cached=whole_number(value.get("cachedContentTokenCount")),
        reasoning=thoughts,
        raw=value,
    )
    known = (usage.input, usage.output, usage.cached)
    return None if all(count is None for count in known) else usage
