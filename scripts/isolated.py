"""Test one distribution as people get it: ``python3 scripts/isolated.py backends/<name>``.

Wheels of the core and of that distribution are built and installed into a new environment, with what they declare that
they need and no neighbour; its tests are copied away from the sources and run there. This finds a file that the wheel
leaves out, a dependency that is not declared, and a neighbour that happens to be there.

Neighbours that its tests do need stand in its own ``[dependency-groups] tests``.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import BUILD_PINS, Environment, create
from workspace import ROOT, Distribution, distributions, find, table


def neighbours(member: Distribution) -> list[Distribution]:
    """Return what of this repository must be installed to test a distribution, itself first."""
    by_name = {item.name: item for item in distributions()}
    chosen = [member]
    for item in chosen:  # which grows meanwhile
        groups = table(item.settings, "dependency-groups") if item is member else {}
        for line in (*_strings(item.project.get("dependencies")), *_strings(groups.get("tests"))):
            name = re.split(r"[^A-Za-z0-9-]", line, maxsplit=1)[0]
            if name in by_name and by_name[name] not in chosen:
                chosen.append(by_name[name])
    return chosen


def install(environment: Environment, members: list[Distribution], wheels: Path) -> None:
    """Build the wheels, and install them with what they need."""
    environment.install_pins([BUILD_PINS, ROOT / "requirements" / "tests.txt", *(item.pins for item in members)])
    folders = [str(item.folder) for item in members]
    environment.pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, *folders)
    environment.install("--no-deps", *sorted(wheels.glob("*.whl")))
    environment.pip("check")  # a wheel whose needs are not met fails here


def test(environment: Environment, member: Distribution, elsewhere: Path, *options: str) -> int:
    """Run copies of the tests of a distribution in another folder; return pytest's exit code."""
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, elsewhere)
    shutil.copytree(member.folder / "tests", elsewhere / member.path / "tests")
    settings = {**os.environ}
    settings.setdefault("BACKBAY_CORPUS", str(ROOT.parent / "shared"))
    command = [str(environment.python), "-m", "pytest", "--numprocesses=auto", f"{member.path}/tests", *options]
    return subprocess.run(command, cwd=elsewhere, env=settings, check=False).returncode


def main() -> int:
    """Do it all in a temporary folder; return pytest's exit code."""
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    member = find(named)
    with tempfile.TemporaryDirectory() as folder:
        environment = create(Path(folder) / "venv")
        install(environment, neighbours(member), Path(folder) / "wheels")
        elsewhere = Path(folder) / "elsewhere"
        elsewhere.mkdir()
        return test(environment, member, elsewhere, *sys.argv[2:])


def _strings(listed: object) -> list[str]:
    return [str(line) for line in listed] if isinstance(listed, list) else []


if __name__ == "__main__":
    sys.exit(main())
