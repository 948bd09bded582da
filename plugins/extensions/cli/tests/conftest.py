"""The command as a process of its own, plugins made by hand, and a vendor on a loopback socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import backbay
from backbay.testing import Pause, Received, Reply, ScriptedServer

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMAND = [sys.executable, "-P", "-m", "backbay_cli"]

ACME = """
from backbay import BackendSpec, Capabilities

spec = BackendSpec(
    name="acme",
    label="Acme",
    wires=("openai_chat",),
    base_url_env=("ACME_BASE_URL",),
    credential_env=("ACME_API_KEY", "ACME_TOKEN"),
    requires_credential=False,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools structured_output image_input temperature max_tokens stop seed "
        "usage list_models health"
    ),
)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a fresh account: none that configures Backbay, a vendor, a proxy or a terminal."""
    kept = {"PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
    bare = {name: value for name, value in os.environ.items() if name in kept}
    return {**bare, "HOME": str(tmp_path), "PYTHONUTF8": "1"}


@pytest.fixture
def plugins(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Path]:
    """Install plugins by hand into a folder of their own, which goes onto ``PYTHONPATH``."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    environment["PYTHONPATH"] = str(folder)

    def install(
        distribution: str, source: str, *, name: str = "acme", group: str = "backbay.backends", value: str = ":spec"
    ) -> Path:
        module = distribution.replace("-", "_")
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}{value}\n", encoding="utf-8")
        return folder

    return install


@pytest.fixture
def cli(environment: dict[str, str]) -> Run:
    """Run ``backbay ARGUMENTS`` in a process of its own."""

    def run(
        *arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**environment, **(env or {})},
            timeout=60,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def chunk(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "a1", "object": "chat.completion.chunk", "model": "acme-1", "choices": [choice]}


def usage(**counts: object) -> dict[str, object]:
    return {"id": "a1", "object": "chat.completion.chunk", "model": "acme-1", "choices": [], "usage": counts}


RUDE = "plain \x1b]0;title\x07\x1b[2J[bold]not markup[/bold] \u202eevil\x9b1m\r\nend"


def answer(request: Received) -> Reply:
    """What Acme answers, by the words of the prompt."""
    if request.path.endswith("/models"):
        models = [{"id": "acme-2", "owned_by": "acme"}, {"id": "acme-1\x1b[2J", "owned_by": "[red]acme"}]
        return Reply.json({"object": "list", "data": models})
    body = json.dumps(request.json["messages"][-1]).encode()
    if b"forever" in body:
        return Reply.events(*[chunk({"content": f"word{number} "}) for number in range(400)], pause=0.05)
    if b"silence" in body:
        return Reply(headers={"content-type": "text/event-stream"}, steps=[Pause(30.0)])
    if b"cut" in body:
        return Reply.events(chunk({"content": "half an ans"}), done=False)
    if b"refuse" in body:
        return Reply.json({"error": {"message": "no \x1b[31mway", "code": "nope"}}, status=400)
    if b"slowly" in body:
        return Reply.events(*[chunk({"content": word}) for word in "a b c".split()], chunk({}, "stop"), pause=0.1)
    if b"rude" in body:
        events = [chunk({"content": character}) for character in RUDE]
        return Reply.events(*events, chunk({}, "stop"))
    if b"weather" in body:
        return Reply.events(*_calls(), chunk({}, "tool_calls"), usage(prompt_tokens=9, completion_tokens=7))
    thought = [chunk({"reasoning_content": "Let me "}), chunk({"reasoning_content": "think."})]
    said = [chunk({"content": "Hello"}), chunk({"content": ", world."}), chunk({}, "stop")]
    counts = usage(prompt_tokens=12, completion_tokens=34, completion_tokens_details={"reasoning_tokens": 8})
    return Reply.events(*thought, *said, counts, pause=0.01)


def _calls() -> Iterator[dict[str, object]]:
    function = {"name": "weather", "arguments": '{"city": '}
    yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
    yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]})


@pytest.fixture
def acme(plugins: Callable[..., Path], environment: dict[str, str]) -> Iterator[ScriptedServer]:
    """The backend ``acme``, installed by hand, and its server."""
    plugins("backbay-acme", ACME)
    with ScriptedServer(answer) as server:
        environment["ACME_BASE_URL"] = server.url
        yield server


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """The backend ``acme`` in this process, and its server, for tests that call ``main`` themselves."""
    namespace: dict[str, Any] = {}
    exec(ACME, namespace)
    for name in ("ACME_API_KEY", "ACME_TOKEN", "ACME_OTHER", "BACKBAY_DEBUG", "BACKBAY_PLUGINS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    with ScriptedServer(answer) as server, backbay.register("acme", namespace["spec"]):
        monkeypatch.setenv("ACME_BASE_URL", server.url)
        yield server


@pytest.fixture
def command() -> list[str]:
    """The words that start the command, for a test that runs the process itself."""
    return list(COMMAND)


@pytest.fixture
def rude_text() -> str:
    """What Acme answers to a prompt with the word ``rude``."""
    return RUDE
