"""Write a bill of materials of each distribution, in CycloneDX: ``tox run -e sbom``, or ``-- backends/NAME`` for one.

It lists what the distribution was tested with: its own pinned requirements and the core's, with their hashes. No
network is needed. The files go to ``dist/sbom``; the same pins give the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from workspace import ROOT, Distribution, distributions, find

FOLDER = ROOT / "dist" / "sbom"


def write(member: Distribution) -> Path:
    """Write the bill of one distribution; return the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / f"{member.name}-{member.project['version']}.cdx.json"
    core = next(item for item in distributions() if item.kind == "core")
    pins = [path.read_text(encoding="utf-8") for path in dict.fromkeys((core.pins, member.pins)) if path.exists()]
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(pins), encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "cyclonedx_py", "requirements", "--mc-type", "library", "--short-PURLs"),
                *("--output-reproducible", "--pyproject", str(member.folder / "pyproject.toml")),
                *("--output-file", str(target), str(requirements)),
            ],
            check=True,
            # It warns that nothing says what the distribution itself depends on: _complete does.
            env={**os.environ, "PYTHONWARNINGS": "ignore::UserWarning"},
        )
    _complete(target, member, core)
    return target


def _complete(target: Path, member: Distribution, core: Distribution) -> None:
    """Say in a bill which of its packages the distribution itself asks for, the core among them."""
    bill = json.loads(target.read_text(encoding="utf-8"))
    root = bill["metadata"]["component"]
    names = {_normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in member.requirements()}
    if member.path != core.path:
        ref = f"{core.name}=={core.project['version']}"
        purl = f"pkg:pypi/{core.name}@{core.project['version']}"
        part = {"bom-ref": ref, "name": core.name, "purl": purl, "type": "library"}
        bill["components"] = [*bill.get("components", []), {**part, "version": core.project["version"]}]
        names.add(core.name)
    wanted = sorted(item["bom-ref"] for item in bill.get("components", []) if _normal(item["name"]) in names)
    others = [item for item in bill.get("dependencies", []) if item["ref"] != root["bom-ref"]]
    known = {item["ref"] for item in others}
    others += [{"ref": ref} for ref in wanted if ref not in known]
    bill["dependencies"] = [{"ref": root["bom-ref"], "dependsOn": wanted}, *others]
    target.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Write the bills that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("distribution", nargs="?", help="a folder, such as backends/openai; all without it")
    asked = parser.parse_args()
    for member in [find(asked.distribution)] if asked.distribution else distributions():
        path = write(member)
        bill = json.loads(path.read_text(encoding="utf-8"))
        print(
            f"{path.relative_to(ROOT)}: {bill['bomFormat']} {bill['specVersion']}, {len(bill['components'])} packages"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
