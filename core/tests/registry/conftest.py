"""A folder of hand-made installed distributions, in front of ``sys.path`` while a test runs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
import time

import pytest

from backbay import registry

PREFIXES = ("acme", "example")

GOOD = """
from backbay.spec import BackendSpec
spec = BackendSpec(name={name!r}, wires=("openai_chat",))
"""


class Site:
    """One folder that distributions are installed in, as an installer leaves them there."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def install(self, distribution, entries=(), *, version="1.0", group="backbay.backends", requires=(), modules=()):
        """Add a distribution; ``entries`` and ``modules`` are mappings. Returns its metadata folder."""
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in dict(entries).items())]
        metadata = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        files = {"METADATA": "\n".join(metadata) + "\n\nWords.\n"}
        if entries:
            files["entry_points.txt"] = "\n".join(lines) + "\n"
        return self.raw(f"{distribution.replace('-', '_')}-{version}.dist-info", files, modules=modules)

    def raw(self, name, files=(), *, modules=()):
        """Add a metadata folder with these files, text or bytes, and modules beside it."""
        metadata = self.folder / name
        metadata.mkdir()
        for file, content in dict(files).items():
            (metadata / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        for module, source in dict(modules).items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        return metadata

    def backend(self, name, distribution=None, *, source=None, **options):
        """Add a distribution with one backend in one module; ``source`` is the module's, else that of a good spec."""
        distribution = distribution or f"backbay-{name}"
        module = f"{distribution.replace('-', '_')}_module".removeprefix("backbay_")
        source = GOOD.format(name=name) if source is None else source
        self.install(distribution, {name: f"{module}:spec"}, modules={module: source}, **options)
        return module


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """No settings of whoever runs the tests, and nothing left of a test's modules and registrations."""
    for name in ("BACKBAY_PLUGINS", "BACKBAY_PIN"):
        monkeypatch.delenv(name, raising=False)
    registry.refresh()
    yield
    for name in [name for name in sys.modules if name.startswith(PREFIXES)]:
        del sys.modules[name]
    registry.refresh()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of distributions that comes first on ``sys.path``."""
    found = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(found.folder))
    return found


@pytest.fixture
def other_site(tmp_path, monkeypatch, site):
    """A second folder of distributions, which comes right after ``site``."""
    found = Site(tmp_path / "other")
    monkeypatch.setattr(sys, "path", [sys.path[0], str(found.folder), *sys.path[1:]])
    return found


@pytest.fixture
def settled():
    """Give folders an old time of change, so that a scan of them is worth keeping."""

    def settle(*folders):
        for folder in folders:
            os.utime(folder, (time.time() - 60, time.time() - 60))

    return settle


@pytest.fixture
def python(site):
    """Run a program in a fresh interpreter that has ``site`` on its path; return its standard output."""

    def run(source, **environment):
        # The site in front and not in PYTHONPATH's place: the tests' own environment may use that.
        path = os.pathsep.join(filter(None, [str(site.folder), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
