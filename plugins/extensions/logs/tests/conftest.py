"""A vendor on loopback, a log of this program's calls, and folders in which nobody has switched anything on."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

import backbay
import backbay_logs
from backbay import BackendSpec, Capabilities
from backbay.testing import Pause, Reply, ScriptedServer, sse

BASE = {"id": "c-1", "model": "m-1-2026"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
KEY = "sk-acme-0123456789abcdef"


class Vendor:
    """Answers as OpenAI does. ``pause`` is in seconds, before each piece of a stream."""

    def __init__(self):
        self.pause = 0.0
        self.text = "Paris is the capital."
        self.fail = None

    def answer(self, request):
        if self.fail is not None:
            return self.fail
        if request.json.get("stream"):
            return Reply(headers={"content-type": "text/event-stream"}, steps=self.steps())
        choice = {"index": 0, "message": {"content": self.text}, "finish_reason": "stop"}
        return Reply.json({**BASE, "choices": [choice], "usage": USAGE})

    def steps(self):
        """The pieces of a stream, each after its pause."""
        steps = []
        for word in self.text.split(" "):
            delta = {"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}
            steps += [Pause(self.pause), sse({**BASE, "choices": [delta]})]
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        steps += [sse({**BASE, "choices": [last]}), sse({**BASE, "choices": [], "usage": USAGE}), sse("[DONE]")]
        return steps


@pytest.fixture(autouse=True)
def _nothing_switched_on(monkeypatch, tmp_path):
    monkeypatch.delenv("BACKBAY_LOGS", raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def vendor(monkeypatch):
    """The vendor behind the backend ``acme``."""
    vendor = Vendor()
    spec = BackendSpec(
        name="acme",
        label="Acme",
        wires=("openai_chat",),
        base_url_env=("ACME_BASE_URL",),
        credential_env=("ACME_API_KEY",),
        capabilities=Capabilities.of(
            full="generate streaming system_prompt tools temperature max_tokens stop usage image_input reasoning",
            unsupported="seed",
        ),
    )
    with ScriptedServer(vendor.answer) as server, backbay.register("acme", spec):
        vendor.server, vendor.url = server, server.url
        monkeypatch.setenv("ACME_BASE_URL", server.url)
        monkeypatch.setenv("ACME_API_KEY", KEY)
        yield vendor


@pytest.fixture
def logged(tmp_path):
    """A function that runs another while calls are logged; gives the records. ``logged.file`` is the log."""

    def run(action, *, file=None, **options):
        path = file or run.file
        backbay_logs.start(path, **options)
        try:
            action()
        finally:
            backbay_logs.stop()
        return list(backbay_logs.Log(path).records())

    run.file = tmp_path / "log" / "logs.db"
    return run


@pytest.fixture
def python(tmp_path):
    """A function that starts a Python program; gives the process."""

    def start(program, *arguments, **environment):
        code = textwrap.dedent(program)
        given = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=tmp_path, env=given, **pipes)

    return start


@pytest.fixture
def record():
    """A function that makes a record."""

    def make(prompt="hi", text="Hello.", **fields):
        given = {
            "time": 1_600_000_000.0,
            "backend": "acme",
            "model": "m-1",
            "operation": "generate",
            "messages": [{"role": "user", "content": prompt}],
            "options": {},
            "text": text,
            "duration": 0.5,
        }
        return backbay_logs.Record(**{**given, **fields})

    return make


@pytest.fixture
def filled(tmp_path):
    """A function that writes records into a new log, and gives it."""
    from backbay_logs.database import Database

    def fill(*records, max_bytes=10**9):
        path = tmp_path / "filled.db"
        database = Database(path)
        database.add(records, max_bytes=max_bytes)
        database.close()
        return backbay_logs.Log(path)

    return fill


@pytest.fixture
def key():
    return KEY
