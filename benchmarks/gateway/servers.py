"""The gateways that are compared: how each is started before an upstream, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import answers, free_port

HERE = Path(__file__).resolve().parent
_PATIENCE = 90.0

NAMES = ("backbay", "passthrough-aiohttp", "passthrough-direct", "litellm")


@dataclass(frozen=True, slots=True)
class Server:
    """A gateway that runs.

    Attributes:
        name: Of ``NAMES``.
        pid: Its first process.
        port: Where it listens.
        key: What its clients present.
        model: Puts the upstream's name before a model's.
        start: Seconds from its start until it accepted a connection.
        folder: Where its configuration and its key store are.
    """

    name: str
    pid: int
    port: int
    key: str
    model: Callable[[str], str]
    start: float
    folder: Path


class MissingError(Exception):
    """What is to be measured is not installed."""


@contextmanager
def running(name: str, upstream: str, *, extra: str = "") -> Iterator[Server]:
    """Start a gateway before an upstream; end it afterwards.

    Args:
        name: Of ``NAMES``.
        upstream: Base URL of a vendor with the chat wire, up to ``/v1``.
        extra: Further tables for ``gateway.toml``, for ``backbay`` alone.

    Raises:
        MissingError: It is not installed.
        SystemExit: It did not start.
    """
    with tempfile.TemporaryDirectory(prefix="backbay-bench-") as made:
        folder, port = Path(made), free_port()
        environment = {**os.environ, "OPENAI_API_KEY": "sk-stub", "PYTHONUTF8": "1", "HOME": made}
        command, more = _command(name, folder, port, upstream, extra)
        said, problems = folder / "stdout", folder / "stderr"
        begin = time.perf_counter()
        with said.open("wb") as out, problems.open("wb") as err:
            process = subprocess.Popen(
                command, env=environment | more, cwd=folder, stdout=out, stderr=err, start_new_session=True
            )
        try:
            start = _wait(process, port, begin, problems)
            key = _key(name, said)
            yield Server(name, process.pid, port, key, _prefix(name), start, folder)
        finally:
            _end(process)


def _command(name: str, folder: Path, port: int, upstream: str, extra: str) -> tuple[list[str], dict[str, str]]:
    if name == "backbay":
        path = folder / "gateway.toml"
        table = f'[[upstreams]]\nvendor = "openai"\nbase_url = "{upstream}"\n'
        path.write_text(
            f'[server]\nport = {port}\n[keys]\ndatabase = "sqlite:///{folder / "keys.sqlite"}"\n{table}{extra}',
            encoding="utf-8",
        )
        return [sys.executable, "-P", "-m", "backbay_cli", "serve", "--config", str(path)], {}
    if name == "litellm":
        found = os.environ.get("BACKBAY_LITELLM") or shutil.which("litellm", path=str(Path(sys.executable).parent))
        if found is None:
            raise MissingError("litellm is not installed beside this Python, and BACKBAY_LITELLM names none")
        path = folder / "litellm.yaml"
        path.write_text(
            f'model_list:\n  - model_name: "*"\n    litellm_params:\n      model: "openai/*"\n'
            f'      api_base: "{upstream}"\n      api_key: sk-stub\n'
            "litellm_settings:\n  telemetry: false\ngeneral_settings:\n  master_key: sk-master-1234\n",
            encoding="utf-8",
        )
        quiet = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return [found, "--config", str(path), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"], quiet
    client = name.removeprefix("passthrough-")
    return [sys.executable, "-P", str(HERE / "passthrough.py"), client, str(port), upstream], {}


def _prefix(name: str) -> Callable[[str], str]:
    return (lambda model: f"openai:{model}") if name == "backbay" else (lambda model: model)


def _key(name: str, said: Path) -> str:
    if name == "litellm":
        return "sk-master-1234"
    if name != "backbay":
        return "none"
    for _ in range(100):
        for line in said.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("bb_"):
                return line.strip()
        time.sleep(0.02)
    raise SystemExit("The gateway did not print its first key.")


def _wait(process: subprocess.Popen[bytes], port: int, begin: float, problems: Path) -> float:
    while time.perf_counter() - begin < _PATIENCE:
        if process.poll() is not None:
            break
        if answers(port) and process.poll() is None:
            return time.perf_counter() - begin
        time.sleep(0.01)
    raise SystemExit(f"It did not start: {problems.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            # Its own session, so that nobody else is in its group.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
