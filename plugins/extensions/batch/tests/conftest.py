"""A vendor on a loopback socket that counts what it is asked for, and batches made for a test."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import backbay
from backbay.testing import Pause, Received, Reply, ScriptedServer
from backbay_batch import Rules, Summary, run_batch

ACME = """
from backbay import BackendSpec, Capabilities

spec = BackendSpec(
    name="acme",
    label="Acme",
    wires=("openai_chat",),
    base_url_env=("ACME_BASE_URL",),
    credential_env=("ACME_API_KEY",),
    requires_credential=False,
    capabilities=Capabilities.of(full="generate streaming system_prompt temperature max_tokens usage embeddings",
                                 unsupported="tools"),
)
"""


def chat_line(custom_id: str, prompt: str = "", **body: Any) -> dict[str, Any]:
    given = {"model": "acme-1", "messages": [{"role": "user", "content": prompt or custom_id}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": given}


@pytest.fixture
def line() -> Callable[..., dict[str, Any]]:
    """Makes a line of a chat completion whose prompt is its id."""
    return chat_line


def completion(text: str, prompt: int = 10, answer: int = 5) -> dict[str, Any]:
    return {
        "id": "a1",
        "object": "chat.completion",
        "created": 1,
        "model": "acme-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer},
    }


class Vendor:
    """What Acme does: by the words of a prompt, and after ``pause`` seconds."""

    def __init__(self) -> None:
        self.pause = 0.0
        self.asked: Counter[str] = Counter()
        self.under_way = self.most_at_once = 0
        self.answers: dict[str, Callable[[int], Reply | None]] = {}
        """By a word of the prompt: what is answered to it the nth time, from 1; ``None`` for the usual."""
        self.server = ScriptedServer(self._reply)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def total(self) -> int:
        """How many requests came."""
        return self.asked.total()

    def _reply(self, request: Received) -> Reply:
        body = request.json
        if request.path.endswith("/embeddings"):
            self.asked[" ".join(body["input"])] += 1
            data = [{"index": index, "embedding": [0.5, len(text)]} for index, text in enumerate(body["input"])]
            return Reply.json({"object": "list", "data": data, "model": "acme-e", "usage": {"prompt_tokens": 7}})
        prompt = body["messages"][-1]["content"]
        self.asked[prompt] += 1
        for word, answer in self.answers.items():
            if word in prompt and (found := answer(self.asked[prompt])) is not None:
                return found
        said = json.dumps(completion(f"echo {prompt}")).encode()
        steps = [Pause(self.pause), said] if self.pause else [said]
        return Reply(headers={"content-type": "application/json"}, steps=steps)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch):
    """The backend ``acme`` in this process, and its server."""
    namespace: dict[str, Any] = {}
    exec(ACME, namespace)
    found = Vendor()
    with found.server, backbay.register("acme", namespace["spec"]):
        monkeypatch.setenv("ACME_BASE_URL", found.url)
        yield found


class Files:
    """An input and an output in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.input = folder / "requests.jsonl"
        self.output = folder / "results.jsonl"
        self.journal = folder / "results.jsonl.journal"

    def write(self, *lines: Mapping[str, Any] | str | bytes) -> Path:
        encoded = [each if isinstance(each, bytes) else each.encode() if isinstance(each, str) else json.dumps(each).encode() for each in lines]  # fmt: skip  # noqa: E501
        self.input.write_bytes(b"\n".join(encoded) + b"\n")
        return self.input

    def many(self, count: int, **body: Any) -> list[str]:
        ids = [f"r{number}" for number in range(count)]
        self.write(*[chat_line(each, **body) for each in ids])
        return ids

    @property
    def results(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.output.read_bytes().splitlines()]

    def text(self, custom_id: str) -> str:
        [found] = [each for each in self.results if each["custom_id"] == custom_id]
        return found["response"]["body"]["choices"][0]["message"]["content"]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def batch(files: Files) -> Callable[..., Summary]:
    """Runs a batch over the test's files."""

    def run(backend: Any = "acme:acme-1", *, rules: Mapping[str, Any] | None = None, **options: Any) -> Summary:
        given = Rules(**{"concurrency": 8, **(rules or {})})
        source, output = options.pop("input", files.input), options.pop("output", files.output)
        return asyncio.run(run_batch(source, output, backend=backend, rules=given, **options))

    return run


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a fresh account, with Acme installed by hand."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "backbay_acme.py").write_text(ACME, encoding="utf-8")
    info = folder / "backbay_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: backbay-acme\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[backbay.backends]\nacme = backbay_acme:spec\n", encoding="utf-8")
    kept = {"PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
    bare = {name: value for name, value in os.environ.items() if name in kept}
    return {**bare, "HOME": str(tmp_path), "PYTHONUTF8": "1", "PYTHONPATH": str(folder)}


@pytest.fixture
def command(environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Starts ``backbay batch run ARGUMENTS`` as a process of its own."""

    def start(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "backbay_cli", "batch", "run", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **(env or {})},
            **options,
        )

    return start


@pytest.fixture
def acme(environment: dict[str, str]):
    """Acme's server, for processes."""
    found = Vendor()
    with found.server:
        environment["ACME_BASE_URL"] = found.url
        yield found
