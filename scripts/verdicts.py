"""Try every backend of this repository, and write what came of it: ``python scripts/verdicts.py [NAME ...]``.

Each gets its verdict, ``conformance.json`` in its package, which it ships and ``backbay doctor`` shows. All of them
make one page, ``docs/verdicts.md`` and ``docs/verdicts.html``. With names, only those are tried; ``--page`` tries none
and writes the page anew; ``--check`` writes nothing, and says what is not up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import verdicts_html
import verdicts_md
from backbay import BackbayError, BackendSpec, resolve
from backbay_conformance import conform, verdict
from workspace import ROOT, Distribution, distributions

PAGES = {ROOT / "docs" / "verdicts.md": verdicts_md.page, ROOT / "docs" / "verdicts.html": verdicts_html.page}
_FILE = "conformance.json"


def backends() -> dict[str, Distribution]:
    """Return the distributions of backends that are here, by the name of the backend."""
    return {member.folder.name: member for member in distributions() if member.kind == "backends"}


def file_of(member: Distribution) -> Path:
    """Return where a plugin's verdict is."""
    return member.folder / "src" / member.package / _FILE


def read(member: Distribution) -> dict[str, Any] | None:
    """Return a plugin's verdict, or ``None`` if there is none."""
    file = file_of(member)
    found: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found


def spec_of(name: str) -> BackendSpec:
    """Return the spec of a backend that is here.

    Raises:
        SystemExit: It is not installed in this environment, or does not load.
    """
    try:
        return resolve(name)
    except BackbayError as failure:
        raise SystemExit(f"{failure}\nInstall the plugins of this repository first, as scripts/test.py does.") from None


def try_all(members: Mapping[str, Distribution], *, at_once: int) -> bool:
    """Run the suite for some backends, and write their verdicts; return whether all of them keep the contract."""
    with ThreadPoolExecutor(at_once) as pool:
        return all(list(pool.map(_try, members, members.values())))


def _try(name: str, member: Distribution) -> bool:
    try:
        found = verdict.verdict(conform.run(name))
    except (BackbayError, ValueError) as failure:
        print(f"{name}: {failure}", flush=True)
        return False
    verdict.write(found, file_of(member))
    counts = found["counts"]
    print(f"{name}: {counts['kept']} of {counts['laws']} laws kept", *found["broken"], sep="\n    broken: ", flush=True)
    return bool(found["verdict"] == "kept")


def stale(name: str, member: Distribution, spec: BackendSpec) -> str | None:
    """Return why a plugin's verdict is not about the plugin as it is, or ``None`` if it is."""
    found = read(member)
    if found is None:
        return f"{name} has no verdict"
    version = member.project["version"]
    if found["plugin"] != {"name": member.name, "version": version}:
        return f"the verdict of {name} is for {found['plugin']}, and this is version {version}"
    declared = {str(capability): str(support) for capability, support in spec.capabilities.items()}
    if {capability: row["declared"] for capability, row in found["capabilities"].items()} != declared:
        return f"{name} declares other capabilities than when its verdict was made"
    return None


def pages() -> dict[Path, str]:
    """Return the text of each page, from the verdicts as they are now."""
    entries = [
        verdicts_md.Entry(spec=spec_of(name), verdict=found, path=member.path)
        for name, member in backends().items()
        if (found := read(member)) is not None
    ]
    return {path: text_of(entries) for path, text_of in PAGES.items()}


def check() -> list[str]:
    """Return what is not up to date, as sentences."""
    problems = [
        f"{why}: run `python scripts/verdicts.py {name}`."
        for name, member in backends().items()
        if (why := stale(name, member, spec_of(name)))
    ]
    return problems + [
        f"{path.relative_to(ROOT).as_posix()} is not up to date: run `python scripts/verdicts.py --page`."
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what is asked for, and write the page; return 1 if a law is broken, or something is not up to date."""
    parser = argparse.ArgumentParser(description="Try the backends of this repository, and write their verdicts.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="backends to try; all, if none is given")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="suites to run at a time (2)")
    parser.add_argument("--page", action="store_true", help="try nothing; write the page from the verdicts there are")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is not up to date")
    given = parser.parse_args(arguments)
    members = backends()
    if unknown := sorted(set(given.names) - set(members)):
        parser.error(f"there is no backend {', '.join(unknown)}; there are {', '.join(members)}")
    if given.check:
        problems = check()
        print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
        return 1 if problems else 0
    chosen = {name: members[name] for name in given.names or members}
    kept = given.page or try_all(chosen, at_once=max(given.at_once, 1))
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
