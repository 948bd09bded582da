"""Whether a plugin's declared requirement on Backbay admits the version that is installed."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_PLAIN_RANGE = re.compile(r"backbay\s*\(?\s*((?:>=|<)\s*[0-9.]*[0-9]\s*,?\s*)+\)?")
_LONGEST = 1000
"""Characters of a requirement that anybody writes; Python refuses to read numbers of more than 4300 digits."""
_CLAUSE = re.compile(r"(>=|<)\s*([0-9]+(?:\.[0-9]+)*)")


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
    plain = len(text) <= _LONGEST and _PLAIN.fullmatch(installed) and _PLAIN_RANGE.fullmatch(text)
    if plain and _satisfies(text, installed):
        # The usual case, ">=0.1,<0.2", without the cost of importing packaging (about 20 ms).
        return None
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        if len(text) > _LONGEST:
            raise InvalidRequirement("it is too long")
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            return None
        if requirement.specifier.contains(installed, prereleases=True):
            return None
    except (ValueError, KeyError):  # of Requirement its own kind, of markers and versions whatever they say
        return f"its requirement {text[:_LONGEST]!r} cannot be read"
    return f"it requires backbay{requirement.specifier}, and {installed} is installed"


def _satisfies(text: str, installed: str) -> bool:
    version = _release(installed)
    return all(
        version >= _release(bound) if operator == ">=" else version < _release(bound)
        for operator, bound in _CLAUSE.findall(text)
    )


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version without trailing zeros, so that 1.0 equals 1."""
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
