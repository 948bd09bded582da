"""Who may import whom: of a plugin, one module may import the suite, and nothing else may import that module."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap

import pytest

# A copy of the repository is looked at, with two plugins more; what it says of the real ones is the same.
PROJECT = '[project]\nname = "backbay-{name}"\nversion = "0.1.0"\n'
SHIPS = "from backbay_conformance import BackendConformance\nfrom backbay_conformance.vendor import Vendor\n"


@pytest.fixture
def imports(root, tmp_path):
    """Return what ``scripts/imports.py`` says of a repository in which the plugins acme and example have some files."""

    def run(files):
        shutil.copytree(root / "scripts", tmp_path / "scripts")
        (tmp_path / "tests").mkdir()
        for path in ("core", "tests/conformance"):
            (tmp_path / path).symlink_to(root / path, target_is_directory=True)
        for name in ("acme", "example"):
            package = tmp_path / "plugins" / "backends" / name / "src" / f"backbay_{name}"
            package.mkdir(parents=True)
            (package.parents[1] / "pyproject.toml").write_text(PROJECT.format(name=name))
            (package / "__init__.py").touch()
            (package / "helper.py").write_text("from backbay.spec import BackendSpec\n")
        for path, text in files.items():
            file = tmp_path / "plugins" / "backends" / path.split("/")[0] / "src" / f"backbay_{path}"
            file.parent.mkdir(exist_ok=True)
            file.write_text(textwrap.dedent(text))
        return subprocess.run([sys.executable, "scripts/imports.py"], cwd=tmp_path, capture_output=True, text=True)

    return run


def test_the_module_conformance_of_a_plugin_may_import_the_suite_and_its_own_plugin(imports):
    done = imports({"acme/conformance.py": SHIPS + "from . import helper\n"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"acme/helper.py": SHIPS}, "backbay_acme.helper -> backbay_conformance"),
        ({"acme/__init__.py": f"def late():\n    {SHIPS.splitlines()[0]}\n"}, "backbay_acme -> backbay_conformance"),
        ({"acme/conformance_too.py": SHIPS}, "backbay_acme.conformance_too -> backbay_conformance"),
        (
            {"acme/inner/__init__.py": "", "acme/inner/conformance.py": SHIPS},
            "backbay_acme.inner.conformance -> backbay_conformance",
        ),
        (
            {"acme/conformance.py": SHIPS, "acme/__init__.py": "from .conformance import Vendor\n"},
            "backbay_acme (l.1) imports backbay_acme.conformance",
        ),
        (
            {"acme/conformance.py": SHIPS, "acme/helper.py": "def late():\n    from . import conformance\n"},
            "backbay_acme.helper (l.2) imports backbay_acme.conformance",
        ),
        (
            {"acme/conformance.py": SHIPS, "example/conformance.py": "from backbay_acme.conformance import Vendor\n"},
            "backbay_example.conformance (l.1) imports backbay_acme.conformance",
        ),
        ({"acme/conformance/__init__.py": SHIPS}, "backbay_acme.conformance is a package; it may be one module."),
        (
            {"acme/conformance.py": "from backbay_example import helper\n"},
            "backbay_acme.conformance -> backbay_example",
        ),
        ({"acme/conformance.py": "import httpx\n"}, "backbay_acme.conformance -> httpx"),
    ],
)
def test_every_other_way_to_the_suite_breaks_the_contract(imports, files, said):
    done = imports(files)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
