"""``backbay conform``: the suite for an installed backend, by one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("backbay_cli")

ACME = """
from backbay import BackendSpec, Capabilities

spec = BackendSpec(
    name="acme", label="Acme", wires=("WIRE",), default_base_url="https://acme.example/v1",
    credential_env=("ACME_API_KEY",), capabilities=Capabilities.of(full="generate streaming", unsupported="tools"),
)
"""
SHIPPED = """
from backbay_conformance import BackendConformance
from backbay_conformance.vendors import VENDORS

class Broken(VENDORS["openai_chat"]):
    wire = "acme_chat"

    def whole(self, answer):
        return b"nothing"

class Conformance(BackendConformance):
    vendor = Broken
"""
LAW = "canonical one or the request is refused[plain"
BASE = ["--law", LAW]


@pytest.fixture
def conform(tmp_path):
    """Install a plugin by hand, and run ``backbay conform ARGUMENTS`` in a process of its own."""

    def run(*arguments, wire="openai_chat", shipped=None):
        folder = tmp_path / "plugins"
        info = folder / "backbay_acme-1.2.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        source = ACME.replace('"WIRE",', f'"{wire}",' if wire else '), backend="acme_engine:Acme", quirks=dict(')
        (folder / "backbay_acme.py").write_text(source, encoding="utf-8")
        points = "[backbay.backends]\nacme = backbay_acme:spec\n"
        if shipped is not None:
            (folder / "acme_conformance.py").write_text(shipped, encoding="utf-8")
            points += "[backbay.conformance]\nacme = acme_conformance:Conformance\n"
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: backbay-acme\nVersion: 1.2\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        kept = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {"PYTHONPATH": str(folder), "HOME": str(tmp_path), "PYTHONUTF8": "1"}
        environment["PYTEST_ADDOPTS"] = "--no-such-option"  # another project's, and none of ours
        command = [sys.executable, "-P", "-m", "backbay_cli", "conform", *arguments]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, cwd=tmp_path)

    return run


def test_an_installed_backend_is_tried_without_any_code_and_nothing_is_left_behind(conform, tmp_path):
    done = conform("acme", *BASE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("acme (backbay-acme 1.2): 1 of 1 laws kept, 0 broken")
    assert [item.name for item in tmp_path.iterdir()] == ["plugins"]


def test_a_class_that_the_plugin_ships_is_used_and_a_broken_law_is_exit_code_1(conform, tmp_path):
    done = conform("acme", *BASE, "--report", "out", shipped=SHIPPED)
    assert done.returncode == 1, done.stderr
    assert "0 of 1 laws kept, 1 broken" in done.stdout
    assert "broken: the answer is the canonical one or the request is refused (1 of 2 cases)" in done.stdout
    assert "DecodeError" in done.stdout
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["conformance.html", "conformance.json"]


def test_json_is_the_report(conform):
    done = conform("acme", *BASE, "--json")
    found = json.loads(done.stdout)
    assert (found["verdict"], found["backends"][0]["plugin"]) == ("kept", {"name": "backbay-acme", "version": "1.2"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing-like-it"], "No installed plugin has the backend"),
        (["acme", "--law", "no such law"], "no law has 'no such law' in its name"),
        (["acme", "--model", "x"], "speaks HTTP"),
        (["acme", "--report", "x.txt"], "nothing ends with .txt"),
        (["acme", "--wire", "acme_chat"], "does not speak the wire 'acme_chat'. It speaks openai_chat"),
        (["acme", "--wire", "openai_chat", "--verdict", "x.json"], "a verdict is about the backend's first wire"),
    ],
)
def test_what_cannot_work_is_said_with_exit_code_2(conform, arguments, said):
    done = conform(*arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_wire_without_an_emulator_is_a_problem_with_the_way_out(conform):
    done = conform("acme", wire="own_wire")
    assert done.returncode == 2
    assert "write a subclass of backbay_conformance.Vendor" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("shipped", "said"),
    [("Conformance = 3", "no subclass of BackendConformance"), ("raise RuntimeError('acme is ill')", "acme is ill")],
)
def test_a_shipped_class_that_is_none_is_said(conform, shipped, said):
    done = conform("acme", shipped=shipped)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_a_backend_in_this_process_that_ships_no_class_needs_a_model(conform):
    done = conform("acme", wire="", shipped=None)
    assert done.returncode == 2
    assert "Give --model NAME, or let the plugin name a class" in " ".join(done.stderr.split())


def test_the_class_of_a_plugin_keeps_its_prompts_when_another_model_is_asked():
    pytest.importorskip("backbay_local")
    from backbay_conformance.installed import class_of

    own, other = class_of("local").engine, class_of("local", "else").engine
    assert (own.model, other.model) == ("tiny", "else")
    assert own.prompts == other.prompts
    assert own.prompts


def test_a_plugin_that_ships_its_class_is_tried_by_its_name_alone_and_its_verdict_is_written(conform, tmp_path):
    pytest.importorskip("backbay_local")
    done = conform("local", "--verdict", "out/local.json", "--report", "out/all.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "verdict: out" in done.stdout
    written = (tmp_path / "out" / "local.json").read_text(encoding="utf-8")
    found = json.loads(written)
    [backend] = json.loads((tmp_path / "out" / "all.json").read_text(encoding="utf-8"))["backends"]
    assert (found["schema"], found["backend"], found["verdict"], found["broken"]) == (1, "local", "kept", [])
    assert (found["plugin"], found["counts"]) == (backend["plugin"], backend["counts"])
    assert found["capabilities"]["tools"] == {"declared": "full", "verdict": "kept"}
    assert found["capabilities"]["execute"] == {"declared": "unsupported", "verdict": "refused"}
    assert len(written) < 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--verdict", "x.html"], "what is written is JSON"),
        (["--verdict", "plugins"], "give a path that ends with .json"),
        (["--verdict", "x.txt"], "nothing ends with .txt"),
        (["--verdict", "plugins/backbay_acme.py/x.json"], "is a file"),
        (["--verdict", "x.json", *BASE], "a verdict is about every law"),
    ],
)
def test_a_verdict_that_cannot_be_written_is_said_before_anything_runs(conform, tmp_path, arguments, said):
    done = conform("acme", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert [item.name for item in tmp_path.iterdir()] == ["plugins"]


def test_a_backend_that_could_not_be_tried_gets_no_verdict(conform, tmp_path):
    done = conform("acme", "--verdict", "x.json", wire="own_wire")
    assert done.returncode == 2
    assert "verdict:" not in done.stdout
    assert not (tmp_path / "x.json").exists()
