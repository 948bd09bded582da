"""Make the files of one release: ``python scripts/release.py core/v0.1.0``. Publishes nothing.

The tag names the folder and the version. The wheel and the source archive go to ``dist/release``, built in an
environment of pinned tools; the wheel is held against the tree, and the bill of materials goes to ``dist/sbom``. Then
the tests of the distribution run against that very wheel, with no source beside it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from environment import BUILD_PINS, create
from isolated import install, neighbours, test
from workspace import ROOT, Distribution, distributions

OUT = ROOT / "dist" / "release"
BILL_TOOL = "cyclonedx-bom>=7.5,<8"


def chosen(tag: str) -> Distribution:
    """Return what a tag names; it must be its version."""
    folder, slash, version = tag.rpartition("/v")
    found = next((item for item in distributions() if item.path == folder), None)
    if not slash or found is None:
        raise SystemExit(
            f"{tag!r} names no distribution; tags are like core/v0.1.0 and plugins/backends/openai/v0.1.0."
        )
    if found.project["version"] != version:
        raise SystemExit(f"{tag!r} is not the version of {found.name}, which is {found.project['version']}.")
    return found


def strange(wheel: Path, member: Distribution) -> list[str]:
    """Return what is wrong with the contents of a wheel: files that are not in the tree as they are, or are missing."""
    source = member.folder / "src"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "src"], cwd=member.folder, capture_output=True, check=True
    ).stdout
    wanted = {name.removeprefix("src/") for name in tracked.decode().split("\0") if name}
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
        differing = {name for name in inside & wanted if archive.read(name) != (source / name).read_bytes()}
    return sorted((inside ^ wanted) | differing)


def main() -> int:
    """Build, check and test; return the exit code."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    member = chosen(sys.argv[1])
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        tools = create(Path(folder) / "tools")
        tools.install_pins([BUILD_PINS])
        build = [str(tools.python), "-m", "hatchling", "build", "--directory", str(OUT)]
        subprocess.run(build, cwd=member.folder, check=True)
        wheel = next(OUT.glob("*.whl"))
        wrong = strange(wheel, member)
        if wrong:
            raise SystemExit(f"{wheel.name} is not the tree: {', '.join(wrong)}")
        tools.install(BILL_TOOL)
        subprocess.run([str(tools.python), str(ROOT / "scripts" / "sbom.py"), member.path], cwd=ROOT, check=True)
        tested = create(Path(folder) / "tested")
        install(tested, neighbours(member), Path(folder) / "wheels")
        tested.install("--no-deps", "--force-reinstall", wheel)
        elsewhere = Path(folder) / "elsewhere"
        elsewhere.mkdir()
        return test(tested, member, elsewhere)


if __name__ == "__main__":
    sys.exit(main())
