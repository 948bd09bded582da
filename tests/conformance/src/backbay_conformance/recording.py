"""From a law that was tried to a record of it: plain values, which a worker can send to its controller."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import pytest

from backbay import inspect as installed
from backbay.capabilities import Capability
from backbay.spec import BackendSpec

from . import evidence, guard, provisional
from .collecting import Refusal, laws_class
from .scenarios import Scenario
from .vendor import MODEL

PROPERTY = "backbay_conformance"
"""Name of the user property of a report that has the record, as JSON text."""

_LONGEST = 4000

PROVES = {
    "cached_usage": (Capability.USAGE,),
    "length_stop": (Capability.MAX_TOKENS,),
    "plain": (Capability.GENERATE, Capability.USAGE),
}
"""What a scenario shows besides what it needs."""

_OTHERWISE = ("declares_as_missing", "left_out")
"""Words in the names of laws that change what is declared, and so say nothing of what the plugin declares."""


def record(item: pytest.Item, report: pytest.TestReport, *, held_back: bool = False) -> dict[str, Any] | None:
    """Return what a law came to, or ``None`` for a phase of a test that decides nothing.

    Args:
        item: A law, or what stands in its place.
        report: How one phase of it went.
        held_back: Whether the law is provisional, so that its failure only warns.
    """
    node = item.parent if isinstance(item, Refusal) or laws_class(item) else None
    expected = hasattr(report, "wasxfail")
    if node is None or (report.when != "call" and not (report.failed or expected)):
        return None
    subject = getattr(item, "funcargs", {}).get("subject")
    facts: dict[str, Any] = {"test": node.nodeid, "backend": backend_facts(getattr(node, "obj", None))}
    if isinstance(item, Refusal):
        return {**facts, "problem": item.message}
    broken = report.failed
    facts |= {
        "law": law_facts(item),
        "case": item.name.partition("[")[2].rstrip("]"),
        "verdict": _verdict(broken=broken, expected=expected, held_back=held_back),
        "seconds": round(report.duration, 4),
        "reason": str(report.wasxfail) if expected else None,
        "evidence": None,
        **capabilities(item),
    }
    if broken or expected:
        said = {"message": message_of(report)[:_LONGEST], "exchanges": evidence.exchanges(subject)}
        facts["evidence"] = said
    # The whole record: a key might stand in a reason or in the name of a case as well.
    shown: dict[str, Any] = evidence.without(evidence.keys_of(subject), facts)
    return shown


def _verdict(*, broken: bool, expected: bool, held_back: bool) -> str:
    if broken:
        return provisional.VERDICT if held_back else "broken"
    return "expected failure" if expected else "kept"


def law_facts(item: pytest.Item) -> dict[str, str | None]:
    """Return the group, the name, the claim and the reason of a law, and since when it is provisional, if it was."""
    function = getattr(item, "function", None)
    name = getattr(item, "originalname", item.name)
    module = str(getattr(function, "__module__", "")).rpartition(".")[2]
    return {
        "group": module,
        "name": name,
        "claim": name.removeprefix("test_").replace("_", " "),
        "why": inspect.cleandoc(getattr(function, "__doc__", None) or ""),
        "provisional_since": provisional.since_of(function),
    }


def capabilities(item: pytest.Item) -> dict[str, Any]:
    """Return the capabilities that a case of a law is about, and the first that must be refused, or ``None``."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    streamed = params.get("how") == "stream"
    found = [need for value in params.values() for need in needs_of(value, streamed=streamed)]
    found += [Capability.STREAMING] if streamed else []
    found += [Capability(name) for mark in item.iter_markers("proves") for name in mark.args]
    kind = laws_class(item)
    spec = getattr(kind, "spec", None)
    if kind is None or not isinstance(spec, BackendSpec) or any(word in item.name for word in _OTHERWISE):
        return {"capabilities": [], "refused": None}
    declared = spec.capabilities_of(MODEL if kind.engine is None else kind.engine.model)
    refused = next((str(need) for need in found if not declared.allows(need)), None)
    return {"capabilities": sorted({str(need) for need in found}), "refused": refused}


def needs_of(value: object, *, streamed: bool) -> list[Capability]:
    """Return the capabilities that a parameter of a law is about: one, a scenario, a use of one, or what needs it."""
    if isinstance(value, Capability):
        return [value]
    if isinstance(value, Scenario):
        calls = [Capability.STREAMED_TOOL_CALLS] if streamed and value.answer.calls else []
        return [*value.needs, *PROVES.get(value.name, ()), *calls]
    one = getattr(value, "capability", None)
    if isinstance(one, Capability):
        return [*getattr(value, "also", ()), one]
    needs = getattr(value, "needs", ())
    return [need for need in needs if isinstance(need, Capability)] if isinstance(needs, tuple) else []


def backend_facts(kind: object) -> dict[str, Any]:
    """Return what a spec says of its backend, and which distribution it came from; no address of a person's own."""
    spec = getattr(kind, "spec", None)
    if not isinstance(spec, BackendSpec):
        return {"name": getattr(kind, "__qualname__", "?"), "label": "", "plugin": None, "spec": {}, "declared": {}}
    return {
        "name": spec.name,
        "label": spec.label,
        "plugin": plugin_of(spec),
        "spec": {
            "protocol": spec.protocol,
            "wires": list(spec.wires),
            "in this process": not spec.speaks_http,
            "default base URL": spec.default_base_url,
            "requires a key": spec.requires_credential,
            "key variables": list(spec.credential_env),
            "codec": spec.codec,
            "backend": spec.backend,
        },
        "declared": {str(name): str(support) for name, support in spec.capabilities.items()},
        "expected_failures": {str(k): str(v) for k, v in dict(getattr(kind, guard.EXPECTED, {}) or {}).items()},
    }


def plugin_of(spec: BackendSpec) -> dict[str, str | None] | None:
    """Return the distribution that registers a backend, or ``None`` if it is not installed."""
    for entry in installed(load=False):
        if entry.name == spec.name and entry.distribution:
            return {"name": entry.distribution, "version": entry.version}
    return None


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, or ``"unknown"``."""
    try:
        return installed_version(distribution)
    except PackageNotFoundError:
        return "unknown"


def message_of(report: pytest.TestReport) -> str:
    """Return why a law does not hold, without a traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash is not None else str(report.longrepr or "")
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


def packed(value: dict[str, Any]) -> tuple[str, str]:
    """Return a record as a user property."""
    return PROPERTY, json.dumps(value)


def unpacked(properties: Iterable[tuple[str, object]]) -> dict[str, Any] | None:
    """Return the record among user properties, or ``None``."""
    for name, value in properties:
        if name == PROPERTY:
            found: dict[str, Any] = json.loads(str(value))
            return found
    return None
