"""What the tests of this folder look at: the distributions of the repository, and its files."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Not part of the repository, where git cannot say what is.
_NOT_OURS = {".git", ".venv", ".tox", "__pycache__", "node_modules", "dist", "build", "site", "bench-work"}


def _workspace():
    """Return ``scripts/workspace.py``, which knows the distributions; a program's module, so loaded by its path."""
    spec = importlib.util.spec_from_file_location("backbay_workspace", ROOT / "scripts" / "workspace.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


workspace = _workspace()
_ALL = workspace.distributions()
_KINDS = {
    "distribution": _ALL,
    "plugin": [item for item in _ALL if item.kind in {"backends", "extensions"}],
    "backend": [item for item in _ALL if item.kind == "backends"],
}


def pytest_generate_tests(metafunc):
    """Run a test that takes ``distribution``, ``plugin`` or ``backend`` once for each."""
    for name, found in _KINDS.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=[item.path for item in found])


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def plugins():
    """All plugins that are here."""
    return _KINDS["plugin"]


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file that belongs to the repository: those that git tracks, and new ones that it does not ignore."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        return [ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]
    found = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in _NOT_OURS and not name.endswith(("_cache", ".egg-info"))]
        found += [Path(folder) / name for name in names if not name.endswith((".pyc", ".pyo"))]
    return sorted(found)
