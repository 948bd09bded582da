"""What the tests of this folder share: the bare environment of a process that runs what the documentation shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


@pytest.fixture
def bare_environment(tmp_path):
    """An environment with an empty home, and no key, address or setting of whoever runs the tests."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": home, "USERPROFILE": home, "XDG_DATA_HOME": home / "data", "XDG_CONFIG_HOME": home / "config"}
    return {
        **kept,
        **{name: str(path) for name, path in places.items()},
        "PYTHONPATH": str(_HERE),
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "error",
        "NO_COLOR": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
    }
