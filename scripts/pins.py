"""Pin what this repository installs: ``tox run -e pins``, or ``python scripts/pins.py`` where ``uv`` is installed.

All requirements are resolved together, once, for every Python and platform that is supported; then each file gets its
part, with hashes. So no two files disagree, and a distribution's pins lie in its own folder.

Versions stay as they are unless they must change; ``--upgrade`` takes the newest.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from workspace import ROOT, distributions, outside, table

OLDEST = "3.11"
_PIN = re.compile(r"^[A-Za-z0-9][^\s;]*==[^\\]*", re.MULTILINE)


def wanted() -> dict[Path, list[str]]:
    """Return the requirements that each file of pins holds."""
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {
        ROOT / "requirements" / f"{group}.txt": outside(listed)
        for group, listed in table(root, "dependency-groups").items()
    }
    build: set[str] = {"editables"}  # hatchling wants it for an editable installation
    for member in distributions():
        found[member.pins] = member.requirements()
        found[ROOT / "requirements" / "tests.txt"] += member.test_requirements()
        build.update(outside(table(member.settings, "build-system").get("requires", [])))
    found[ROOT / "requirements" / "build.txt"] = sorted(build)
    return {file: lines for file, lines in found.items() if lines}


def resolve(requirements: Sequence[str], output: Path, *options: str) -> None:
    """Let uv write the pinned and hashed form of some requirements to a file."""
    command = ["uv", "pip", "compile", "-", "--quiet", "--universal", "--python-version", OLDEST, "--generate-hashes"]
    # Neither the index, nor a path of this machine, belongs into the file.
    command += ["--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--no-config"]
    command += ["--custom-compile-command", "tox run -e pins", "--output-file", str(output), *options]
    subprocess.run(command, input="\n".join(requirements), text=True, cwd=ROOT, check=True)


def pin(found: Mapping[Path, Sequence[str]], *, upgrade: bool) -> None:
    """Write the files of pins."""
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder) / "together.txt"
        if not upgrade:
            # uv keeps the versions that it finds in the file it writes to.
            present = {line.strip() for file in found if file.exists() for line in _PIN.findall(file.read_text())}
            together.write_text("\n".join(sorted(present)) + "\n")
        resolve([line for lines in found.values() for line in lines], together, *(["--upgrade"] if upgrade else []))
        for file, lines in found.items():
            file.unlink(missing_ok=True)
            resolve(lines, file, "--constraint", str(together))


def main() -> None:
    """Read the command line, and write the files."""
    parser = argparse.ArgumentParser(description="Pin what this repository installs.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    pin(wanted(), upgrade=parser.parse_args().upgrade)


if __name__ == "__main__":
    main()
