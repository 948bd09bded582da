"""Make the files of one release: ``python scripts/release.py core/v0.1.0``. Publishes nothing.

The tag names the folder and the version. The wheel and the source archive go to ``dist/release``, built in an
environment of pinned tools; both are held against the tree, and the bill of materials goes to ``dist/sbom``. Then the
tests of the distribution run against that very wheel, with no source beside it. ``--only build`` and ``--only test`` do
one of the two, so that what runs in the tests is never on the machine that builds.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import BUILD_PINS, create
from isolated import install, neighbours, test
from wheels import check, content_hash
from workspace import ROOT, Distribution, distributions

OUT = ROOT / "dist" / "release"
BILL_PINS = ROOT / "requirements" / "sbom.txt"


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


def build(member: Distribution) -> None:
    """Build the files of a release, and its bill of materials.

    Raises:
        SystemExit: What was built is not the tree; the message says what differs.
    """
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        tools = create(Path(folder) / "tools")
        tools.install_pins([BUILD_PINS, BILL_PINS])
        command = [str(tools.python), "-m", "hatchling", "build", "--directory", str(OUT)]
        subprocess.run(command, cwd=member.folder, check=True)
        if wrong := check(member, sorted(OUT.iterdir())):
            raise SystemExit("What was built is not the tree:\n" + "\n".join(wrong))
        subprocess.run([str(tools.python), str(ROOT / "scripts" / "sbom.py"), member.path], cwd=ROOT, check=True)
    for path in sorted(OUT.iterdir()):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
        if path.suffix == ".whl":
            print(f"{content_hash(path)}  its contents, as `backbay doctor --json` has them as record_hash")


def try_wheel(member: Distribution) -> int:
    """Test the wheel that was built, by itself; return pytest's exit code."""
    wheel = next(OUT.glob("*.whl"), None)
    if wheel is None:
        raise SystemExit(f"There is no wheel in {OUT.relative_to(ROOT)}; build it first.")
    with tempfile.TemporaryDirectory() as folder:
        tested = create(Path(folder) / "tested")
        install(tested, neighbours(member), Path(folder) / "wheels")
        tested.install("--no-deps", "--force-reinstall", wheel)
        elsewhere = Path(folder) / "elsewhere"
        elsewhere.mkdir()
        return test(tested, member, elsewhere)


def main() -> int:
    """Build, check and test; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tag", help="such as core/v0.1.0")
    parser.add_argument("--only", choices=("build", "test"), help="one of the two; both without it")
    asked = parser.parse_args()
    member = chosen(asked.tag)
    if asked.only != "test":
        build(member)
    return 0 if asked.only == "build" else try_wheel(member)


if __name__ == "__main__":
    sys.exit(main())
