"""Whether a plugin's declared requirement on Backbay admits the version that is installed."""

from __future__ import annotations

from collections.abc import Iterable


def unmet(requirements: Iterable[str], installed: str) -> str | None:
    """Return why ``installed`` does not satisfy one of ``requirements``, or ``None`` if it satisfies all.

    Args:
        requirements: ``Requires-Dist`` values that are about Backbay. Those for an extra, or whose marker does not hold
            here, do not count.
        installed: The version of Backbay. A pre-release satisfies a range that its number is in.
    """
    for text in requirements:
        reason = _unmet(text, installed)
        if reason is not None:
            return reason
    return None


def _unmet(text: str, installed: str) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f"its requirement {text!r} cannot be read"
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"it requires backbay{requirement.specifier}, and {installed} is installed"
