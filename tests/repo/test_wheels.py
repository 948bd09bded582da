"""What people install is what stands in the tree: nothing is left out of a wheel, and nothing gets in."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
import warnings
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
        return Path(next(iter(builder.build(directory=str(folder), versions=["standard"]))))

    return build


@pytest.fixture(scope="module")
def wheels(root):
    """The module ``scripts/wheels.py``, which holds a wheel against the tree; releases use it too."""
    sys.path.insert(0, str(root / "scripts"))
    try:
        yield importlib.import_module("wheels")
    finally:
        sys.path.remove(str(root / "scripts"))


def in_tree(distribution, files):
    """Return the files of a distribution that belong to the repository, by their names in its folder."""
    folder = distribution.folder
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.is_relative_to(folder)}


def test_a_wheel_has_the_files_of_its_package_and_nothing_else(distribution, built, files, wheels):
    wheel = built(distribution)
    tree = in_tree(distribution, files)
    assert wheels.wrong(wheel, distribution, tree) == []
    with zipfile.ZipFile(wheel) as archive:
        assert f"{distribution.package}/py.typed" in archive.namelist()
        assert len([name for name in archive.namelist() if name.endswith(".py")]) == len(
            [name for name in tree if name.startswith("src/") and name.endswith(".py")]
        )


ADDED = {
    "a .pth file": ("backbay_init.pth", b"import os\n", "backbay_init.pth would run code at every start of Python"),
    "a further module": ("backbay/extra.py", b"", "backbay/extra.py is not in the tree"),
    "a module beside it": ("sitecustomize.py", b"", "sitecustomize.py is not in the tree"),
    "a script": ("backbay-0.1.0.data/scripts/pip", b"#!python\n", "backbay-0.1.0.data/scripts/pip is not in the tree"),
    "further metadata": ("{stem}top_level.txt", b"os\n", "{stem}top_level.txt belongs to no wheel of ours"),
    "an entry point": (
        "{stem}entry_points.txt",
        b"[backbay.backends]\nmanual = backbay.manual:spec\n[console_scripts]\npython = backbay:inspect\n",
        "its entry points are not those that are declared",
    ),
    "a changed module": ("backbay/secrets.py", b"stolen = []\n", "backbay/secrets.py is not as in the tree"),
    "another name": ("{stem}METADATA", b"Name: backbay\nVersion: 9.9\n\n", "it says that it is backbay 9.9"),
    "another licence": ("{stem}licenses/LICENSE", b"None.\n", "LICENSE is not as in the tree"),
    "a hash in RECORD": (
        "{stem}RECORD",
        b"backbay/secrets.py,sha256=AA,1\n",
        "RECORD is wrong about backbay/secrets.py",
    ),
}


@pytest.mark.parametrize("what", ADDED)
def test_whatever_gets_into_a_wheel_and_is_not_in_the_tree_is_found(built, files, tmp_path, wheels, what):
    core = wheels.find("core")
    stem = f"backbay-{core.project['version']}.dist-info/"
    name, data, said = ADDED[what]
    name, said = name.replace("{stem}", stem), said.replace("{stem}", stem)
    good, bad = built(core), tmp_path / "backbay.whl"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for inside in source.namelist():
            if inside != name:
                target.writestr(inside, source.read(inside))
        target.writestr(name, data)
    assert said in wheels.wrong(bad, core, in_tree(core, files))


def test_what_a_wheel_leaves_out_or_has_twice_is_found(built, files, tmp_path, wheels):
    core = wheels.find("core")
    bad = tmp_path / "backbay.whl"
    with zipfile.ZipFile(built(core)) as source, zipfile.ZipFile(bad, "w") as target, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's, of the name that is there twice
        for inside in source.namelist():
            if inside != "backbay/py.typed":
                target.writestr(inside, source.read(inside))
        target.writestr("backbay/secrets.py", b"")
    found = wheels.wrong(bad, core, in_tree(core, files))
    assert {"backbay/py.typed is missing", "backbay/secrets.py is in it twice"} <= set(found)


def test_a_source_archive_has_files_of_the_tree_alone(files, tmp_path, wheels):
    sdist = pytest.importorskip("hatchling.builders.sdist")
    core = wheels.find("core")
    archive = Path(
        next(iter(sdist.SdistBuilder(str(core.folder)).build(directory=str(tmp_path), versions=["standard"])))
    )
    tree = in_tree(core, files)
    assert wheels.wrong_source(archive, tree) == []
    assert wheels.wrong_source(archive, {name: data for name, data in tree.items() if name != "README.md"}) == [
        "README.md is not in the tree"
    ]


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
