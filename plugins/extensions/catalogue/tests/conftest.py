"""A vendor on loopback, and a catalogue on SQLite and on a real PostgreSQL, each new for a test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import backbay
from backbay import BackendSpec, Capabilities, ModelInfo, Provider
from backbay.testing import Reply, ScriptedServer
from backbay_catalogue import Catalogue

MISSING = "no PostgreSQL: install the package postgresql, or set BACKBAY_POSTGRESQL to the folder of its programs"


def _programs():
    """Return the folder of initdb and postgres, or None."""
    named = os.environ.get("BACKBAY_POSTGRESQL")
    folders = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("postgres")
    folders += [Path(found).resolve().parent] if found else []
    return next((each for each in folders if (each / "postgres").exists() and (each / "initdb").exists()), None)


def _port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def _running(programs):
    """Give the URL of a new server on loopback. PostgreSQL does not run as root, so then it runs as nobody."""
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="backbay-postgresql-"))
    who = {"user": 65534, "group": 65534, "extra_groups": []} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
    if who:
        os.chown(folder, 65534, 65534)
    settings = {**who, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    made = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        "backbay",
        "-A",
        "trust",
        "-N",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    process = None
    try:
        subprocess.run(made, check=True, **settings)
        port = _port()
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
        process = subprocess.Popen([programs / "postgres", "-D", folder / "data", *options], **settings)
        url = f"postgresql://backbay@127.0.0.1:{port}"
        for _ in range(300):
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(f"{url}/postgres", connect_timeout=2):
                break
            assert process.poll() is None, "PostgreSQL ended by itself"
            time.sleep(0.05)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a PostgreSQL server."""
    programs = _programs()
    if programs is None:
        pytest.skip(MISSING)
    pytest.importorskip("psycopg", reason="the extra postgresql is not installed")
    with _running(programs) as url:
        yield url


@pytest.fixture
def new_database(postgresql):
    """A function that makes a database, and gives its URL."""
    import psycopg

    count = iter(range(1000))

    def make():
        name = f"test_{next(count)}_{time.time_ns()}"
        with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{postgresql}/{name}"

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path, monkeypatch):
    """Where a new catalogue is; it is also what the environment says."""
    made = (
        request.getfixturevalue("new_database")() if request.param == "postgresql" else str(tmp_path / "catalogue.db")
    )
    monkeypatch.setenv("BACKBAY_CATALOGUE", made)
    return made


@pytest.fixture
def catalogue(where):
    with Catalogue(where, timeout=0.3) as opened:
        yield opened


class Vendor:
    """What the server lists: set ``models`` to change it, ``status`` to break it."""

    def __init__(self):
        self.models = [{"id": "m"}]
        self.status = 200
        self.url = ""

    def answer(self, request):
        if self.status != 200:
            return Reply.json({"error": {"message": "broken"}}, status=self.status)
        if request.path.endswith("/models"):
            return Reply.json({"data": self.models})
        choice = {"message": {"content": f"I am {request.json['model']}."}, "finish_reason": "stop"}
        if request.json.get("stream"):
            delta = {"choices": [{"delta": choice["message"], "finish_reason": "stop"}]}
            return Reply.events(delta)
        return Reply.json({"choices": [choice]})


@pytest.fixture
def vendor():
    """The vendor behind the backend ``acme``."""
    vendor = Vendor()
    spec = BackendSpec(
        name="acme",
        label="Acme",
        wires=("openai_chat",),
        base_url_env=("ACME_BASE_URL",),
        credential_env=("ACME_API_KEY",),
        requires_credential=False,
        config={"thinking_field": "of the wire"},
        capabilities=Capabilities.of(
            full="generate streaming system_prompt temperature max_tokens usage list_models health",
            versioned="tools",
            unsupported="audio_input",
        ),
    )
    with ScriptedServer(vendor.answer) as server, backbay.register("acme", spec):
        vendor.url, vendor.server = server.url, server
        yield vendor


@pytest.fixture
def provider(vendor, catalogue):
    """The saved provider ``mine``."""
    made = Provider(name="mine", backend_name="acme", base_url=vendor.url)
    catalogue.add(made)
    return made


@pytest.fixture
def rows(catalogue):
    """A function that gives every model of ``mine``, by its name."""
    from backbay_catalogue import Query

    return lambda: {each.handle: each for each in catalogue.search(Query(limit=None, missing=True))}


@pytest.fixture
def info():
    """A function that makes a model of a list."""
    return lambda handle, **fields: ModelInfo(id=handle, **fields)
