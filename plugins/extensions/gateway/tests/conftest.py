"""A gateway on a real socket, in a thread of its own, and a vendor of the tests behind it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import backbay
from backbay.errors import OverloadedError
from backbay.testing import Reply, ScriptedServer
from backbay_gateway import health
from backbay_gateway.config import GatewayConfig
from backbay_gateway.keys.database import Database
from backbay_gateway.server import GatewayServer, Setup

SPEC = backbay.BackendSpec(
    name="acme",
    label="Acme",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    credential_env=("ACME_API_KEY",),
    capabilities=backbay.Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice structured_output "
        "json_mode image_input temperature top_p max_tokens stop seed usage list_models health embeddings "
        "execute count_tokens"
    ),
    per_wire={"anthropic_messages": {"auth_header": "x-api-key"}},
)
UPSTREAM_KEY = "acme-upstream-secret-0123456789"


class Running:
    """A gateway that runs.

    Attributes:
        server: The server in its thread.
        port: Where it listens.
        key: A key of it.
    """

    def __init__(self, server: GatewayServer, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self.port, self.loop = server, port, loop
        self.key = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def soon(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def run() -> Any:
            return function(*arguments)

        return self.call(run())

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        key: str | None = "",
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {} if key is None else {"authorization": f"Bearer {key or self.key}"}
        sent |= {"content-type": "application/json"} if data is not None else {}
        try:
            connection.request(method or ("GET" if data is None else "POST"), path, data, {**sent, **(headers or {})})
            response = connection.getresponse()
            try:
                return Answer(response.status, dict(response.getheaders()), response.read(), whole=True)
            except http.client.IncompleteRead as cut:
                return Answer(response.status, dict(response.getheaders()), cut.partial, whole=False)
        finally:
            connection.close()

    def raw(self, data: bytes, *, seconds: float = 3.0) -> bytes:
        """Send bytes as they are; return all that comes until the gateway closes, or is silent for ``seconds``."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            found = b""
            try:
                while more := connection.recv(65536):
                    found += more
            except (TimeoutError, ConnectionResetError):
                return found
            return found

    @property
    def live(self) -> int:
        return len(self.server.gateway.live)

    def until(self, condition: Callable[[], Any], seconds: float = 2.0) -> float:
        """Wait until something holds; return how long that took."""
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < seconds, "it did not come to that"
            time.sleep(0.005)
        return time.monotonic() - start


class Answer:
    """An answer of a gateway. ``whole`` is false if it broke off before its end."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, *, whole: bool) -> None:
        self.status, self.body, self.whole = status, body, whole
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The vendor of the tests, with a key in the environment."""
    monkeypatch.setenv("ACME_API_KEY", UPSTREAM_KEY)
    with backbay.register("acme", SPEC, replace=True):
        yield


@pytest.fixture
def vendor() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a vendor that answers by a script."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(ScriptedServer(script))


@pytest.fixture
def gateway(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Running]]:
    """Start a gateway in a thread: ``gateway(upstreams=[...], server={...})``, with the tables of ``gateway.toml``."""
    started: list[tuple[GatewayServer, threading.Thread]] = []

    def start(*, load: Callable[[], GatewayConfig] | None = None, path: Path | None = None, **tables: Any) -> Running:
        tables.setdefault("server", {})
        tables.setdefault("keys", {"database": f"sqlite:///{tmp_path / f'keys{len(started)}.sqlite'}"})
        config = load() if load is not None else GatewayConfig.model_validate(tables)
        ready = threading.Event()
        found: list[Any] = []

        def tell(first: Any, store: str) -> None:
            found.append(first)
            ready.set()

        server = GatewayServer(Setup(config, load, path, "a test", ready=tell))
        sock = socket.create_server(("127.0.0.1", 0))
        running: list[Running] = []

        def run() -> None:
            async def main() -> None:
                running.append(Running(server, sock.getsockname()[1], asyncio.get_running_loop()))
                await server.serve(sockets=[sock])

            asyncio.run(main())

        thread = threading.Thread(target=run, daemon=True)
        started.append((server, thread))
        thread.start()
        assert ready.wait(10), "the gateway did not start"
        running[0].key = found[0].text if found[0] is not None else ""
        return running[0]

    yield start
    for server, _ in started:
        server.force_exit = server.should_exit = True
    for _, thread in started:
        thread.join(10)
        assert not thread.is_alive(), "the gateway did not stop"


