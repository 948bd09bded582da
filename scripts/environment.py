"""The environment in which this repository is tried and tested: made once, brought up to date only when it must be.

``python3 scripts/environment.py [GROUP ...]`` makes it in ``.venv``, with the tools of those groups (see the folder
``requirements``) and all distributions of this repository. Other people's packages come from files with pinned versions
and hashes; the repository's own are installed from their folders, so that a change is seen at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from workspace import ROOT, Distribution, distributions

OLDEST = (3, 11)
BUILD_PINS = ROOT / "requirements" / "build.txt"
_NOTES = "backbay-installed.json"
_NETWORK = (
    "Packages come from the index that pip is set up for: look at the network, or at pip's settings "
    "(`python3 -m pip config list`), and run the same command again. It goes on from here."
)
_DEBIAN = "Install Python's venv module and pip (on Debian: apt install python3-venv)."


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        folder: Where it is.
        python: Its interpreter.
    """

    folder: Path
    python: Path

    def pip(self, verb: str, *arguments: str | Path, hint: str = "") -> None:
        """Run pip on this environment; what it says goes to standard error.

        Raises:
            SystemExit: pip failed; it has said why, and ``hint`` says what to look at.
        """
        settings = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0", "PIP_NO_INPUT": "1"}
        command = [*self._pip(), verb, *map(str, arguments)]
        if subprocess.run(command, cwd=ROOT, env=settings, stdout=sys.stderr, check=False).returncode:
            raise SystemExit(f"`pip {verb}` failed; its message is above. {hint}")

    def install(self, *arguments: str | Path, hint: str = "") -> None:
        """Run ``pip install``."""
        self.pip("install", "--quiet", "--progress-bar=off", *arguments, hint=hint)

    def install_pins(self, files: Iterable[Path]) -> None:
        """Install the pinned packages of some files, each of which must match its hash."""
        listed = [argument for file in files if file.exists() for argument in ("--requirement", file)]
        if listed:
            self.install("--require-hashes", *listed, hint=_NETWORK)

    def install_folders(self, members: Sequence[Distribution]) -> None:
        """Install distributions of this repository so that they are used from their folders."""
        folders = [argument for member in members for argument in ("--editable", member.folder)]
        self.install(
            "--no-deps", "--no-build-isolation", *folders, hint="It could not build a folder of this repository."
        )

    def notes(self) -> dict[str, str]:
        """Return what ``note`` wrote last: each file that said what to install, with the hash of what it said then."""
        file = self.folder / _NOTES
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}

    def note(self, facts: Mapping[str, str]) -> None:
        """Write down, in the environment, what it has."""
        (self.folder / _NOTES).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    def _pip(self) -> list[str]:
        if (
            any((self.folder / "lib").glob("python*/site-packages/pip"))
            or (self.folder / "Lib/site-packages/pip").exists()
        ):
            return [str(self.python), "-m", "pip"]
        # Made without pip, where Python came without ensurepip: pip from outside can work on it.
        return [sys.executable, "-m", "pip", "--python", str(self.python)]


def create(folder: Path) -> Environment:
    """Return the virtual environment in ``folder``; make it if it is not there, was moved, or does not start any more.

    Raises:
        SystemExit: This Python cannot make one; the message says what to install.
    """
    if folder.is_file():
        raise SystemExit(f"{folder} is a file, and the environment would go there. Remove it, and run this again.")
    scripts = sysconfig.get_path("scripts", "venv", {"base": str(folder), "platbase": str(folder)})
    environment = Environment(folder, Path(scripts) / ("python.exe" if os.name == "nt" else "python"))
    moved = environment.notes().get("folder", str(folder)) != str(folder)
    if not moved and _version(environment.python) >= OLDEST:
        return environment
    _say(f"Making a virtual environment in {_shown(folder)} ...")
    options = ["--clear"] if find_spec("ensurepip") else ["--clear", "--without-pip"]
    if "--without-pip" in options and not find_spec("pip"):
        raise SystemExit(f"This Python has neither pip nor ensurepip. {_DEBIAN}")
    if subprocess.run([sys.executable, "-m", "venv", *options, str(folder)], check=False).returncode:
        raise SystemExit(f"Python could not make a virtual environment. {_DEBIAN}")
    return environment


def prepare(groups: Sequence[str], members: Sequence[Distribution]) -> Environment:
    """Return the environment in ``.venv``, with some groups of tools and some distributions; quick if it has them."""
    environment = create(ROOT / ".venv")
    fill(environment, groups, members)
    return environment


def fill(environment: Environment, groups: Sequence[str], members: Sequence[Distribution]) -> None:
    """Install groups of tools and distributions into an environment, unless it has just these.

    A group is the name of a file in ``requirements``, without its ending.
    """
    pins = [BUILD_PINS, *(ROOT / "requirements" / f"{group}.txt" for group in groups)]
    missing = [file for file in pins if not file.exists()]
    if missing:
        raise SystemExit(f"There is no {_shown(missing[0])}; groups are the names of the files in requirements.")
    pins += [member.pins for member in members]
    files = [*pins, *(member.folder / "pyproject.toml" for member in members)]
    wanted = {file.relative_to(ROOT).as_posix(): _hash(file) for file in files}
    present = environment.notes()
    if wanted.items() <= present.items():
        return
    _say("Installing what is needed (the first time takes a minute or two) ...")
    environment.install_pins(pins)
    if members:
        environment.install_folders(members)
    environment.note({**present, **wanted, "folder": str(environment.folder)})


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def _version(python: Path) -> tuple[int, ...]:
    """Return the version of an interpreter; ``(0,)`` if it cannot be started."""
    try:
        shown = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return tuple(int(part) for part in shown.stdout.split())


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, and fill an environment."""
    parser = argparse.ArgumentParser(description="Make the environment of this repository, or bring it up to date.")
    parser.add_argument("groups", nargs="*", help="groups of tools: the names of the files in requirements")
    parser.add_argument("--here", action="store_true", help="fill the environment that runs this, not .venv")
    parser.add_argument("--tools", action="store_true", help="install the tools alone, not the distributions")
    given = parser.parse_args()
    environment = Environment(Path(sys.prefix), Path(sys.executable)) if given.here else create(ROOT / ".venv")
    fill(environment, given.groups, [] if given.tools else distributions())


if __name__ == "__main__":
    main()
