"""Begin a backend of this repository: ``python scripts/vendor.py acme --base-url https://... --key-env ACME_API_KEY``.

Makes what ``backbay new acme --wire openai_chat`` makes for an author, from the same templates, in the form that
distributions have here: licence and changelog of the repository, and its tools in place of settings of their own. All
arguments go to ``backbay new``. What is left are the facts, in the spec and in the README.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from workspace import ROOT

CHANGES = """\
# Changes of backbay-{name}

Versions are numbered after [Semantic Versioning](https://semver.org); while the first number is 0, the second one
counts breaking changes. News that are not released yet are the files in `newsfragments/`.

<!-- towncrier release notes start -->
"""
_OURS = ("[build-system]", "[project]", "[project.entry-points.")
"""Tables of ``pyproject.toml`` that a distribution here keeps; the rest is said once, at the root."""


def main(arguments: Sequence[str]) -> int:
    """Write the distribution; return the exit code."""
    if not arguments or arguments[0].startswith("-"):
        sys.stdout.write(__doc__ or "")
        return 2
    name = arguments[0]
    folder = ROOT / "plugins" / "backends" / name
    command = [sys.executable, "-m", "backbay_cli", "new", *arguments, "--wire", "openai_chat"]
    done = subprocess.run([*command, "--licence", "Apache-2.0", "--directory", str(folder)], check=False)
    if done.returncode:
        return done.returncode
    settle(folder, name)
    sys.stdout.write(
        f"\nFor this repository, in {folder.relative_to(ROOT)}:\n"
        "    fill in the spec, its sources, and what is special in the README\n"
        f"    pip install --no-deps --no-build-isolation -e plugins/backends/{name}\n"
        f"    pytest plugins/backends/{name} tests/repo && python scripts/backends.py\n"
    )
    return 0


def settle(folder: Path, name: str) -> None:
    """Give a distribution that ``backbay new`` wrote the form that distributions have here."""
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    (folder / ".gitignore").unlink()
    (folder / "newsfragments").mkdir()
    _write(folder / "newsfragments" / "+backend.feature.md", f"The backend `{name}`.\n")
    _write(folder / "CHANGELOG.md", CHANGES.format(name=name))
    settings = folder / "pyproject.toml"
    _write(settings, _tables(settings.read_text(encoding="utf-8")))
    readme = folder / "README.md"
    _write(readme, readme.read_text(encoding="utf-8").partition("## Work on it")[0].rstrip() + "\n")
    test = folder / "tests" / "test_conformance.py"
    package = f"import backbay_{name.replace('-', '_')}\n"
    suite = "from backbay_conformance import BackendConformance\n"
    # Here the suite is a neighbour, like the package itself.
    _write(test, test.read_text(encoding="utf-8").replace(f"{suite}\n{package}", package + suite))


def _tables(text: str) -> str:
    """Return those tables of a ``pyproject.toml`` that are ours."""
    tables = text.split("\n[")
    kept = [tables[0], *(table for table in tables[1:] if f"[{table}".startswith(_OURS))]
    return "\n[".join(kept).rstrip() + "\n"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
