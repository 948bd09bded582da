"""What people install is what stands in the tree: nothing is left out of a wheel, and nothing gets in."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

hatchling = pytest.importorskip("hatchling.builders.wheel")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A function that builds the wheel of a distribution; it needs no network, and leaves the sources alone."""

    def build(distribution, name="wheel"):
        folder = tmp_path_factory.mktemp(name)
        builder = hatchling.WheelBuilder(str(distribution.folder))
        return next(iter(builder.build(directory=str(folder), versions=["standard"])))

    return build


def in_tree(distribution, files):
    """Return the files of a distribution's package that belong to the repository, by their names in a wheel."""
    source = distribution.folder / "src"
    return {path.relative_to(source).as_posix(): path for path in files if path.is_relative_to(source)}


def test_a_wheel_has_the_files_of_its_package_and_nothing_else(distribution, built, files):
    stem = f"{distribution.package}-{distribution.project['version']}"
    with zipfile.ZipFile(built(distribution)) as wheel:
        names = wheel.namelist()
        assert len(set(names)) == len(names)
        inside = {name: wheel.read(name) for name in names}
    metadata = {name for name in inside if name.startswith(f"{stem}.dist-info/")}
    wanted = in_tree(distribution, files)
    assert set(inside) - metadata == set(wanted)
    assert {name for name in wanted if inside[name] != wanted[name].read_bytes()} == set()
    assert f"{distribution.package}/py.typed" in inside
    expected = {f"{stem}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
    expected |= {f"{stem}.dist-info/licenses/{name}" for name in distribution.project["license-files"]}
    if distribution.project.get("entry-points") or distribution.project.get("scripts"):
        expected.add(f"{stem}.dist-info/entry_points.txt")
    assert metadata == expected
    assert inside[f"{stem}.dist-info/licenses/LICENSE"] == (distribution.folder / "LICENSE").read_bytes()
    # Such a file runs code at every start of Python, without any import.
    assert not [name for name in inside if name.endswith(".pth")]


def test_a_wheel_has_the_entry_points_that_are_declared_and_no_others(distribution, built):
    import configparser

    stem = f"{distribution.package}-{distribution.project['version']}"
    with zipfile.ZipFile(built(distribution, "points")) as wheel:
        name = f"{stem}.dist-info/entry_points.txt"
        text = wheel.read(name).decode() if name in wheel.namelist() else ""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str
    parser.read_string(text)
    declared = {**distribution.project.get("entry-points", {})}
    if distribution.project.get("scripts"):
        declared["console_scripts"] = distribution.project["scripts"]
    assert {group: dict(parser[group]) for group in parser.sections()} == declared


def test_the_same_tree_gives_the_same_wheel(built, root):
    from types import SimpleNamespace

    core = SimpleNamespace(folder=root / "core")
    first, second = (hashlib.sha256(Path(built(core, name)).read_bytes()).hexdigest() for name in ("one", "two"))
    assert first == second


def test_no_file_of_the_repository_runs_code_at_the_start_of_python(files):
    names = {path.name for path in files}
    assert not [name for name in names if name.endswith(".pth") or name in {"sitecustomize.py", "usercustomize.py"}]


def test_no_module_of_ours_has_a_logger(files, root):
    """So there is no log of ours in which a key could be; what libraries log is filtered: backbay.http.redaction."""
    allowed = {root / "core/src/backbay/http/redaction.py"}
    ours = [path for path in files if path.suffix == ".py" and "/src/backbay" in path.as_posix()]
    assert len(ours) > 50
    found = [
        path.relative_to(root).as_posix()
        for path in ours
        if path not in allowed and "backbay_conformance" not in path.parts and "getLogger(" in path.read_text()
    ]
    assert found == ["plugins/extensions/cli/src/backbay_cli/surroundings.py"]  # which looks at the root logger's


def test_git_ignores_what_is_built(root):
    if not (root / ".git").exists():
        pytest.skip("no git repository")
    for name in ("dist/a.whl", ".fuzz/seed", ".tox/x", ".venv/x"):
        assert subprocess.run(["git", "check-ignore", "-q", name], cwd=root).returncode == 0, name
