"""A vendor on loopback that counts what it is asked, a backend of it, and a file for a cache."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap

import pytest

import backbay
import backbay_cache
from backbay import BackendSpec, Capabilities
from backbay.testing import Pause, Reply, ScriptedServer, sse

KEY = "sk-acme-0123456789abcdef"


class Vendor:
    """Answers as OpenAI does, each time with another number. ``pause`` is in seconds, before each piece of a stream."""

    def __init__(self):
        self.pause = 0.0
        self.count = 0
        self.fail = None
        self.finish = "stop"
        self.message = {}

    @property
    def bodies(self):
        return [request.json for request in self.server.requests if request.method == "POST"]

    def answer(self, request):
        if self.fail is not None:
            return self.fail
        if request.path.endswith("/models"):
            return Reply.json({"data": [{"id": "m-1"}]})
        self.count += 1
        if request.path.endswith("/embeddings"):
            vectors = [{"index": at, "embedding": [0.1 * self.count, at]} for at, _ in enumerate(request.json["input"])]
            return Reply.json({"data": vectors, "model": "e-1", "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        if request.json.get("stream"):
            return self._stream(usage)
        message = {"role": "assistant", "content": f"Answer {self.count}.", **self.message}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        body = Reply.json({"id": f"c-{self.count}", "model": "m-1", "choices": [choice], "usage": usage})
        return Reply(headers=body.headers, steps=[Pause(self.pause), *body.steps])

    def _stream(self, usage):
        steps = []
        base = {"id": f"c-{self.count}", "model": "m-1"}
        for text in ("Answer", f" {self.count}", "."):
            delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            steps += [Pause(self.pause), sse({**base, "choices": [delta]})]
        last = {"index": 0, "delta": {}, "finish_reason": self.finish}
        steps += [sse({**base, "choices": [last]}), sse({**base, "choices": [], "usage": usage}), sse("[DONE]")]
        return Reply(headers={"content-type": "text/event-stream"}, steps=steps)


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
            full="generate streaming system_prompt tools temperature top_p max_tokens stop usage list_models health "
            "embeddings structured_output json_mode reasoning image_input",
            unsupported="seed",
        ),
    )
    with ScriptedServer(vendor.answer) as server, backbay.register("acme", spec):
        vendor.server, vendor.url = server, server.url
        monkeypatch.setenv("ACME_BASE_URL", server.url)
        monkeypatch.setenv("ACME_API_KEY", KEY)
        yield vendor


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file that is not there yet; it is also what the environment says."""
    path = tmp_path / "cache" / "answers.db"
    monkeypatch.setenv("BACKBAY_CACHE", str(path))
    return path


@pytest.fixture
def run(vendor, file):
    """A function that runs a coroutine function with a cached backend, made with the options."""

    def call(main, backend="acme:m-1", **options):
        async def inner():
            async with backbay_cache.cached(backend, **options) as cached:
                return await main(cached)

        return asyncio.run(inner())

    return call


@pytest.fixture
def python(tmp_path):
    """A function that starts a Python program; gives the process."""

    def start(program, **more):
        code = textwrap.dedent(program)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment, **pipes, **more)

    return start


@pytest.fixture
def key():
    return KEY
