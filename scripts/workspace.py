"""What is in this repository: the core, and the distributions under ``plugins``, read from their ``pyproject.toml``.

No name of a plugin stands in a script: whatever is there is found.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Every program here comes by this line, on a Python that is too old as well.
if sys.version_info < (3, 11):
    sys.exit(
        "Python 3.11 or later is needed; this is %s. Start this with a newer one, as in `python3.13 scripts/...`."
        % sys.version.split()[0]
    )

import tomllib  # which is not there before Python 3.11

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Distribution:
    """One folder that is built and released by itself.

    Attributes:
        folder: Where it is.
        kind: ``"core"``, ``"backends"``, ``"extensions"`` or ``"tests"``: what sort of thing it is.
    """

    folder: Path
    kind: str

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """The whole ``pyproject.toml``."""
        return tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def project(self) -> Mapping[str, object]:
        """The ``[project]`` table."""
        return table(self.settings, "project")

    @property
    def name(self) -> str:
        """The name of the distribution."""
        return str(self.project["name"])

    @property
    def path(self) -> str:
        """The folder, relative to the root of the repository, with forward slashes."""
        return self.folder.relative_to(ROOT).as_posix()

    @property
    def package(self) -> str:
        """The name that one imports."""
        return self.name.replace("-", "_")

    @property
    def pins(self) -> Path:
        """The file with the pinned versions of what it depends on; there is none if it needs only Backbay."""
        return self.folder / "requirements.txt"

    def requirements(self) -> list[str]:
        """Return what it depends on outside this repository, as it is declared."""
        return outside(self.project.get("dependencies", []))

    def test_requirements(self) -> list[str]:
        """Return what its extras, and the tests of its own, need beside that."""
        extras = table(self.project, "optional-dependencies").values()
        groups = table(self.settings, "dependency-groups").values()
        return [line for listed in (*extras, *groups) for line in outside(listed)]


def table(settings: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the table ``name`` of some settings, or an empty one."""
    found = settings.get(name, {})
    if not isinstance(found, dict):
        raise SystemExit(f"{name} is no table in a pyproject.toml, but {found!r}")
    return found


def outside(listed: object) -> list[str]:
    """Return those requirements of a list that are not distributions of this repository."""
    if not isinstance(listed, list):
        raise SystemExit(f"requirements are a list of strings in a pyproject.toml, not {listed!r}")
    return [str(line) for line in listed if not re.match(r"backbay(?![a-z0-9])", str(line))]


def distributions() -> list[Distribution]:
    """Return the distributions that are here, the core first, then in the order of their folders."""
    found = [Distribution(ROOT / "core", "core")]
    for pattern in ("plugins/backends/*", "plugins/extensions/*", "tests/*"):
        kind = pattern.split("/")[-2]
        found += [Distribution(folder, kind) for folder in sorted(ROOT.glob(pattern)) if _is_distribution(folder)]
    return found


def find(path: str) -> Distribution:
    """Return the distribution in a folder: ``core``, or ``backends/<name>``, with or without ``plugins/`` before it.

    Raises:
        SystemExit: There is none; the message lists those that there are.
    """
    listed = distributions()
    for candidate in listed:
        if path.strip("/") in {candidate.path, candidate.path.removeprefix("plugins/")}:
            return candidate
    raise SystemExit(f"There is no distribution in {path!r}. There are: {', '.join(item.path for item in listed)}.")


def _is_distribution(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file()


if __name__ == "__main__":
    # For continuous integration: a matrix with each distribution, and none of them named there.
    print(json.dumps([member.path for member in distributions()]))
