"""Laws cannot be changed by whom they judge: what a class of a conformance test may say, and what it may not.

It may set what the suite leaves open (``spec``, ``vendor``, ``exchanges``, ``engine``, ``config``), and it may name
laws that are known to be broken in ``expected_failures``, each with its reason. Nothing else of the suite may be
replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SUITE = __name__.partition(".")[0]
"""The suite's package; what is defined in it is law."""

EXPECTED = "expected_failures"


def is_suites(kind: type) -> bool:
    """Whether a class is the suite's own."""
    return kind.__module__.partition(".")[0] == SUITE


def laws_of(kind: type) -> dict[str, object]:
    """Return the laws that a class inherits from the suite: function by name, as the suite has them."""
    found: dict[str, object] = {}
    for part in reversed(_suites(kind)):
        found.update({name: value for name, value in vars(part).items() if name.startswith("test_")})
    return {name: value for name, value in found.items() if callable(value)}


def settings_of(kind: type) -> set[str]:
    """Return the names that an author sets: those that the suite's classes annotate."""
    return {name for part in _suites(kind) for name in vars(part).get("__annotations__", {})}


def violations(kind: type) -> Iterator[tuple[str, str]]:
    """Yield what a class may not do: the name that it is about, and a sentence with the way out."""
    laws, settings = laws_of(kind), settings_of(kind)
    fixed = {name for part in _suites(kind) for name in vars(part) if not name.startswith("__")} - settings
    for part in kind.__mro__:
        if part is object or is_suites(part):
            continue
        for name, value in vars(part).items():
            if name in laws:
                yield name, _about_law(part, name, deleted=value is None)
            elif name in fixed:
                yield name, f"{part.__qualname__} replaces {name}, which is the suite's own. Give yours another name."
            elif name in {"__init__", "__new__"}:
                yield name, f"{part.__qualname__} has {name}, so that pytest would pass over its laws. Remove it."
    yield from _expectations(kind, laws)


def reason_for(kind: type, law: str, item: str) -> str | None:
    """Return why a law, or one case of it (``item``, the law's name with its parameters), is expected to fail."""
    expected = getattr(kind, EXPECTED, {})
    reason = expected.get(item, expected.get(law))
    return None if reason is None else str(reason)


def unknown_cases(kind: type, law: str, items: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the cases of a law that are expected to fail, and are none of its ``items``."""
    for name in getattr(kind, EXPECTED, {}):
        if name.startswith(f"{law}[") and name not in items:
            near = ", ".join(item.removeprefix(law) for item in items[:8])
            yield name, f"{EXPECTED} names {name!r}, and there is no such case. Cases of {law} are {near} ..."


def _suites(kind: type) -> list[type]:
    return [part for part in kind.__mro__ if is_suites(part)]


def _about_law(part: type, name: str, *, deleted: bool) -> str:
    what = "deletes" if deleted else "overrides"
    return (
        f"{part.__qualname__} {what} the law {name}. A law cannot be changed. Remove the line; if the backend is known "
        f'to break it, write {EXPECTED} = {{"{name}": "the reason"}}, which the report shows.'
    )


def _expectations(kind: type, laws: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    expected: object = getattr(kind, EXPECTED, {})
    if not isinstance(expected, Mapping):
        yield EXPECTED, f"{EXPECTED} is a {type(expected).__name__}; make it a dict from a law's name to the reason."
        return
    for name, reason in expected.items():
        if not isinstance(name, str) or name.partition("[")[0] not in laws:
            yield str(name), f"{EXPECTED} names {name!r}, and there is no such law. Take a name from the report."
        elif not isinstance(reason, str) or not reason.strip():
            yield name, f"{EXPECTED} gives no reason for {name}. Write why the backend breaks it."
