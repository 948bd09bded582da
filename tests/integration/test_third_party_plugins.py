"""Plugins of other people: made by hand, installed by pip, and found by their names in a fresh interpreter."""

from __future__ import annotations

import importlib.resources
import json
import os
import subprocess
import sys
import textwrap

import pytest

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
dependencies = ["backbay>=0.1"]

[project.entry-points."backbay.backends"]
{name} = "{module}:spec"
"""

SPEC = """
from backbay import BackendSpec, Capabilities
spec = BackendSpec(
    name="{name}",
    wires=("openai_chat",),
    requires_credential=False,
    capabilities=Capabilities.of(full="generate streaming max_tokens temperature usage list_models"),
)
"""

RAISING = "print('noise on standard output')\nraise RuntimeError('the engine of acme is not there')"
EXITING = "import sys\nprint('noise on standard output')\nsys.exit(3)"

# Distribution, version, backend name, source of the module.
PLUGINS = (
    ("backbay-acme", "1.2", "acme", SPEC),
    ("backbay-acme-raising", "1.3", "acme-raising", RAISING),
    ("backbay-acme-exiting", "1.4", "acme-exiting", EXITING),
    ("backbay-acme-one", "1.5", "acme-twice", SPEC),
    ("backbay-acme-two", "1.6", "acme-twice", SPEC),
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that pip installed the plugins in; nothing comes from the network."""
    root = tmp_path_factory.mktemp("third-party")
    for distribution, version, name, source in PLUGINS:
        module = distribution.replace("-", "_")
        project = root / distribution
        package = project / "src" / module
        package.mkdir(parents=True)
        facts = {"distribution": distribution, "version": version, "name": name, "module": module}
        (project / "pyproject.toml").write_text(PROJECT.format(**facts))
        (package / "__init__.py").write_text(source.format(**facts))
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    projects = [root / distribution for distribution, *_ in PLUGINS]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", root / "site", *projects],
        capture_output=True,
        text=True,
        timeout=120,
        env={**settings, "PIP_CONFIG_FILE": os.devnull},
    )
    assert done.returncode == 0, done.stderr
    return root / "site"


@pytest.fixture
def run(installed):
    """Run a program in a fresh interpreter with the plugins; return what it printed, which must be one JSON value."""

    def program(source, *arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(installed)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return program


def test_names_come_from_metadata_and_resolving_one_imports_that_plugin_and_no_other(run):
    """A5"""
    names, before, wires, after = run("""
        import json, sys, backbay
        def plugins():
            return sorted(name for name in sys.modules if name.startswith("backbay_"))
        names, before = backbay.names(), plugins()
        spec = backbay.resolve("acme")
        print(json.dumps([names, before, spec.wires, plugins()]))
    """)
    assert {"acme", "acme-exiting", "acme-raising", "acme-twice", "manual"} <= set(names)
    assert names == sorted(set(names))
    assert before == []
    assert wires == ["openai_chat"]
    assert after == ["backbay_acme"]


def test_each_bad_plugin_is_reported_with_its_reason_and_the_others_are_as_they_were(run, installed):
    """A5"""
    listed = run("""
        import dataclasses, json, backbay
        print(json.dumps([dataclasses.asdict(record) for record in backbay.inspect()]))
    """)
    mine = {record["distribution"]: record for record in listed if record["distribution"].startswith("backbay-acme")}
    versions = {distribution: version for distribution, version, *_ in PLUGINS}
    assert {distribution: record["version"] for distribution, record in mine.items()} == versions
    assert {record["location"] for record in mine.values()} == {str(installed)}
    assert {distribution: record["state"] for distribution, record in mine.items()} == {
        "backbay-acme": "ok",
        "backbay-acme-raising": "broken",
        "backbay-acme-exiting": "broken",
        "backbay-acme-one": "shadowed",
        "backbay-acme-two": "shadowed",
    }
    assert mine["backbay-acme"]["reason"] is None
    assert "RuntimeError: the engine of acme is not there" in mine["backbay-acme-raising"]["reason"]
    assert "SystemExit: 3" in mine["backbay-acme-exiting"]["reason"]
    for distribution in ("backbay-acme-one", "backbay-acme-two"):
        assert "backbay-acme-one 1.5" in mine[distribution]["reason"]
        assert "backbay-acme-two 1.6" in mine[distribution]["reason"]
    assert all(record["state"] == "ok" for record in listed if record not in mine.values())


def test_resolving_a_bad_plugin_is_its_own_typed_error_and_the_good_one_still_resolves(run):
    """A5"""
    kinds, chosen = run("""
        import json, backbay
        kinds = {}
        for name in ("acme-raising", "acme-exiting", "acme-twice", "acme-twicee", "acme"):
            try:
                kinds[name] = backbay.resolve(name).name
            except backbay.RegistryError as error:
                kinds[name] = [type(error).__name__, str(error), type(error.__cause__).__name__]
        print(json.dumps([kinds, backbay.resolve("acme-twice@backbay-acme-two").name]))
    """)
    assert kinds["acme"] == "acme"
    assert chosen == "acme-twice"
    assert [kinds[name][0] for name in ("acme-raising", "acme-exiting", "acme-twice", "acme-twicee")] == [
        "BackendImportError",
        "BackendImportError",
        "AmbiguousBackendError",
        "UnknownBackendError",
    ]
    assert [kinds["acme-raising"][2], kinds["acme-exiting"][2]] == ["RuntimeError", "SystemExit"]
    assert "backbay-acme-raising 1.3" in kinds["acme-raising"][1]
    assert "acme-twice@backbay-acme-one" in kinds["acme-twice"][1]
    assert "Did you mean 'acme-twice'?" in kinds["acme-twicee"][1]


@pytest.fixture
def llama_server():
    """The address of llama.cpp's own server with the model that backbay-local ships, one thread, on a free port."""
    xllamacpp = pytest.importorskip("xllamacpp")
    models = pytest.importorskip("backbay_local").__name__
    model = importlib.resources.files(models).joinpath("models", "backbay-tiny-q8_0.gguf")
    with importlib.resources.as_file(model) as path:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx, parameters.n_parallel = 2048, 1
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
        parameters.verbosity, parameters.warmup, parameters.ui = 0, False, False
        parameters.port = 0
        server = xllamacpp.Server(parameters)
        yield f"{server.listening_address}/v1"
        del server


def test_a_spec_without_a_method_answers_through_the_real_llama_cpp_server(run, llama_server):
    """A14"""
    whole, pieces, finish, tokens, models = run(
        """
        import json, sys, backbay
        question = "What is the capital of France?"
        with backbay.connect_sync("acme:tiny", base_url=sys.argv[1]) as backend:
            whole = backend.complete(question, temperature=0, max_tokens=40)
            with backend.stream(question, temperature=0, max_tokens=40) as stream:
                pieces = [event.delta for event in stream if isinstance(event, backbay.Text)]
            models = [model.id for model in backend.list_models()]
        print(json.dumps([whole.text, pieces, str(whole.finish), whole.usage.output, models]))
        """,
        llama_server,
    )
    assert "Paris" in whole
    assert "".join(pieces) == whole
    assert len(pieces) > 1
    assert finish == "stop"
    assert tokens > 0
    assert len(models) == 1
