"""Check who imports whom: ``tox run -e imports``, or this program where import-linter is installed.

The contracts are computed from the distributions that are here, so a new plugin is held to them without a word about it
anywhere. An import counts wherever it stands, inside a function too; only those under ``TYPE_CHECKING`` do not.
"""

from __future__ import annotations

import configparser
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import grimp
from importlinter.cli import lint_imports

from workspace import ROOT, distributions

Contract = Mapping[str, str | Sequence[str]]

# The core's floors, the ground floor first. A module may import those below it, and none on its own
# floor, where each is one module or one package. Each module of the core stands on one of them.
FLOORS = (
    "errors _images _interrupt _stdout ranges known",
    "secrets messages limits retry capabilities selection jsonbytes sniffing sqlitefile",
    "response spec installed",
    "events coerce choosing discovery loading provenance jobs batches",
    "folding request records",
    "settings check attempt rawtext",
    "stream composite_calls relay",
    "hooks",
    "facetbase http.codec http.transport",
    "bridge facets jobfacet batchfacet http.batchwire http.sealing",
    "syncstream http.kinds http.sse http.ndjson http.urls http.retryafter http.adapters",
    "http.errorbody http.asking http.redaction",
    "http.statuses",
    "wires",
    "backend transports http.setup http.intake http.keyorigin",
    "http.relaying",
    "http.facets",
    "http.batching",
    "http.driver manual registry sync credentials executor",
    "connecting detecting",
    "provider",
    "composite inference",
    "fallbacks routing",
    "testing",
)
SUITE = "backbay_conformance"
CONFORMANCE = "conformance"
"""The one module of a plugin that may import the suite. Nothing imports it but the suite's command and the tests."""

HTTP_CLIENTS = tuple("h11 httptools httpx httpx2 httpcore httpcore2 aiohttp requests urllib3 niquests".split())
ADAPTERS = "backbay.http.adapters.*"


def packages() -> dict[str, list[str]]:
    """Return the packages that one can import, by the kind of their distribution."""
    found: dict[str, list[str]] = {"core": [], "backends": [], "extensions": [], "tests": []}
    for member in distributions():
        found[member.kind].append(member.package)
    return found


def contracts() -> list[Contract]:
    """Return the contracts, in import-linter's form."""
    found = packages()
    plugins = found["backends"] + found["extensions"]
    suite = found["tests"]
    only_conformance = [f"{plugin}.{CONFORMANCE} -> {one}" for plugin in plugins for one in (SUITE, f"{SUITE}.**")]
    only_adapters = [f"{ADAPTERS} -> {client}" for client in HTTP_CLIENTS]
    return [
        _layers(),
        _forbid("The core imports no plugin and no suite", ["backbay"], plugins + suite),
        _forbid(
            "In the core only http.adapters imports an HTTP client",
            ["backbay"],
            HTTP_CLIENTS,
            ignore_imports=only_adapters,
            unmatched_ignore_imports_alerting="none",
        ),
        _forbid("Plugins import no HTTP client", plugins, HTTP_CLIENTS, allow_indirect_imports="True"),
        _forbid(
            f"Of a plugin only its module {CONFORMANCE} imports the suite",
            plugins,
            suite,
            ignore_imports=only_conformance,
            unmatched_ignore_imports_alerting="none",
        ),
        _forbid("Extensions import no backend's plugin", found["extensions"], found["backends"]),
        {"name": "Backends do not import one another", "type": "independence", "modules": found["backends"]},
    ]


def core_modules() -> list[str]:
    """Return the modules and packages of the core that need a floor, as names below ``backbay``."""
    source = ROOT / "core" / "src" / "backbay"
    found = []
    for path in sorted([*source.iterdir(), *(source / "http").iterdir()]):
        name = ".".join(path.relative_to(source).with_suffix("").parts)
        is_package = path.is_dir() and any(path.glob("*.py"))
        if (path.suffix == ".py" or is_package) and not name.endswith("__init__") and name != "http":
            found.append(name)
    return found


def homeless() -> list[str]:
    """Return the modules of the core that stand on no floor."""
    return sorted(set(core_modules()) - set(" ".join(FLOORS).split()))


def upward_to_the_face() -> list[str]:
    """Return the imports of ``backbay`` itself from inside it: the public names are for those outside."""
    graph = grimp.build_graph("backbay", exclude_type_checking_imports=True, cache_dir=None)
    found = []
    for importer in sorted(graph.find_modules_that_directly_import("backbay")):
        details = graph.get_import_details(importer=importer, imported="backbay")
        found += [f"{importer} (l.{item['line_number']}): {item['line_contents']}" for item in details]
    return found


def imports_of_conformance() -> list[str]:
    """Return what keeps the modules ``conformance`` of plugins apart: a package of them, and imports of one."""
    found = []
    members = [member for member in distributions() if member.kind in {"backends", "extensions"}]
    graph = grimp.build_graph(
        *(member.package for member in members), exclude_type_checking_imports=True, cache_dir=None
    )
    for member in members:
        if (member.folder / "src" / member.package / CONFORMANCE).is_dir():
            found.append(f"{member.package}.{CONFORMANCE} is a package; it may be one module.")
        module = f"{member.package}.{CONFORMANCE}"
        for importer in sorted(graph.find_modules_that_directly_import(module) if module in graph.modules else ()):
            found += [
                f"{importer} (l.{item['line_number']}) imports {module}, and a plugin works without the suite: "
                f"{item['line_contents']}"
                for item in graph.get_import_details(importer=importer, imported=module)
            ]
    return found


def check(listed: Sequence[Contract]) -> int:
    """Run import-linter over the contracts that say something; return its exit code."""
    config = configparser.ConfigParser()
    config["importlinter"] = {
        "root_packages": _lines(name for names in packages().values() for name in names),
        "include_external_packages": "True",
        "exclude_type_checking_imports": "True",
    }
    for number, contract in enumerate(listed):
        if all(contract.values()):
            config[f"importlinter:contract:{number}"] = {key: _lines(value) for key, value in contract.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "contracts.ini"
        with file.open("w", encoding="utf-8") as opened:
            config.write(opened)
        return lint_imports(config_filename=str(file), no_cache=True, no_logo=True)


def _layers() -> Contract:
    present = core_modules()
    floors = [" | ".join(f"backbay.{name}" for name in floor.split() if name in present) for floor in FLOORS]
    return {"name": "The core is layered", "type": "layers", "layers": [floor for floor in reversed(floors) if floor]}


def _forbid(name: str, sources: Sequence[str], forbidden: Sequence[str], **more: str | Sequence[str]) -> Contract:
    return {
        "name": name,
        "type": "forbidden",
        "source_modules": list(sources),
        "forbidden_modules": list(forbidden),
        **more,
    }


def _lines(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else "\n" + "\n".join(value)


def main() -> int:
    """Check everything; return 0 if all holds, otherwise 1."""
    sys.path[:0] = [str(member.folder / "src") for member in distributions()]
    problems = [f"backbay.{name} stands on no floor: give it one in scripts/imports.py." for name in homeless()]
    problems += [f"The core imports its own public face: {line}" for line in upward_to_the_face()]
    problems += imports_of_conformance()
    code = check(contracts())
    for problem in problems:
        print(problem)
    return 1 if code or problems else 0


if __name__ == "__main__":
    sys.exit(main())
