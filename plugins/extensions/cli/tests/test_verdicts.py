"""The verdict that a plugin ships is shown as it is, without importing the plugin; a bad one is one line."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Ship = Callable[..., dict[str, Any]]

VERDICT: dict[str, Any] = {
    "schema": 1,
    "backend": "acme",
    "plugin": {"name": "backbay-acme", "version": "1.0"},
    "core": {"name": "backbay", "version": "0.1.0"},
    "suite": {"name": "backbay-conformance", "version": "0.1.0"},
    "python": "3.11.7",
    "date": "2026-11-21T08:10:47Z",
    "verdict": "kept",
    "counts": {"laws": 70, "kept": 70, "expected_failure": 0, "broken": 0},
    "broken": [],
    "expected_failures": {},
    "capabilities": {"generate": {"declared": "full", "verdict": "kept"}},
}
KEPT = "kept 70 laws of 70 on 2026-11-21 with core 0.1.0"


def changed(**fields: object) -> dict[str, Any]:
    return {**copy.deepcopy(VERDICT), **fields}


@pytest.fixture
def ship(cli: Run, plugins: Callable[..., Path], tmp_path: Path) -> Ship:
    """Install a plugin that must not be imported, with a verdict; return what ``doctor --json`` says of it."""

    def run(content: object, *, value: str = ":spec") -> dict[str, Any]:
        folder = plugins("backbay-acme", "", value=value)
        (folder / "backbay_acme.py").unlink()
        package = folder / "backbay_acme"
        package.mkdir()
        sign = tmp_path / "imported"
        (package / "__init__.py").write_text(f"import pathlib\npathlib.Path({str(sign)!r}).touch()\n")
        if content is not None:
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            (package / "conformance.json").write_bytes(raw)
        # Not allowed, and so not loaded: the verdict is shown all the same.
        done = cli("doctor", "--json", env={"BACKBAY_PLUGINS": "backbay-example"})
        assert (done.returncode, done.stderr) == (0, "")
        assert not sign.exists()
        [found] = [plugin for plugin in json.loads(done.stdout)["plugins"] if plugin["name"] == "acme"]
        conformance: dict[str, Any] = found["conformance"]
        return conformance

    return run


def test_a_verdict_is_found_beside_the_package_that_is_not_imported(ship: Ship, tmp_path: Path) -> None:
    found = ship(VERDICT, value=".deeper.module:spec")
    assert (found["state"], found["said"]) == ("kept", KEPT)
    assert found["file"] == str(tmp_path / "plugins" / "backbay_acme" / "conformance.json")
    assert (found["laws"], found["kept"], found["expected_failures"], found["broken"]) == (70, 70, 0, [])
    assert (found["version"], found["core"], found["suite"]) == ("1.0", "0.1.0", "0.1.0")


@pytest.mark.parametrize(
    ("fields", "state", "said"),
    [
        (
            {"plugin": {"name": "backbay-acme", "version": "0.0.9"}},
            "outdated",
            f"{KEPT}, for version 0.0.9; this is 1.0",
        ),
        (
            {
                "verdict": "broken",
                "counts": {"laws": 70, "kept": 65, "expected_failure": 1, "broken": 4},
                "broken": ["test_a", "test_b", "test_c", "test_d"],
            },
            "broken",
            "broke 4 laws of 70, 1 expected to fail, on 2026-11-21 with core 0.1.0: test_a, test_b, test_c and 1 more",
        ),
        (
            {"counts": {"laws": 70, "kept": 68, "expected_failure": 2, "broken": 0}},
            "kept",
            "kept 68 laws of 70, 2 expected to fail, on 2026-11-21 with core 0.1.0",
        ),
        (
            {"counts": {"laws": 70, "kept": 67, "expected_failure": 1, "provisional_broken": 2, "broken": 0}},
            "kept",
            "kept 67 laws of 70, 1 expected to fail, 2 broken that will count later, on 2026-11-21 with core 0.1.0",
        ),
    ],
)
def test_what_a_verdict_says_is_said_plainly(ship: Ship, fields: dict[str, Any], state: str, said: str) -> None:
    found = ship(changed(**fields))
    assert (found["state"], found["said"]) == (state, said)


def test_a_plugin_without_a_verdict_is_said_to_have_none(ship: Ship) -> None:
    found = ship(None)
    assert (found["state"], found["said"], found["file"]) == ("none", "it ships no verdict", None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 200_000, "cannot be used"),
        (b" " * 1_000_001, "more than 1000000 bytes"),
        ([], "it is a JSON list"),
        ({}, "edition None"),
        (changed(schema=2), "edition 2"),
        (changed(backend="example"), "it is about 'example'"),
        (changed(counts=None), "its counts is no object"),
        (changed(counts={**VERDICT["counts"], "kept": True}), "the number 'kept'"),
        (changed(counts={**VERDICT["counts"], "kept": 69}), "do not go together: 69 of 70 kept"),
        (changed(counts=dict.fromkeys(VERDICT["counts"], 0)), "no law was tried"),
        (changed(verdict="broken"), "do not go together"),
        (changed(verdict=["kept"]), "do not go together"),
        (changed(plugin=None), "its plugin is no object"),
        (changed(core={"version": 1}), "a version in it is no short text"),
        (changed(date="yesterday"), "its date is 'yesterday'"),
        (changed(broken={"test_a": 1}), "its list of broken laws"),
    ],
)
def test_a_file_that_is_no_verdict_is_one_line(ship: Ship, content: object, said: str) -> None:
    found = ship(content)
    assert found["state"] == "unreadable"
    assert said in found["said"]
    assert "\n" not in found["said"]
    assert found["kept"] is None


def test_a_plugin_of_one_module_and_one_whose_entry_point_is_nonsense_have_none(
    cli: Run, plugins: Callable[..., Path]
) -> None:
    plugins("backbay-acme", "raise RuntimeError('boom')")
    plugins("backbay-example", "", name="example", value="..:")
    plugins("backbay-example-too", "", name="example-too", value=".\0x:spec")
    found = json.loads(cli("doctor", "--json").stdout)["plugins"]
    states = {plugin["name"]: plugin["conformance"] and plugin["conformance"]["state"] for plugin in found}
    assert (states["acme"], states["example"], states["example-too"], states["manual"]) == (
        "none",
        "none",
        "none",
        None,
    )


def test_the_table_shows_it_without_characters_that_steer_a_terminal(cli: Run, plugins: Callable[..., Path]) -> None:
    folder = plugins("backbay-acme", "")
    (folder / "backbay_acme.py").unlink()
    (folder / "backbay_acme").mkdir()
    (folder / "backbay_acme" / "__init__.py").touch()
    bad = changed(core={"version": "\x1b[2J"})
    (folder / "backbay_acme" / "conformance.json").write_text(json.dumps(bad))
    shown = cli("doctor", env={"BACKBAY_PLUGINS": ""}).stdout
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if line.startswith("acme") and "kept 70 laws of 70" in line]
