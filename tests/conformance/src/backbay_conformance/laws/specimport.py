"""Where a spec is defined, and what importing it does: seen in a process of its own, by Python's audit hook."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import pytest

from backbay.spec import BackendSpec

PROBE = Path(__file__).with_name("_import_probe.py")
SECONDS = 60.0
"""How long an import may take before it counts as hanging."""


class Home(NamedTuple):
    """Where a spec is defined.

    Attributes:
        module: The module that has it.
        attribute: Its name there.
        entry: The name of its entry point, or ``None`` if it has none.
    """

    module: str
    attribute: str
    entry: str | None


class Imported(NamedTuple):
    """What an import did.

    Attributes:
        module: What was imported.
        did: Events of the audit hook that an import must not cause.
        modules: Modules that were loaded by it.
        threads: Threads there were after it.
        equal: Whether a second import gave an equal spec.
        output: What the process wrote on standard output and standard error.
    """

    module: str
    did: tuple[str, ...]
    modules: frozenset[str]
    threads: int
    equal: bool
    output: str


def home_of(spec: BackendSpec) -> Home:
    """Return where a spec is defined: at its entry point, or in a module that is loaded."""
    found = next(_homes(spec), None)
    if found is None:
        pytest.fail(
            f"The module that defines the spec of {spec.name} cannot be found, so it cannot be imported alone. Define "
            'it at the top of an importable module, and register that: [project.entry-points."backbay.backends"] '
            f'{spec.name} = "package:spec".'
        )
    return found


def imported(home: Home) -> Imported:
    """Import a spec's module in a process of its own, once for all laws, and return what that did."""
    return _imported(home.module, home.attribute, tuple(sys.path))


def _homes(spec: BackendSpec) -> Iterator[Home]:
    for entry in entry_points(group="backbay.backends"):
        # Only those that may be it are loaded: other plugins are none of this law's business.
        loaded = sys.modules.get(entry.module)
        if entry.attr and loaded is not None and _is_it(getattr(loaded, entry.attr, None), spec):
            yield Home(entry.module, entry.attr, entry.name)
    for name, module in sorted(sys.modules.items(), key=lambda item: (item[0].count("."), item[0])):
        if name != "__main__" and not _is_test(name):
            for attribute, value in list(getattr(module, "__dict__", {}).items()):
                if _is_it(value, spec):
                    yield Home(name, attribute, None)


def _is_it(value: object, spec: BackendSpec) -> bool:
    """Whether ``value`` is the spec, or the spec is what it becomes on one of its wires."""
    if value is spec:
        return True
    if not isinstance(value, BackendSpec) or value.name != spec.name or not spec.wires:
        return False
    return spec.wires[0] in value.wires and value.on_wire(spec.wires[0]) == spec


def _is_test(module: str) -> bool:
    # A test that imports the spec by name has it too, and is no place to import it from.
    return any(part in ("tests", "conftest") or part.startswith("test_") for part in module.split("."))


@functools.cache
def _imported(module: str, attribute: str, path: tuple[str, ...]) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder, "seen.json")
        command = [sys.executable, "-B", str(PROBE), module, attribute, str(seen), json.dumps(path)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pytest.fail(f"importing {module} took more than {SECONDS:.0f} s")
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        if not seen.exists():
            pytest.fail(f"importing {module} in a new process failed with status {done.returncode}: {output[-2000:]}")
        facts = json.loads(seen.read_text(encoding="utf-8"))
    modules = frozenset(facts["modules"])
    return Imported(module, tuple(facts["did"]), modules, facts["threads"], facts["equal"], output)
