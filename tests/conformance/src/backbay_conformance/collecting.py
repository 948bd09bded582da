"""Which laws there are for a class, and what stands in their place where it cannot be tried as it is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from backbay.capabilities import Capability
from backbay.spec import BackendSpec

from . import guard
from .laws.base import Laws
from .problems import SetUpError
from .subject import Engine, Subject
from .vendor import Vendor
from .watched import probe


class RefusedError(Exception):
    """A class of a conformance test cannot be tried as it is; the message has the whole story."""


class Refusal(pytest.Item):
    """Stands where laws would, and fails with one message."""

    def __init__(self, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message

    def runtest(self) -> None:
        """Fail."""
        raise RefusedError(self.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the message alone."""
        return self.message

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return where it is said to be."""
        return self.path, None, self.name


def laws_class(node: object) -> type[Laws] | None:
    """Return the class of laws that a node of pytest is, or is in, or ``None``."""
    if isinstance(node, pytest.Function):
        node = node.parent
    kind = getattr(node, "obj", None) if isinstance(node, pytest.Class) else None
    return kind if isinstance(kind, type) and issubclass(kind, Laws) else None


def refusals(node: pytest.Class, kind: type[Laws]) -> list[Refusal]:
    """Return what keeps a class from being tried, as items that fail; an empty list if nothing does."""
    said = dict(guard.violations(kind)) or dict(_set_up(kind))
    return [_refusal(node, name, why) for name, why in said.items()]


def of_law(node: pytest.Class, kind: type[Laws], name: str, items: list[Any]) -> list[pytest.Item]:
    """Return the items of one law: none if it does not apply, and expected failures marked as such."""
    if not applies(kind, items):
        return []
    for item in items:
        reason = guard.reason_for(kind, name, item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))
    names = [item.name for item in items]
    return [*items, *(_refusal(node, case, why) for case, why in guard.unknown_cases(kind, name, names))]


def applies(kind: type[Laws], items: list[Any]) -> bool:
    """Whether a law is there for a class.

    Those marked ``wire`` are where the suite answers, those marked ``engine`` where something else does; those that ask
    for answers are where the backend generates any.
    """
    if not kind.spec.capabilities.allows(Capability.GENERATE) and any(_needs_answers(item) for item in items):
        return False
    other = "engine" if kind.spec.speaks_http and kind.engine is None else "wire"
    return not any(item.get_closest_marker(other) for item in items)


def _needs_answers(item: pytest.Item) -> bool:
    name = getattr(item, "originalname", item.name)
    homes: tuple[type, ...] = getattr(item, "cls", object).__mro__
    return any(issubclass(home, Laws) and home.needs_answers for home in homes if name in vars(home))


def _refusal(node: pytest.Class, name: str, why: str) -> Refusal:
    refusal: Refusal = Refusal.from_parent(node, name=f"set_up[{name}]", message=f"{node.path}: {why}")
    return refusal


def _set_up(kind: type[Laws]) -> Iterator[tuple[str, str]]:
    """Yield the first thing that is wrong with what a class sets."""
    where = f"class {kind.__qualname__}"
    if kind.spec is None:
        yield "spec", f"{where} has no spec. Write spec = your_package.spec, the plugin's BackendSpec."
    elif not isinstance(kind.spec, BackendSpec):
        yield "spec", f"{where}: spec is a {type(kind.spec).__name__}. Write spec = your_package.spec, a BackendSpec."
    else:
        yield from _kinds(kind, where)


def _kinds(kind: type[Laws], where: str) -> Iterator[tuple[str, str]]:
    engine, vendor, exchanges, config = (getattr(kind, name) for name in ("engine", "vendor", "exchanges", "config"))
    if not isinstance(config, Mapping):
        yield "config", f"{where}: config is a {type(config).__name__}. Make it a dict of arguments of connect."
    elif engine is not None and not isinstance(engine, Engine):
        yield "engine", f"{where}: engine is a {type(engine).__name__}. Write engine = Engine(model=...)."
    elif engine is not None and engine.base_url is not None and not kind.spec.speaks_http:
        yield "engine", f"{where}: {kind.spec.name} runs in this process, so that base_url means nothing. Remove it."
    elif engine is not None and kind.spec.speaks_http and (name := _of_wires(vendor, exchanges)):
        said = f"{where}: engine names a server that answers, so that {name} means nothing."
        yield name, f"{said} Remove one of the two lines."
    elif exchanges is not None and not isinstance(exchanges, str | Path):
        said = f"{where}: exchanges is a {type(exchanges).__name__}."
        yield "exchanges", f'{said} Name a folder: exchanges = Path(__file__).parent / "exchanges".'
    elif not kind.spec.speaks_http and (name := _of_wires(vendor, exchanges)):
        said = f"{where}: {kind.spec.name} runs in this process, so that {name} means nothing."
        yield name, f"{said} Remove the line."
    elif vendor is not None and not (isinstance(vendor, type) and issubclass(vendor, Vendor)):
        yield (
            "vendor",
            f"{where}: vendor must be a subclass of backbay_conformance.Vendor. Set the class, not {vendor!r}.",
        )
    elif vendor is not None and inspect.isabstract(vendor):
        missing = ", ".join(sorted(getattr(vendor, "__abstractmethods__", ())))
        yield "vendor", f"{where}: the vendor {vendor.__qualname__} does not have {missing}. Write what is missing."
    else:
        yield from _emulated(kind, where)


def _of_wires(vendor: object, exchanges: object) -> str | None:
    return "vendor" if vendor is not None else "exchanges" if exchanges is not None else None


def _emulated(kind: type[Laws], where: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the subject of a class: its emulator is made, and tried once."""
    try:
        subject = Subject(
            kind.spec,
            vendor=kind.vendor,
            exchanges=kind.exchanges,
            engine=kind.engine,
            config=kind.config,
            where=where,
        )
    except SetUpError as failure:
        yield "set_up", str(failure)
        return
    problem = None if subject.vendor is None else probe(subject.vendor)
    if problem is not None:
        yield "vendor", f"{where}: {problem}"