@pytest.fixture
def one(
    gateway: Callable[..., Running], vendor: Callable[..., ScriptedServer], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Start a gateway before one scripted vendor: ``one(script, **upstream)`` gives both."""
    # A check of health would be among the requests that the vendor saw, perhaps as the first.
    monkeypatch.setattr(health, "FIRST_CHECK", (600.0, 600.0))

    def start(script: Any, *, tables: dict[str, Any] | None = None, **upstream: Any) -> tuple[Running, ScriptedServer]:
        server = vendor(script)
        table = {"vendor": "acme", "base_url": server.url, **upstream}
        given = {"routing": {"retries": 0, "health_interval": 3600}, **(tables or {})}
        return gateway(upstreams=[table], **given), server

    return start


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``backbay serve`` as a process of its own."""
    kept = {"PATH", "LANG", "LC_ALL", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name in kept}
        environment |= {"HOME": str(tmp_path), "PYTHONUTF8": "1", **variables}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "backbay_cli", "serve", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


class Cluster:
    """A PostgreSQL of the tests' own, on a socket in a folder.

    Attributes:
        folder: Where its socket and its data are.
        url: What ``Keys.open`` takes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"postgresql://acme@/postgres?host={folder}"
        self._server: subprocess.Popen[bytes] | None = None
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        on_path = shutil.which("postgres")
        if not found and on_path is None:
            pytest.skip("PostgreSQL is not installed: no postgres in /usr/lib/postgresql/*/bin or on PATH")
        self._programs = found[-1].parent if found else Path(on_path or "").parent
        self._more: dict[str, Any] = {"env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}}
        if os.geteuid() == 0:
            # It does not run as root.
            import pwd

            try:
                other = pwd.getpwnam("nobody")
            except KeyError:
                pytest.skip("PostgreSQL does not run as root, and there is no user nobody")
            os.chown(folder, other.pw_uid, other.pw_gid)
            self._more |= {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
        words = [self._programs / "initdb", "-D", folder / "data", "-U", "acme", "-A", "trust", "--no-sync"]
        made = subprocess.run([*words, "-E", "UTF8"], capture_output=True, cwd=folder, check=False, **self._more)
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Start it, and wait until it can be asked."""
        words = [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        words += ["-c", "listen_addresses=", "-c", "fsync=off"]
        null = subprocess.DEVNULL
        self._server = subprocess.Popen(words, stdout=null, stderr=null, cwd=self.folder, **self._more)
        for _ in range(200):
            try:
                Database(self.url).close()
            except OverloadedError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("PostgreSQL did not start")

    def stop(self) -> None:
        """Stop it at once; whoever is connected is cut off."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(20)
            self._server = None


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that runs."""
    pytest.importorskip("psycopg")
    # A short path of its own: a socket's name has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    found = None
    try:
        found = Cluster(folder)
        found.start()
        yield found
    finally:
        if found is not None:
            found.stop()
        shutil.rmtree(folder, ignore_errors=True)


CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
"""A whole answer of the chat wire."""


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of the chat wire."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


CHUNKS = [chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo."}), chunk({}, "stop")]


@pytest.fixture
def chat() -> Reply:
    """A whole answer of the chat wire."""
    return Reply.json(CHAT)


@pytest.fixture
def chunks() -> list[dict[str, Any]]:
    """The chunks of a short streamed answer of the chat wire."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return [*CHUNKS, {**CHUNKS[0], "choices": [], "usage": usage}]


@pytest.fixture
def question() -> dict[str, Any]:
    """A request of the chat wire."""
    return {"model": "acme:m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def message_question() -> dict[str, Any]:
    """A request of the messages wire."""
    return {"model": "acme:m", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
